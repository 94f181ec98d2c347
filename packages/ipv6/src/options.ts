import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `ipv6()`, the same for the whole layer and for `@favonius/ipv6/bare`. */
export const ipv6Options = {
  initialHopLimit: {
    symbol: 'CONFIG_NET_INITIAL_HOP_LIMIT',
    type: 'int',
    default: 64,
    range: [1, 255],
    help: 'Hop limit of unicast packets, until a router advertises another for the link (RFC 4861 §6.3.2).',
  },
  initialMulticastHopLimit: {
    symbol: 'CONFIG_NET_INITIAL_MCAST_HOP_LIMIT',
    type: 'int',
    default: 1,
    range: [0, 255],
    help: 'Hop limit of multicast packets; 1 keeps them on the link, 0 in this machine.',
  },
  maxAddresses: {
    symbol: 'CONFIG_NET_IF_UNICAST_IPV6_ADDR_COUNT',
    type: 'int',
    default: 2,
    range: [1, 64],
    help: 'Unicast addresses of an interface; its link-local one takes one of them.',
  },
  maxGroups: {
    symbol: 'CONFIG_NET_IF_MCAST_IPV6_ADDR_COUNT',
    type: 'int',
    default: 16,
    range: [1, 1024],
    help: 'Multicast groups of an interface, all-nodes and one solicited-node group per address among them; Zephyr has 3.',
  },
  maxNeighbors: {
    symbol: 'CONFIG_NET_IPV6_MAX_NEIGHBORS',
    type: 'int',
    default: 8,
    range: [1, 254],
    help: 'Entries of the neighbour cache, over all interfaces; read by nd().',
  },
  icmpErrorRate: {
    symbol: 'CONFIG_NET_ICMPV6_ERROR_RATE',
    type: 'int',
    default: 10,
    range: [0, 100_000],
    help: 'ICMPv6 errors sent per second, on average (RFC 4443 §2.4 f); 0 sends none. Not in Zephyr, which has no limit.',
  },
  icmpErrorBurst: {
    symbol: 'CONFIG_NET_ICMPV6_ERROR_BURST',
    type: 'int',
    default: 10,
    range: [1, 100_000],
    help: 'ICMPv6 errors sent at once before the rate applies (RFC 4443 §2.4 f). Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `nd()`. The size of the cache is a row of `ipv6()`, as in Zephyr. */
export const ndOptions = {
  reachableTime: {
    symbol: 'CONFIG_NET_IPV6_ND_REACHABLE_TIME',
    type: 'int',
    default: 30_000,
    range: [1, 3_600_000],
    help: 'Milliseconds for which a neighbour counts as reachable, times 0.5 to 1.5 (RFC 4861 §10 REACHABLE_TIME). A constant in Zephyr.',
  },
  retransTimer: {
    symbol: 'CONFIG_NET_IPV6_ND_RETRANS_TIMER',
    type: 'int',
    default: 1000,
    range: [10, 3_600_000],
    help: 'Milliseconds between solicitations (RFC 4861 §10 RETRANS_TIMER). A constant in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `dad()`. */
export const dadOptions = {
  transmits: {
    symbol: 'CONFIG_NET_IPV6_DAD_TRANSMITS',
    type: 'int',
    default: 1,
    range: [0, 16],
    help: 'Solicitations before an address counts as unique (RFC 4862 §5.1 DupAddrDetectTransmits); 0 turns detection off. 1 in Zephyr.',
  },
  timeout: {
    symbol: 'CONFIG_NET_IPV6_DAD_TIMEOUT',
    type: 'int',
    default: 0,
    range: [0, 60_000],
    help: 'Milliseconds to wait after each solicitation; 0 for RetransTimer, as RFC 4862 §5.4 says. Zephyr waits 100.',
  },
  maxDelay: {
    symbol: 'CONFIG_NET_IPV6_DAD_MAX_DELAY',
    type: 'int',
    default: 1000,
    range: [0, 60_000],
    help: 'Most milliseconds of the random wait after an interface came up (RFC 4861 §10 MAX_RTR_SOLICITATION_DELAY). 0 in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `ipv6Fragments()`. */
export const ipv6FragmentsOptions = {
  maxCount: {
    symbol: 'CONFIG_NET_IPV6_FRAGMENT_MAX_COUNT',
    type: 'int',
    default: 16,
    range: [1, 1024],
    help: 'Datagrams that are put together at a time; the one touched longest ago makes room. 1 in Zephyr, which refuses a second.',
  },
  maxPackets: {
    symbol: 'CONFIG_NET_IPV6_FRAGMENT_MAX_PKT',
    type: 'int',
    default: 64,
    range: [2, 8192],
    help: 'Fragments of one datagram; 54 carry 65 535 bytes over links of 1280. 2 in Zephyr, enough for 1500 bytes (RFC 8200 §5).',
  },
  timeout: {
    symbol: 'CONFIG_NET_IPV6_FRAGMENT_TIMEOUT',
    type: 'int',
    default: 60_000,
    range: [1000, 600_000],
    help: 'Milliseconds to wait for the rest of a datagram (RFC 8200 §4.5: 60 s). Zephyr counts in seconds, and waits 5.',
  },
  maxBytes: {
    symbol: 'CONFIG_NET_IPV6_FRAGMENT_MAX_BYTES',
    type: 'int',
    default: 1_048_576,
    range: [2048, 2 ** 30],
    help: 'Bytes of buffers that waiting fragments may hold, and never more than a quarter of the stack\'s quota. Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `ipv6Pmtu()`. */
export const ipv6PmtuOptions = {
  maxPaths: {
    symbol: 'CONFIG_NET_IPV6_PMTU_DESTINATION_CACHE_ENTRIES',
    type: 'int',
    default: 64,
    range: [1, 4096],
    help: 'Destinations whose path carries less than the link; the one lowered longest ago makes room. 3 in Zephyr.',
  },
  lifetime: {
    symbol: 'CONFIG_NET_IPV6_PMTU_LIFETIME',
    type: 'int',
    default: 600_000,
    range: [300_000, 86_400_000],
    help: 'Milliseconds until a path is tried anew with the link\'s MTU (RFC 8201 §4: 5 minutes at least, 10 recommended). Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `ipv6Forwarding()`. */
export const ipv6ForwardingOptions = {
  redirects: {
    symbol: 'CONFIG_NET_IPV6_SEND_REDIRECTS',
    type: 'bool',
    default: true,
    help: 'Tell a host on a link of a better first hop on the same link (RFC 4861 §8.2). Not in Zephyr.',
  },
} as const satisfies Options
