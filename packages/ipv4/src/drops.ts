import type { DropReason, Netif } from '@favonius/contract'

/** Why the layer drops packets, with Zephyr's counters that rise (NET_STATISTICS_IPV4, _ICMP, ip_errors). */
const reasons = {
  short: ['ipv4: shorter than its header', 'ipv4.drop', 'ip_errors.vhlerr'],
  version: ['ipv4: version is not 4', 'ipv4.drop', 'ip_errors.vhlerr'],
  headerLength: ['ipv4: bad header length', 'ipv4.drop', 'ip_errors.vhlerr'],
  totalLength: ['ipv4: total length is less than the header', 'ipv4.drop', 'ip_errors.lblenerr'],
  truncated: ['ipv4: shorter than its total length', 'ipv4.drop', 'ip_errors.lblenerr'],
  checksum: ['ipv4: bad header checksum', 'ipv4.drop', 'ip_errors.chkerr'],
  otherStation: ['ipv4: for another station', 'ipv4.drop'],
  source: ['ipv4: source is no sender', 'ipv4.drop'],
  ownSource: ['ipv4: from our own address', 'ipv4.drop'],
  destination: ['ipv4: destination cannot be on a link', 'ipv4.drop'],
  notForUs: ['ipv4: not for us', 'ipv4.drop'],
  notMember: ['ipv4: group not joined', 'ipv4.drop'],
  linkBroadcast: ['ipv4: to one host, but broadcast on the link', 'ipv4.drop'],
  option: ['ipv4: malformed option', 'ipv4.drop'],
  sourceRoute: ['ipv4: source route', 'ipv4.drop'],
  fragment: ['ipv4: fragment (no reassembly)', 'ipv4.drop', 'ip_errors.fragerr'],
  protocol: ['ipv4: protocol not supported', 'ipv4.drop', 'ip_errors.protoerr'],
  tooBig: ['ipv4: longer than the link carries', 'ipv4.drop'],
  headroom: ['ipv4: no room for its header', 'ipv4.drop'],
  icmpShort: ['icmpv4: cut short', 'icmp.drop'],
  icmpChecksum: ['icmpv4: bad checksum', 'icmp.drop', 'icmp.chkerr', 'ip_errors.chkerr'],
  icmpType: ['icmpv4: type not supported', 'icmp.drop', 'icmp.typeerr'],
  icmpQuote: ['icmpv4: error about nothing of ours', 'icmp.drop'],
  icmpBroadcast: ['icmpv4: broadcast echo request', 'icmp.drop'],
  icmpReply: ['icmpv4: echo reply nobody waits for', 'icmp.drop'],
  icmpNoReply: ['icmpv4: echo request that cannot be answered', 'icmp.drop'],
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

export function makeDrops(netif: Netif): Drops {
  return netif.reasons(reasons)
}

export function makeCounters(netif: Netif): Counters {
  netif.counter('ipv4.forwarded')
  netif.counter('ip_errors.hblenerr')
  return {
    received: netif.counter('ipv4.recv'),
    sent: netif.counter('ipv4.sent'),
    icmpReceived: netif.counter('icmp.recv'),
    icmpSent: netif.counter('icmp.sent'),
    icmpLimited: netif.counter('icmp.limited'),
  }
}
