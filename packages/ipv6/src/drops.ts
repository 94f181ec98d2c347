import type { DropReason, Netif } from '@favonius/contract'

/** Why the layer drops packets, with Zephyr's counters that rise (NET_STATISTICS_IPV6, _ICMP, ip_errors). */
const reasons = {
  short: ['ipv6: shorter than its header', 'ipv6.drop', 'ip_errors.vhlerr'],
  version: ['ipv6: version is not 6', 'ipv6.drop', 'ip_errors.vhlerr'],
  length: ['ipv6: shorter than its payload length', 'ipv6.drop', 'ip_errors.lblenerr'],
  jumbo: ['ipv6: jumbograms are not supported', 'ipv6.drop', 'ip_errors.hblenerr'],
  otherStation: ['ipv6: for another station', 'ipv6.drop'],
  source: ['ipv6: source is no sender', 'ipv6.drop'],
  destination: ['ipv6: destination cannot be on a link', 'ipv6.drop'],
  tentative: ['ipv6: destination is not usable yet', 'ipv6.drop'],
  notForUs: ['ipv6: not for us', 'ipv6.drop'],
  notMember: ['ipv6: group not joined', 'ipv6.drop'],
  extension: ['ipv6: extension header cut short', 'ipv6.drop', 'ip_errors.lblenerr'],
  tooManyHeaders: ['ipv6: too many extension headers or options', 'ipv6.drop'],
  option: ['ipv6: option not recognized', 'ipv6.drop'],
  routing: ['ipv6: routing type not supported', 'ipv6.drop'],
  fragment: ['ipv6: fragments are not composed', 'ipv6.drop', 'ip_errors.fragerr'],
  nextHeader: ['ipv6: next header not supported', 'ipv6.drop', 'ip_errors.protoerr'],
  noNextHeader: ['ipv6: nothing after the headers', 'ipv6.drop'],
  tooBig: ['ipv6: longer than the path carries', 'ipv6.drop'],
  headroom: ['ipv6: no room for its header', 'ipv6.drop'],
  icmpShort: ['icmpv6: cut short', 'icmp.drop'],
  icmpChecksum: ['icmpv6: bad checksum', 'icmp.drop', 'icmp.chkerr', 'ip_errors.chkerr'],
  icmpType: ['icmpv6: type not supported', 'icmp.drop', 'icmp.typeerr'],
  icmpQuote: ['icmpv6: error about nothing of ours', 'icmp.drop'],
  icmpReply: ['icmpv6: echo reply nobody waits for', 'icmp.drop'],
  icmpNoReply: ['icmpv6: echo request that cannot be answered', 'icmp.drop'],
} as const

/** The layer's reasons to drop a packet. */
export type Drops = Readonly<Record<keyof typeof reasons, DropReason>>

/** The layer's counters, by index. */
export interface Counters {
  readonly received: number
  readonly sent: number
  readonly icmpReceived: number
  readonly icmpSent: number
  /** Errors not sent for the rate limit; not in Zephyr. */
  readonly icmpLimited: number
}

/** Registers the reasons with the interfaces of a stack. */
export function makeDrops(netif: Netif): Drops {
  return netif.reasons(reasons)
}

/** Registers the counters with the interfaces of a stack. */
export function makeCounters(netif: Netif): Counters {
  netif.counter('ipv6.forwarded')
  return {
    received: netif.counter('ipv6.recv'),
    sent: netif.counter('ipv6.sent'),
    icmpReceived: netif.counter('icmp.recv'),
    icmpSent: netif.counter('icmp.sent'),
    icmpLimited: netif.counter('icmp.limited'),
  }
}
