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
