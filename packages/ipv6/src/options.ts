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
    range: [2048, 1_073_741_824],
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

/** Kconfig rows of `routers()`. */
export const routersOptions = {
  maxRouters: {
    symbol: 'CONFIG_NET_MAX_ROUTERS',
    type: 'int',
    default: 2,
    range: [1, 254],
    help: 'Default routers; a preferred one takes the place of the worst. 1 in Zephyr when IPv6 is alone.',
  },
  maxPrefixes: {
    symbol: 'CONFIG_NET_IF_IPV6_PREFIX_COUNT',
    type: 'int',
    default: 4,
    range: [1, 256],
    help: 'On-link prefixes and prefixes behind routers, over all interfaces. In Zephyr 2 of an interface.',
  },
  maxNameServers: {
    symbol: 'CONFIG_NET_IPV6_RA_RDNSS_MAX_SERVERS',
    type: 'int',
    default: 3,
    range: [1, 64],
    help: 'Recursive name servers that are kept (RFC 8106 §5.3.1 has three in mind). CONFIG_DNS_RESOLVER_MAX_SERVERS in Zephyr.',
  },
  maxSearchDomains: {
    symbol: 'CONFIG_NET_IPV6_RA_DNSSL_MAX_DOMAINS',
    type: 'int',
    default: 3,
    range: [1, 64],
    help: 'Domains in which short names are looked for. Not in Zephyr.',
  },
  solicitationInterval: {
    symbol: 'CONFIG_NET_IPV6_RS_TIMEOUT',
    type: 'int',
    default: 4000,
    range: [100, 60_000],
    help: 'Milliseconds to the second solicitation (RFC 4861 §10 RTR_SOLICITATION_INTERVAL); twice as many each further time. 1 s in Zephyr.',
  },
  maxSolicitationInterval: {
    symbol: 'CONFIG_NET_IPV6_RS_MAX_TIMEOUT',
    type: 'int',
    default: 3_600_000,
    range: [1000, 86_400_000],
    help: 'Most milliseconds between solicitations, which go on until a router answers (RFC 7559 §2 MRT). Zephyr gives up after three.',
  },
  maxDelay: {
    symbol: 'CONFIG_NET_IPV6_RS_MAX_DELAY',
    type: 'int',
    default: 1000,
    range: [0, 60_000],
    help: 'Most milliseconds of the random wait before the first one (RFC 4861 §10 MAX_RTR_SOLICITATION_DELAY), where dad() has not waited. 0 in Zephyr.',
  },
} as const satisfies Options

/** Kconfig rows of `slaac()`. */
export const slaacOptions = {
  identifier: {
    symbol: 'CONFIG_NET_IPV6_IID',
    type: 'choice',
    default: 'eui64',
    values: ['eui64', 'stable'],
    help: 'What interface identifiers are made of: the link address (RFC 4291 appendix A; CONFIG_NET_IPV6_IID_EUI_64), or prefix and secret (RFC 7217; CONFIG_NET_IPV6_IID_STABLE).',
  },
  secret: {
    symbol: 'CONFIG_NET_IPV6_IID_SECRET',
    type: 'string',
    default: '',
    help: 'What stable identifiers are made with (RFC 7217 §5 secret_key), of any length; keep it, and the addresses stay. Random for each stack unless given. Not in Zephyr.',
  },
  temporary: {
    symbol: 'CONFIG_NET_IPV6_PE',
    type: 'bool',
    default: false,
    help: 'Have temporary addresses too, and send from them (RFC 8981).',
  },
  temporaryValidLifetime: {
    symbol: 'CONFIG_NET_IPV6_PE_VALID_LIFETIME',
    type: 'int',
    default: 86_400_000,
    range: [60_000, 2_147_483_648],
    help: 'Milliseconds for which a temporary address is valid at most; 1440 minutes, as in Zephyr (RFC 8981 §3.8: two days).',
  },
  temporaryPreferredLifetime: {
    symbol: 'CONFIG_NET_IPV6_PE_PREFERRED_LIFETIME',
    type: 'int',
    default: 82_800_000,
    range: [60_000, 2_147_483_648],
    help: 'Milliseconds for which it is preferred at most, less a random part of up to 40 %; 1380 minutes, as in Zephyr (RFC 8981 §3.8: one day).',
  },
} as const satisfies Options

/** Kconfig rows of `mld()`. */
export const mldOptions = {
  robustness: {
    symbol: 'CONFIG_NET_IPV6_MLD_ROBUSTNESS',
    type: 'int',
    default: 2,
    range: [1, 7],
    help: 'How often a change is reported, until a querier tells another number (RFC 3810 §9.1). Once in Zephyr.',
  },
  unsolicitedReportInterval: {
    symbol: 'CONFIG_NET_IPV6_MLD_UNSOLICITED_REPORT_INTERVAL',
    type: 'int',
    default: 1000,
    range: [0, 60_000],
    help: 'Most milliseconds between these reports (RFC 3810 §9.11). Not in Zephyr.',
  },
} as const satisfies Options
