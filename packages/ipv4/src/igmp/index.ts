/**
 * IGMP for hosts, versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376): routers and switches are told of our groups.
 *
 * @packageDocumentation
 */

import type { Address, DropReason, Env, Interface, Ip, IpInfo, NetBuf, Netif, Timer, Transport } from '@favonius/contract'
import { ALL_SYSTEMS4, ANY4, ETHERTYPE_IPV4, ipv4 as word, isMulticast, PROTOCOL_IGMP, sameAddress } from '@favonius/inet'
import { feature, type, type Settings } from '@favonius/kconfig'
import type { Ipv4 } from '../ipv4.ts'
import { isCapable } from '../addresses.ts'
import { igmpOptions } from '../options.ts'
import { writeHeader } from '../wire/header.ts'
import { Membership, type MembershipInput } from './membership.ts'
import { igmpTypes, readIgmp, writeIgmp, writeReport3 } from './wire.ts'

export { igmpOptions } from '../options.ts'
export { Membership, type MembershipInput, type MembershipOutput } from './membership.ts'
export { igmpTypes, readIgmp, recordTypes, writeIgmp, writeReport3, type GroupRecord, type IgmpMessage } from './wire.ts'

/** 224.0.0.2, where leaves go (RFC 2236 §9). */
const ALL_ROUTERS4 = /* @__PURE__ */ word(0xe000_0002)
/** 224.0.0.22, where reports of version 3 go (RFC 3376 §4.2.14). */
const IGMP_ROUTERS = /* @__PURE__ */ word(0xe000_0016)
/** RFC 2113: routers look at it, though it be for others. */
const ROUTER_ALERT = /* @__PURE__ */ Uint8Array.of(148, 4, 0, 0)
/** The header with that option. */
const HEADER = 24
/** RFC 3376 §4: internetwork control. */
const TYPE_OF_SERVICE = 0xc0

/** `stack.igmp`. */
export interface Igmp {
  /** The version that is spoken on an interface now: the highest that its querier knows. Undefined where groups are not reported. */
  version(iface: Interface): 1 | 2 | 3 | undefined
}

interface Spoken {
  readonly machine: Membership
  readonly timer: Timer
}

/** `igmp()` makes one; so does whoever wires a stack by hand. */
export class IgmpLayer implements Igmp, Transport {
  readonly #env: Env
  readonly #netif: Netif
  readonly #version: 2 | 3
  readonly #links = new Map<Interface, Spoken>()
  readonly #drops: Readonly<Record<'malformed' | 'checksum' | 'hopLimit' | 'layer' | 'unsent', DropReason>>
  readonly #counters
  readonly #ends: (() => void)[]

  constructor(env: Env, ip: Ip, settings: Settings<typeof igmpOptions>) {
    const { netif } = ip
    this.#env = env
    this.#netif = netif
    this.#version = settings.version3 ? 3 : 2
    this.#drops = netif.reasons({
      malformed: ['igmp: malformed', 'ipv4_igmp.drop'],
      checksum: ['igmp: bad checksum', 'ipv4_igmp.drop'],
      hopLimit: ['igmp: came through a router', 'ipv4_igmp.drop'],
      layer: ['igmp: not over IPv4', 'ipv4_igmp.drop'],
      unsent: ['igmp: report that could not be sent'],
    })
    this.#counters = { recv: netif.counter('ipv4_igmp.recv'), sent: netif.counter('ipv4_igmp.sent') }
    for (const iface of netif.interfaces) this.#begin(iface)
    this.#ends = [
      ip.registerTransport(PROTOCOL_IGMP, this),
      netif.listen((event) => {
        const { type: what, iface } = event
        if (what === 'added') this.#begin(iface)
        else if (what === 'removed') this.#forget(iface)
        else if (what === 'up' || what === 'down') this.#tell(iface, { type: 'link', up: what === 'up' })
        else if (what === 'group-joined' || what === 'group-left') this.#group(iface, event.group, what === 'group-joined')
      }),
    ]
  }

  version(iface: Interface): 1 | 2 | 3 | undefined {
    return this.#links.get(iface)?.machine.version(this.#env.clock.now())
  }

  #begin(iface: Interface): void {
    if (!iface.l2.flags.multicast || iface.medium === 'loopback' || !isCapable(iface)) return
    const machine = new Membership(this.#env.random, this.#version)
    const timer = this.#env.clock.timer((now) => {
      machine.tick(now)
      this.#settle(iface)
    })
    this.#links.set(iface, { machine, timer })
    for (const group of iface.groups) this.#group(iface, group, true)
    if (iface.running) this.#tell(iface, { type: 'link', up: true })
  }

  /** RFC 3376 §6: the group of all systems is never reported. */
  #group(iface: Interface, group: Address, joined: boolean): void {
    if (group.family === 4 && !sameAddress(group, ALL_SYSTEMS4)) this.#tell(iface, { type: joined ? 'join' : 'leave', group })
  }

  #tell(iface: Interface, input: MembershipInput): void {
    const link = this.#links.get(iface)
    if (link === undefined) return
    link.machine.handle(input, this.#env.clock.now())
    this.#settle(iface)
  }

  #settle(iface: Interface): void {
    const { machine, timer } = this.#links.get(iface)!
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) {
      if (output.do === 'report') this.#send(iface, IGMP_ROUTERS, writeReport3(output.records))
      else this.#send(iface, output.type === igmpTypes.leave ? ALL_ROUTERS4 : output.group, writeIgmp(output.type, output.group))
    }
    const due = machine.deadline()
    if (due === undefined) timer.cancel()
    else if (due !== timer.due) timer.schedule(due)
  }

  /** With time to live 1, and the router alert. From 0.0.0.0 by who has no address (RFC 3376 §4.2.13). */
  #send(iface: Interface, destination: Address, message: Uint8Array): void {
    const packet = this.#netif.buffers.alloc(HEADER + message.length, iface.headroom)
    if (packet === undefined) return iface.lose(this.#drops.unsent)
    const source = iface.addresses.find(({ address, state }) => address.family === 4 && state === 'preferred')?.address ?? ANY4
    const header = new Uint8Array(HEADER)
    writeHeader({
      trafficClass: TYPE_OF_SERVICE, totalLength: HEADER + message.length, identification: 0, dontFragment: true, moreFragments: false,
      fragmentOffset: 0, timeToLive: 1, protocol: PROTOCOL_IGMP, source, destination, options: ROUTER_ALERT,
    }, header)
    packet.network = packet.offset
    packet.write(header)
    packet.write(message)
    packet.family = 4
    packet.protocol = ETHERTYPE_IPV4
    if (iface.output(packet, destination)) iface.count(this.#counters.sent)
  }

  receive(packet: NetBuf, { iface, layer, hopLimit }: IpInfo): void {
    iface.count(this.#counters.recv)
    if (layer.family !== 4) return iface.drop(packet, this.#drops.layer)
    if (hopLimit !== 1) return iface.drop(packet, this.#drops.hopLimit)
    if (packet.sum(packet.offset) !== 0xffff) return iface.drop(packet, this.#drops.checksum)
    const message = readIgmp(packet.dv, packet.offset, packet.length)
    if ('malformed' in message || (message.type === 'report' && !isMulticast(message.group))) return iface.drop(packet, this.#drops.malformed)
    packet.unref()
    this.#tell(iface, { type: 'message', message })
  }

  #forget(iface: Interface): void {
    this.#links.get(iface)?.timer.cancel()
    this.#links.delete(iface)
  }

  stop(): void {
    for (const end of this.#ends) end()
    for (const iface of [...this.#links.keys()]) this.#forget(iface)
  }
}

/** Reports the groups of every interface to its querier. Without it groups are heard where nobody filters them. */
export const igmp = /* @__PURE__ */ feature({
  name: 'igmp',
  symbol: 'CONFIG_NET_IPV4_IGMP',
  options: igmpOptions,
  needs: { ip: type<Ip>(), ipv4: type<Ipv4>() },
  create({ ip }, { env, options, onStop }): Igmp {
    const layer = new IgmpLayer(env, ip, options)
    onStop(() => layer.stop())
    return layer
  },
})
