import type { DropReason, Netif } from '@favonius/contract'

/** Why packets and frames' payloads are dropped. Zephyr counts none of these; all are in `sixlowpan.drop`. */
const reasons = {
  short: 'cut short',
  foreign: 'not a LoWPAN frame',
  escape: 'escaped dispatches are not supported',
  page: 'pages of dispatches are not supported',
  hc1: 'HC1 compression is not supported',
  dispatch: 'dispatch not supported',
  elsewhere: 'for another station of the mesh',
  reserved: 'reserved address mode',
  context: 'context not known',
  noLink: 'elides an address that the link does not have',
  nhc: 'compression of the next header not supported',
  extension: 'extension header of a broken length',
  expanded: 'too long when decompressed',
  checksum: 'elided checksum behind a routing header',
  noBuffer: 'no buffer',
  datagramSize: 'datagram larger than the link carries',
  beyond: 'fragment reaches beyond its datagram',
  units: 'fragment length is not a multiple of 8',
  empty: 'fragment without data',
  begins: 'first fragment without its header',
  duplicate: 'fragment that is there already',
  overlap: 'fragments overlap',
  evicted: 'fragments made room for others',
  timeout: 'fragments waited too long for the rest',
  down: 'interface went down',
  protocol: 'only IPv6 passes here',
  tooLong: 'longer than 2047 bytes',
  narrow: 'no room for a fragment',
} as const

/** The layer's reasons. */
export type Drops = Readonly<Record<keyof typeof reasons, DropReason>>

/** The layer's counters, by index. */
export interface Counters {
  /** Packets that went to a link, whole or in fragments. */
  readonly sent: number
  /** Packets that came from one. */
  readonly received: number
  /** Of these, those in fragments. */
  readonly fragmented: number
  readonly reassembled: number
}

/** Registers the reasons with the interfaces of a stack. */
export function makeDrops(netif: Netif): Drops {
  const rows = Object.entries(reasons).map(([name, text]) => [name, [`sixlowpan: ${text}`, 'sixlowpan.drop']])
  return netif.reasons(Object.fromEntries(rows) as Record<keyof Drops, [string, string]>)
}

/** Registers the counters with the interfaces of a stack. */
export function makeCounters(netif: Netif): Counters {
  return {
    sent: netif.counter('sixlowpan.sent'),
    received: netif.counter('sixlowpan.recv'),
    fragmented: netif.counter('sixlowpan.fragmented'),
    reassembled: netif.counter('sixlowpan.reassembled'),
  }
}
