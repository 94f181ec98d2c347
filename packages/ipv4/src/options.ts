import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `ipv4()`. */
export const ipv4Options = {
  initialTtl: {
    symbol: 'CONFIG_NET_INITIAL_TTL',
    type: 'int',
    default: 64,
    range: [1, 255],
    help: 'Time to live of unicast and broadcast packets (RFC 1122 §3.2.1.7); multicast packets have 1 (RFC 1112 §6.1).',
  },
  maxAddresses: {
    symbol: 'CONFIG_NET_IF_UNICAST_IPV4_ADDR_COUNT',
    type: 'int',
    default: 2,
    range: [1, 255],
    help: 'Addresses of an interface. Zephyr has 1; with 2 an address can be replaced while the old one is still in use.',
  },
  maxGroups: {
    symbol: 'CONFIG_NET_IF_MCAST_IPV4_ADDR_COUNT',
    type: 'int',
    default: 8,
    range: [1, 1024],
    help: 'Multicast groups of an interface beside 224.0.0.1. Zephyr has 1, which mDNS alone takes.',
  },
  acceptBroadcastPing: {
    symbol: 'CONFIG_NET_ICMPV4_ACCEPT_BROADCAST',
    type: 'bool',
    default: false,
    help: 'Answer echo requests to broadcast addresses and groups (RFC 1122 §3.2.2.6 leaves it open).',
  },
  acceptZeroBroadcast: {
    symbol: 'CONFIG_NET_IPV4_ACCEPT_ZERO_BROADCAST',
    type: 'bool',
    default: false,
    help: 'Take packets to 0.0.0.0 for broadcasts, as 4.2BSD sent them (RFC 1122 §3.3.6).',
  },
  icmpErrorRate: {
    symbol: 'CONFIG_NET_ICMPV4_ERROR_RATE',
    type: 'int',
    default: 10,
    range: [0, 100_000],
    help: 'ICMP errors sent per second, on average (RFC 1812 §4.3.2.8); 0 sends none. Zephyr sends as many as it is asked to.',
  },
  icmpErrorBurst: {
    symbol: 'CONFIG_NET_ICMPV4_ERROR_BURST',
    type: 'int',
    default: 10,
    range: [1, 100_000],
    help: 'ICMP errors sent at once before the rate applies (RFC 1812 §4.3.2.8). Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `ipv4Fragments()`. */
export const ipv4FragmentsOptions = {
  maxCount: {
    symbol: 'CONFIG_NET_IPV4_FRAGMENT_MAX_COUNT',
    type: 'int',
    default: 16,
    range: [1, 1024],
    help: 'Datagrams that are put together at a time; the one touched longest ago makes room. 1 in Zephyr, which refuses a second.',
  },
  maxPackets: {
    symbol: 'CONFIG_NET_IPV4_FRAGMENT_MAX_PKT',
    type: 'int',
    default: 128,
    range: [2, 8192],
    help: 'Fragments of one datagram; 119 carry 65 515 bytes in packets of 576. 2 in Zephyr.',
  },
  timeout: {
    symbol: 'CONFIG_NET_IPV4_FRAGMENT_TIMEOUT',
    type: 'int',
    default: 60_000,
    range: [1000, 600_000],
    help: 'Milliseconds to wait for the rest of a datagram (RFC 1122 §3.3.2: 60 to 120 s). Zephyr counts in seconds, and waits 5.',
  },
  maxBytes: {
    symbol: 'CONFIG_NET_IPV4_FRAGMENT_MAX_BYTES',
    type: 'int',
    default: 1_048_576,
    range: [2048, 1_073_741_824],
    help: 'Bytes of buffers that waiting fragments may hold, and never more than a quarter of the stack\'s quota. Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `ipv4Pmtu()`. */
export const ipv4PmtuOptions = {
  maxPaths: {
    symbol: 'CONFIG_NET_IPV4_PMTU_DESTINATION_CACHE_ENTRIES',
    type: 'int',
    default: 64,
    range: [1, 4096],
    help: 'Destinations whose path carries less than the link; the one lowered longest ago makes room. 3 in Zephyr.',
  },
  lifetime: {
    symbol: 'CONFIG_NET_IPV4_PMTU_LIFETIME',
    type: 'int',
    default: 600_000,
    range: [300_000, 86_400_000],
    help: 'Milliseconds until a path is tried anew with the link\'s MTU (RFC 1191 §6.3: 5 minutes at least, 10 recommended). Not in Zephyr.',
  },
  minimum: {
    symbol: 'CONFIG_NET_IPV4_PMTU_MINIMUM',
    type: 'int',
    default: 552,
    range: [68, 1500],
    help: 'Least path MTU that is believed, so that a lie cannot make every packet tiny; 68 is RFC 791\'s. Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `ipv4Forwarding()`. */
export const ipv4ForwardingOptions = {
  redirects: {
    symbol: 'CONFIG_NET_IPV4_SEND_REDIRECTS',
    type: 'bool',
    default: true,
    help: 'Tell a host on a link of a better first hop on the same link (RFC 1812 §5.2.7.2). Not in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `igmp()`. */
export const igmpOptions = {
  version3: {
    symbol: 'CONFIG_NET_IPV4_IGMPV3',
    type: 'bool',
    default: true,
    help: 'Speak version 3 (RFC 3376) where the querier does; otherwise version 2 at most (RFC 2236).',
  },
} as const satisfies Options
