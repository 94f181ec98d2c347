import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `nd()`. The size of the cache is a row of `ipv6()`, as in Zephyr. */
export const ndOptions = {
  reachableTime: {
    symbol: 'CONFIG_NET_IPV6_ND_REACHABLE_TIME',
    type: 'int',
    default: 30_000,
    range: [1, 3_600_000],
    help: 'Milliseconds for which a neighbour that answered counts as reachable, before the random factor of 0.5 to 1.5 (RFC 4861 §10 REACHABLE_TIME). A constant in Zephyr.',
  },
  retransTimer: {
    symbol: 'CONFIG_NET_IPV6_ND_RETRANS_TIMER',
    type: 'int',
    default: 1000,
    range: [10, 3_600_000],
    help: 'Milliseconds between solicitations (RFC 4861 §10 RETRANS_TIMER). A constant in Zephyr.',
  },
} as const satisfies Options
