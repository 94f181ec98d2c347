import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `dns()`, and the settings of a `DnsClient`. */
export const dnsOptions = {
  servers: {
    symbol: 'CONFIG_DNS_SERVER1',
    type: 'string',
    default: '',
    help: 'Servers to begin with, separated by spaces: `192.0.2.2`, `192.0.2.2:15353`, `[2001:db8::2]:15353`. Zephyr numbers its: `DNS_SERVER1` … `DNS_SERVER5`.',
  },
  maxServers: {
    symbol: 'CONFIG_DNS_RESOLVER_MAX_SERVERS',
    type: 'int',
    default: 8,
    range: [1, 64],
    help: 'Servers known at once, from all sources. Zephyr has 1.',
  },
  timeout: {
    symbol: 'CONFIG_NET_SOCKETS_DNS_TIMEOUT',
    type: 'int',
    default: 2000,
    range: [10, 300_000],
    help: 'Milliseconds until a server that is silent is passed over for the next; doubled each time all were asked (RFC 1035 §4.2.1). Zephyr gives up after them.',
  },
  rounds: {
    symbol: 'CONFIG_DNS_RESOLVER_ROUNDS',
    type: 'int',
    default: 3,
    range: [1, 10],
    help: 'How often every server is asked before it is ETIMEOUT. Ours.',
  },
  maxQueries: {
    symbol: 'CONFIG_DNS_NUM_CONCUR_QUERIES',
    type: 'int',
    default: 64,
    range: [1, 4096],
    help: 'Questions under way at once, the same one counted once; one more is ENOBUFS. Zephyr has 1.',
  },
  maxAliases: {
    symbol: 'CONFIG_DNS_RESOLVER_ADDITIONAL_QUERIES',
    type: 'int',
    default: 8,
    range: [0, 32],
    help: 'CNAMEs followed from one name, within an answer or by further questions; more are EBADRESP. Zephyr has 1.',
  },
  cacheSize: {
    symbol: 'CONFIG_DNS_RESOLVER_CACHE_MAX_ENTRIES',
    type: 'int',
    default: 256,
    range: [0, 65_536],
    help: 'Answers remembered, negative ones too (RFC 2308); the one not used for the longest makes room. 0 remembers none.',
  },
  maxTtl: {
    symbol: 'CONFIG_DNS_RESOLVER_CACHE_MAX_TTL',
    type: 'int',
    default: 86_400,
    range: [1, 2_147_483_647],
    help: 'Seconds that an answer is remembered at most (RFC 8767 §4 has a day to a week). Ours.',
  },
  ednsSize: {
    symbol: 'CONFIG_DNS_RESOLVER_EDNS_SIZE',
    type: 'int',
    default: 1232,
    range: [512, 4096],
    help: 'Bytes of the largest answer asked for in a datagram (RFC 6891 §6.2.3); 1232 is never fragmented over IPv6. Ours.',
  },
  mixCase: {
    symbol: 'CONFIG_DNS_RESOLVER_MIX_CASE',
    type: 'bool',
    default: true,
    help: 'Ask in random upper and lower case, which an answer must repeat: bits more for a forger to guess. Ours.',
  },
} as const satisfies Options
