/** The VLANs of a stack: which interface stands for which tag on which wire. */

import type { Interface, NetBuf, Netif, NetifEvent } from '@favonius/contract'
import { ConfigError, type Settings } from '@favonius/kconfig'
import { ETHERTYPE_VLAN, failure } from '@favonius/inet'
import type { vlanOptions } from '../options.ts'
import { LEAST_TYPE } from '../wire.ts'
import { untag, VlanL2 } from './l2.ts'
import { at, ETHERTYPE_SERVICE_TAG, NO_VLAN, RESERVED, TAG, vlanOf } from './wire.ts'

/** Which VLAN an interface is. */
export interface VlanPlace {
  /** The interface whose frames carry the tag. */
  readonly lower: Interface
  /** The VLAN's number, 1–4094. */
  readonly tag: number
}

/** `stack.vlan`. */
export interface Vlan {
  /** VLAN interfaces, in the order in which they were added. */
  readonly interfaces: readonly Interface[]
  /**
   * Makes an interface of the frames on `lower` that carry `tag`, 1–4094. It has the link address and the MTU of `lower`, and
   * its carrier while `lower` is running. It is named `eth0.100` unless `name` is given; `up()` enables it.
   *
   * Throws EINVAL for a tag that is none, EEXIST when `lower` has this VLAN, ENODEV when `lower` is not this stack's, ENOBUFS at
   * `maxVlans`; a ConfigError when `lower` is not Ethernet or is a VLAN itself, or the name will not do.
   */
  add(lower: Interface, tag: number, options?: { readonly name?: string }): Interface
  /** Takes it down and forgets its addresses and routes. Harmless when it is gone; EINVAL for an interface that is no VLAN. */
  remove(iface: Interface): Promise<void>
  /** What `iface` is a VLAN of; undefined when it is none. */
  of(iface: Interface): VlanPlace | undefined
}

interface Entry extends VlanPlace {
  readonly iface: Interface
  setCarrier(up: boolean): void
}

/** One number for a tag on an interface: indices are not used twice. */
const keyOf = (lower: Interface, tag: number): number => lower.index * 0x1000 + tag

/** VLANs on the Ethernet interfaces of one stack. `vlan()` makes one; so does whoever wires a stack by hand. */
export class VlanLayer implements Vlan {
  readonly #netif: Netif
  readonly #maxVlans: number
  readonly #entries = new Map<number, Entry>()
  readonly #drops
  readonly #ends: (() => void)[]

  constructor(netif: Netif, options: Settings<typeof vlanOptions>) {
    this.#netif = netif
    this.#maxVlans = options.maxVlans
    this.#drops = netif.reasons({
      short: ['vlan: shorter than its tag', 'top.processing_error'],
      reserved: ['vlan: reserved tag', 'top.processing_error'],
      twice: ['vlan: tagged twice', 'top.processing_error'],
      length: ['vlan: 802.3 length, not a type', 'top.processing_error'],
      unknown: ['vlan: not one of ours'],
      otherStation: ['vlan: for another station'],
      disabled: ['vlan: received while disabled', 'top.processing_error'],
      headroom: ['vlan: no room for its tag'],
    })
    this.#ends = [
      netif.registerProtocol(ETHERTYPE_VLAN, (iface, packet) => this.#receive(iface, packet)),
      netif.listen((event) => this.#happened(event)),
    ]
  }

  async stop(): Promise<void> {
    for (const iface of [...this.interfaces].reverse()) await this.#netif.remove(iface)
    for (const end of this.#ends) end()
  }

  // ---- the public face ----

  get interfaces(): readonly Interface[] {
    return [...this.#entries.values()].map(({ iface }) => iface)
  }

  add(lower: Interface, tag: number, { name = `${lower.name}.${tag}` }: { readonly name?: string } = {}): Interface {
    if (!Number.isInteger(tag) || tag <= NO_VLAN || tag >= RESERVED) {
      throw failure('EINVAL', `${tag} is no VLAN's tag: use 1 to 4094 (0 names no VLAN, 4095 is reserved)`)
    }
    if (!this.#netif.interfaces.includes(lower)) {
      throw failure('ENODEV', `${lower.name} is not an interface of this stack: give one that netif.add() returned, and that was not removed`)
    }
    const place = this.of(lower)
    if (place !== undefined) {
      throw new ConfigError(`${lower.name} is a VLAN, and a tag within a tag (Q-in-Q) is not supported: add ${tag} to ${place.lower.name}`)
    }
    if (lower.medium !== 'ethernet') {
      throw new ConfigError(`${lower.name} is of medium ${lower.medium}, which has no VLANs: give an Ethernet interface`)
    }
    const key = keyOf(lower, tag)
    const known = this.#entries.get(key)
    if (known !== undefined) throw failure('EEXIST', `${lower.name} has VLAN ${tag} already: use ${known.iface.name}, or remove it first`)
    if (this.#entries.size >= this.#maxVlans) {
      throw failure('ENOBUFS', `there are ${this.#maxVlans} VLANs, and no room for ${tag} of ${lower.name}: remove one, or compose vlan({ maxVlans }) ` +
        'with more, up to 255 (CONFIG_NET_VLAN_COUNT)')
    }
    const { iface, setCarrier } = this.#netif.addVirtual({
      name,
      l2: new VlanL2(lower, tag, this.#drops.headroom),
      address: lower.address,
      mtu: lower.mtu,
      lower,
      // A device that finishes checksums is told where they stand. One that cuts large segments need not know of tags.
      offload: { ...lower.offload, segmentation: 0 },
    })
    this.#entries.set(key, { iface, lower, tag, setCarrier })
    setCarrier(lower.running)
    return iface
  }

  async remove(iface: Interface): Promise<void> {
    if (this.of(iface) === undefined && this.#netif.interfaces.includes(iface)) {
      throw failure('EINVAL', `${iface.name} is no VLAN: netif.remove() takes it away`)
    }
    await this.#netif.remove(iface)
  }

  of(iface: Interface): VlanPlace | undefined {
    for (const entry of this.#entries.values()) if (entry.iface === iface) return { lower: entry.lower, tag: entry.tag }
    return undefined
  }

  // ---- what happens to interfaces ----

  #happened({ type, iface }: NetifEvent): void {
    if (type !== 'up' && type !== 'down' && type !== 'removed') return
    for (const [key, entry] of [...this.#entries]) {
      if (entry.lower === iface) {
        if (type === 'removed') void this.#netif.remove(entry.iface)
        else entry.setCarrier(type === 'up')
      } else if (entry.iface === iface && type === 'removed') this.#entries.delete(key)
    }
  }

  // ---- the way up ----

  /** A packet that came to `lower` with type 0x8100, and begins with the rest of its tag. */
  #receive(lower: Interface, packet: NetBuf): void {
    if (packet.length < TAG) return lower.drop(packet, this.#drops.short)
    const { dv, offset } = packet
    const tag = vlanOf(dv.getUint16(offset + at.control))
    const type = dv.getUint16(offset + at.type)
    if (tag === RESERVED) return lower.drop(packet, this.#drops.reserved)
    if (type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_TAG) return lower.drop(packet, this.#drops.twice)
    if (type < LEAST_TYPE) return lower.drop(packet, this.#drops.length)
    if (tag === NO_VLAN) {
      // IEEE 802.1Q-2022 §6.9.1: of no VLAN but the wire's own, as if it were untagged, with a priority.
      untag(packet)
      return lower.input(packet)
    }
    const iface = this.#entries.get(keyOf(lower, tag))?.iface
    if (iface === undefined) return lower.drop(packet, this.#drops.unknown)
    if (!iface.enabled) return iface.drop(packet, this.#drops.disabled)
    // The interface below may hear them for others' sake.
    if (packet.cast === 3 && !iface.promiscuous) return iface.drop(packet, this.#drops.otherStation)
    iface.receive(packet)
  }
}
