/** Multicast listener discovery on a stack: messages in and out around `Listener` (RFC 3810, RFC 2710). */

import type { Address, Env, Interface, IpInfo, NetBuf, Netif, NetifEvent, Timer } from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { ALL_NODES, ALL_ROUTERS, ANY6, IPV6, PROTOCOL_HOP_BY_HOP, PROTOCOL_ICMPV6, readAddress, sameAddress, scopeOf, withZone, writeAddress } from '@favonius/inet'
import type { Ipv6 } from '../ipv6.ts'
import type { mldOptions } from '../options.ts'
import { EXTENSION, OPTION, OPTION_PAD1, OPTION_ROUTER_ALERT } from '../wire/extension.ts'
import { icmpTypes } from '../wire/icmp.ts'
import { MLD_MESSAGE, MLD_RECORD, MLD_REPORT, MLD_ROUTERS, readMldQuery, ROUTER_ALERT, writeMldReport, type MldRecord } from '../wire/mld.ts'
import { Listener, type ListenerInput } from './listener.ts'

/** RFC 3810 §5.2.13, RFC 2710 §3: no message leaves the link. */
const HOP_LIMIT = 1
/** Groups of this scope or less are never reported (RFC 3810 §6). */
const NEVER_REPORTED = 1

/** `stack.mld`. */
export interface Mld {
  /** The version that the querier of a link speaks, 2 where there is none. */
  version(iface: Interface): 1 | 2
}

/** What it stands on. */
export interface MldParts {
  readonly ipv6: Ipv6
  readonly netif: Netif
}

/** Tells routers and switches which groups we are in. `mld()` makes one. */
export class Membership implements Mld {
  readonly #env: Env
  readonly #ipv6: Ipv6
  readonly #listener: Listener
  readonly #timer: Timer
  readonly #drops
  readonly #received: number
  readonly #sent: number
  readonly #withdraw: (() => void)[]

  constructor(env: Env, { ipv6, netif }: MldParts, options: Settings<typeof mldOptions>) {
    this.#env = env
    this.#ipv6 = ipv6
    this.#listener = new Listener(env.random, options.robustness, options.unsolicitedReportInterval)
    this.#timer = env.clock.timer(() => this.#settle())
    this.#drops = netif.reasons({
      invalid: ['mld: invalid message', 'ipv6_mld.drop'],
      alert: ['mld: query without a router alert', 'ipv6_mld.drop'],
    })
    this.#received = netif.counter('ipv6_mld.recv')
    this.#sent = netif.counter('ipv6_mld.sent')
    this.#withdraw = [
      ipv6.registerIcmp(icmpTypes.listenerQuery, (packet, info) => this.#asked(packet, info)),
      ipv6.registerIcmp(icmpTypes.listenerReport, (packet, info) => this.#reported(packet, info)),
      netif.listen((event) => this.#happened(event)),
    ]
    for (const iface of netif.interfaces) if (iface.running) this.#came(iface)
  }

  stop(): void {
    this.#timer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }

  version(iface: Interface): 1 | 2 {
    return this.#listener.version(iface, this.#env.clock.now())
  }

  // ---- groups ----

  #happened(event: NetifEvent): void {
    const { iface } = event
    switch (event.type) {
      case 'up': return this.#came(iface)
      case 'down': case 'removed': return this.#tell({ type: 'end', iface })
      case 'group-joined': case 'group-left':
        if (iface.running && reports(iface, event.group)) this.#tell({ type: event.type === 'group-joined' ? 'joined' : 'left', iface, group: event.group })
    }
  }

  /** Whoever is on the link now has not heard of our groups. */
  #came(iface: Interface): void {
    for (const group of iface.groups) if (reports(iface, group)) this.#tell({ type: 'joined', iface, group })
  }

  #tell(input: ListenerInput): void {
    this.#listener.handle(input, this.#env.clock.now())
    const due = this.#listener.deadline()
    // Groups that are joined one after the other are told of together, on the next turn.
    if (due === undefined) this.#timer.cancel()
    else this.#timer.schedule(due)
    for (let output = this.#listener.poll(); output !== undefined; output = this.#listener.poll()) this.#do(output)
  }

  #settle(): void {
    this.#listener.tick(this.#env.clock.now())
    for (let output = this.#listener.poll(); output !== undefined; output = this.#listener.poll()) this.#do(output)
    const due = this.#listener.deadline()
    if (due !== undefined) this.#timer.schedule(due)
  }

  #do(output: NonNullable<ReturnType<Listener['poll']>>): void {
    const { iface } = output
    if (!iface.running) return
    switch (output.do) {
      case 'report': return this.#report(iface, output.records)
      case 'report 1': return this.#message1(iface, icmpTypes.listenerReport, withZone(output.group, iface.index), output.group)
      case 'done 1': return this.#message1(iface, icmpTypes.listenerDone, withZone(ALL_ROUTERS, iface.index), output.group)
    }
  }

  // ---- messages out ----

  /** As many reports as it takes for all records. */
  #report(iface: Interface, records: readonly MldRecord[]): void {
    const room = this.#ipv6.linkSettings(iface).mtu - IPV6.size - ROUTER_ALERT.length - MLD_REPORT.records
    const most = Math.floor(room / MLD_RECORD.size)
    for (let from = 0; from < records.length; from += most) {
      const some = records.slice(from, from + most)
      this.#send(iface, withZone(MLD_ROUTERS, iface.index), icmpTypes.listenerReport2, MLD_REPORT.records + some.length * MLD_RECORD.size, (dv, at) => writeMldReport(some, dv, at))
    }
  }

  #message1(iface: Interface, type: number, to: Address, group: Address): void {
    this.#send(iface, to, type, MLD_MESSAGE.size, (dv, at) => writeAddress(group, dv, at + MLD_MESSAGE.group))
  }

  #send(iface: Interface, destination: Address, type: number, size: number, write: (dv: DataView, at: number) => void): void {
    // RFC 3590 §4: while we have no address that may be used, from `::`, so that switches hear of solicited-node groups in time.
    const source = this.#ipv6.sourceFor(withZone(ALL_NODES, iface.index), iface) ?? ANY6
    const route = this.#ipv6.direct({ iface, source, destination, protocol: PROTOCOL_ICMPV6, hopLimit: HOP_LIMIT, hopByHop: ROUTER_ALERT })
    const packet = this.#ipv6.message(route, type, 0, size)
    if (packet === undefined) return
    write(packet.dv, packet.offset)
    iface.count(this.#sent)
    this.#ipv6.sendMessage(packet, route)
  }

  // ---- messages in ----

  #asked(packet: NetBuf, info: IpInfo): void {
    const { iface } = info
    iface.count(this.#received)
    const query = readMldQuery(packet.dv, packet.offset, packet.offset + packet.length, info)
    if ('malformed' in query) return iface.drop(packet, this.#drops.invalid)
    if (!hasRouterAlert(packet)) return iface.drop(packet, this.#drops.alert)
    packet.unref()
    this.#tell({ type: 'query', iface, query })
  }

  /** RFC 2710 §4: another host of version 1 is in the group. */
  #reported(packet: NetBuf, info: IpInfo): void {
    const { iface } = info
    iface.count(this.#received)
    if (packet.length < MLD_MESSAGE.size || info.hopLimit !== HOP_LIMIT) return iface.drop(packet, this.#drops.invalid)
    const group = readAddress(packet.dv, packet.offset + MLD_MESSAGE.group, 6)
    packet.unref()
    this.#tell({ type: 'reported', iface, group })
  }
}

/** RFC 3810 §6: every group but all-nodes, of every scope that reaches the link. */
function reports(iface: Interface, group: Address): boolean {
  return group.family === 6 && iface.l2.flags.multicast && iface.medium !== 'loopback' && scopeOf(group) > NEVER_REPORTED && !sameAddress(group, ALL_NODES)
}

/** RFC 3810 §6.2: a query is heard by who had to look at it. */
function hasRouterAlert(packet: NetBuf): boolean {
  const { dv, network } = packet
  if (dv.getUint8(network + IPV6.nextHeader) !== PROTOCOL_HOP_BY_HOP) return false
  const header = network + IPV6.size
  const end = header + (dv.getUint8(header + EXTENSION.length) + 1) * 8
  for (let at = header + EXTENSION.options; at < end;) {
    const type = dv.getUint8(at)
    if (type === OPTION_ROUTER_ALERT) return true
    at += type === OPTION_PAD1 ? 1 : OPTION.data + dv.getUint8(at + OPTION.length)
  }
  return false
}
