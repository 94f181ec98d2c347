import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `sixlowpan()`. */
export const sixlowpanOptions = {
  contexts: {
    symbol: 'CONFIG_NET_6LO_CONTEXT',
    type: 'bool',
    default: true,
    help: 'Compress addresses by prefixes that both ends know (RFC 6282 §3.1.2), once `setContext` has told of some. n in Zephyr.',
  },
  maxContexts: {
    symbol: 'CONFIG_NET_MAX_6LO_CONTEXTS',
    type: 'int',
    default: 16,
    range: [1, 16],
    help: 'Contexts of one interface; there are no more than 16 numbers for them. Nothing is set aside, so it is the most there may be; Zephyr, whose table it sizes, has 1.',
  },
  maxDatagrams: {
    symbol: 'CONFIG_NET_L2_IEEE802154_FRAGMENT_REASS_CACHE_SIZE',
    type: 'int',
    default: 16,
    range: [1, 64],
    help: 'Datagrams that are put together from fragments at a time. 1 in Zephyr, where whoever comes second waits in vain.',
  },
  reassemblyTimeout: {
    symbol: 'CONFIG_NET_L2_IEEE802154_REASSEMBLY_TIMEOUT',
    type: 'int',
    default: 5000,
    range: [1000, 60_000],
    help: 'Milliseconds to wait for the rest of a datagram (RFC 4944 §5.3: 60 s at most). Zephyr counts in seconds.',
  },
  elideChecksum: {
    symbol: 'CONFIG_NET_6LO_UDP_CHECKSUM_ELISION',
    type: 'bool',
    default: false,
    help: 'Leave out the checksum of UDP where it is right (RFC 6282 §4.3.2): two bytes less, for applications that check their data themselves. Not in Zephyr.',
  },
} as const satisfies Options
