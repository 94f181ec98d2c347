/** The interfaces of one stack, and the tables by which links, resolvers and network layers meet on them. */

import type {
  AddOptions, Address, DefaultInterface, Device, Env, Family, Interface, L2, LinkAddress, Medium, NetBuf, Netif, NetifEvent, NetworkInput,
  PacketHandler, PacketTimer, Resolver, Statistics, Tap, Traffic, VirtualOptions, BufferPool, DropReason, Timer,
} from '@favonius/contract'
import { ConfigError } from '@favonius/kconfig'
import { CounterTable } from './counters.ts'
import { NetworkInterface, type InterfaceParts, type Shared } from './interface.ts'
import { PacketRing } from './ring.ts'

/** Packets to ourselves that wait for the next turn. */
const LOOP_LIMIT = 256
/** Packets to ourselves that are handled before others get a turn. */
const LOOP_BATCH = 64

/** How interfaces of a medium are named, and which package speaks it. */
const media: Readonly<Record<string, readonly [prefix: string, feature: string]>> = {
  ethernet: ['eth', 'ethernet() of @favonius/ethernet'],
  ieee802154: ['wpan', 'ieee802154() of @favonius/ieee802154'],
  bluetooth: ['bt', 'bluetooth() of @favonius/bluetooth'],
  ip: ['tun', 'bareIp() of @favonius/netif'],
  loopback: ['lo', 'loopback() of @favonius/netif'],
}

/** Linux's IFNAMSIZ, so that a name also serves where the host knows it. */
const NAME = /^[^\s/%]{1,15}$/

interface ResolverEntry {
  readonly family: Family
  readonly medium: Medium | '*'
  readonly resolver: Resolver
}

/** The interfaces of a stack. `netif()` makes one; so does whoever wires a stack by hand. */
export class NetifLayer implements Netif {
  readonly #interfaces: NetworkInterface[] = []
  readonly interfaces: readonly Interface[] = this.#interfaces
  readonly buffers: BufferPool
  traffic: Traffic | undefined
  times: PacketTimer | undefined
  readonly #env: Env
  readonly #defaultInterface: DefaultInterface
  readonly #table = new CounterTable()
  readonly #l2s: L2[] = []
  readonly #protocols: { readonly etherType: number; readonly input: NetworkInput }[] = []
  readonly #resolvers: ResolverEntry[] = []
  readonly #listeners: ((event: NetifEvent) => void)[] = []
  readonly #taps: Tap[] = []
  readonly #packetHandlers: PacketHandler[] = []
  readonly #loop = new PacketRing(LOOP_LIMIT)
  readonly #loopTimer: Timer
  readonly #shared: Shared
  readonly #lost = new Map<string, DropReason>()
  #nextIndex = 1

  constructor(env: Env, buffers: BufferPool, options: { readonly defaultInterface: DefaultInterface; readonly transmitQueue: number }) {
    this.#env = env
    this.buffers = buffers
    this.#defaultInterface = options.defaultInterface
    this.#loopTimer = env.clock.timer(() => this.#deliver())
    this.#shared = {
      env,
      netif: this,
      taps: this.#taps,
      packetHandlers: this.#packetHandlers,
      transmitQueue: options.transmitQueue,
      drops: this.reasons({
        disabled: ['netif: received while disabled', 'top.processing_error'],
        down: ['netif: interface is down'],
        quota: ['netif: no buffer space'],
        unknown: ['netif: no handler for its protocol', 'top.processing_error'],
        unresolvable: ['netif: no resolver for its next hop'],
        queueFull: ['netif: transmit queue is full'],
        tooLong: ['netif: longer than the link can carry'],
        loopFull: ['netif: too many packets to ourselves'],
      }),
      counters: { sent: this.counter('bytes.sent'), received: this.counter('bytes.received') },
      protocol: (etherType) => {
        for (let i = 0; i < this.#protocols.length; i++) if (this.#protocols[i]!.etherType === etherType) return this.#protocols[i]!.input
        return undefined
      },
      resolver: (iface, nextHop) => this.#resolver(iface, nextHop),
      loop: (packet) => this.#keep(packet),
      lostReason: (text) => this.#lostReason(text),
      emit: (event) => this.#emit(event),
    }
  }

  // ---- interfaces ----

  add(device: Device, options: AddOptions = {}): Interface {
    const l2 = options.l2 ?? this.#l2For(device.medium)
    return this.#add({ name: options.name, l2, medium: device.medium, address: device.address, mtu: l2.mtu ?? device.mtu, device })
  }

  addVirtual(options: VirtualOptions): { readonly iface: Interface; setCarrier(up: boolean): void } {
    const iface = this.#add({ ...options, medium: options.l2.medium })
    iface.setCarrier(false)
    return { iface, setCarrier: (up) => iface.setCarrier(up) }
  }

  #add(parts: Omit<InterfaceParts, 'index' | 'name'> & { readonly name: string | undefined }): NetworkInterface {
    const name = parts.name ?? this.#freeName(parts.medium)
    if (!NAME.test(name)) throw new ConfigError(`${JSON.stringify(name)} is no interface name: use 1 to 15 characters without spaces, / or %`)
    if (this.find(name)) throw new ConfigError(`there is an interface ${name} already: remove it, or give this one another name`)
    const iface = new NetworkInterface(this.#shared, this.#table.tally(), { ...parts, name, index: this.#nextIndex++ })
    this.#interfaces.push(iface)
    this.#emit({ type: 'added', iface })
    return iface
  }

  async remove(iface: Interface): Promise<void> {
    const known = this.#interfaces.find((each) => each === iface)
    if (known === undefined) return
    await known.close()
    // Others may have gone meanwhile; so may this one.
    const at = this.#interfaces.indexOf(known)
    if (at < 0) return
    this.#interfaces.splice(at, 1)
    for (const entry of [...known.addresses]) known.removeAddress(entry)
    this.#emit({ type: 'removed', iface })
    this.#table.retire(known.tally)
  }

  find(nameOrIndex: string | number): Interface | undefined {
    return this.interfaces.find((iface) => iface.name === nameOrIndex || iface.index === Number(nameOrIndex))
  }

  get default(): Interface | undefined {
    switch (this.#defaultInterface) {
      // Loopback reaches nobody: it is never what «an interface» means.
      case 'first': return this.interfaces.find((iface) => iface.medium !== 'loopback')
      case 'up': return this.interfaces.find((iface) => iface.running && iface.medium !== 'loopback')
      default: return this.interfaces.find((iface) => iface.medium === this.#defaultInterface)
    }
  }

  #freeName(medium: Medium): string {
    const prefix = media[medium]?.[0] ?? (NAME.test(medium) ? medium.slice(0, 12) : 'if')
    for (let n = 0; ; n++) if (!this.find(`${prefix}${n}`)) return `${prefix}${n}`
  }

  #l2For(medium: Medium): L2 {
    const fitting = this.#l2s.filter((l2) => l2.medium === medium)
    if (fitting.length === 1) return fitting[0]!
    if (fitting.length > 1) {
      throw new ConfigError(`${fitting.map((l2) => l2.name).join(' and ')} both speak ${medium}: choose with netif.add(device, { l2 })`)
    }
    throw new ConfigError(`no link layer for a device of medium ${medium}: compose ${media[medium]?.[1] ?? `a feature that speaks ${medium}`}`)
  }

  // ---- registrations ----

  registerL2(l2: L2): () => void {
    return enlist(this.#l2s, l2)
  }

  registerProtocol(etherType: number, input: NetworkInput): () => void {
    if (this.#protocols.some((known) => known.etherType === etherType)) {
      throw new ConfigError(`two features take packets of type 0x${etherType.toString(16).padStart(4, '0')}`)
    }
    return enlist(this.#protocols, { etherType, input })
  }

  registerPacketHandler(handler: PacketHandler): () => void {
    return enlist(this.#packetHandlers, handler)
  }

  registerResolver(family: Family, medium: Medium | '*', resolver: Resolver): () => void {
    return enlist(this.#resolvers, { family, medium, resolver })
  }

  #resolver(iface: Interface, nextHop: Address): Resolver | undefined {
    let any: Resolver | undefined
    for (let i = 0; i < this.#resolvers.length; i++) {
      const entry = this.#resolvers[i]!
      if (entry.family !== nextHop.family) continue
      if (entry.medium === iface.medium) return entry.resolver
      if (entry.medium === '*') any = entry.resolver
    }
    return any
  }

  // ---- packets to ourselves ----

  #keep(packet: NetBuf): boolean {
    if (!this.#loop.push(packet)) return false
    if (this.#loop.length === 1) this.#loopTimer.schedule(this.#env.clock.now())
    return true
  }

  #deliver(): void {
    for (let n = 0; n < LOOP_BATCH; n++) {
      const packet = this.#loop.shift()
      if (packet === undefined) return
      const { times } = this
      packet.timestamp = this.#env.clock.now()
      times?.begin(packet)
      times?.queued(packet)
      times?.taken(packet)
      packet.iface!.input(packet)
    }
    if (this.#loop.length > 0) this.#loopTimer.schedule(this.#env.clock.now())
  }

  // ---- counting and watching ----

  counter(name: string): number {
    return this.#table.counter(name)
  }

  reasons<K extends string>(table: Readonly<Record<K, readonly [text: string, ...counters: string[]]>>): Readonly<Record<K, DropReason>> {
    const made: Partial<Record<K, DropReason>> = {}
    for (const key in table) {
      const [text, ...counters] = table[key]
      made[key] = this.#table.reason(text, counters)
    }
    return made as Record<K, DropReason>
  }

  #lostReason(text: string): DropReason {
    let reason = this.#lost.get(text)
    if (reason === undefined) this.#lost.set(text, (reason = this.#table.reason(`device: ${text}`, [])))
    return reason
  }

  statistics(iface?: Interface): Statistics {
    return this.#table.statistics(iface && this.#interfaces.find((known) => known === iface)?.tally)
  }

  listen(listener: (event: NetifEvent) => void): () => void {
    return enlist(this.#listeners, listener)
  }

  conflict(iface: Interface, address: Address, by: LinkAddress | undefined): void {
    this.#emit({ type: 'address-conflict', iface, address, by })
  }

  tap(tap: Tap): () => void {
    return enlist(this.#taps, tap)
  }

  #emit(event: NetifEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  /** Removes every interface and frees what waits. */
  async stop(): Promise<void> {
    for (const iface of [...this.interfaces].reverse()) await this.remove(iface)
    this.#loopTimer.cancel()
    for (let packet = this.#loop.shift(); packet !== undefined; packet = this.#loop.shift()) packet.unref()
  }
}

/** Adds to a list; returns how to take it out again. */
function enlist<T>(list: T[], item: T): () => void {
  list.push(item)
  return () => {
    const at = list.indexOf(item)
    if (at >= 0) list.splice(at, 1)
  }
}
