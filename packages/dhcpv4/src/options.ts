import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `dhcpv4()`. */
export const dhcpv4Options = {
  initialDelayMax: {
    symbol: 'CONFIG_NET_DHCPV4_INITIAL_DELAY_MAX',
    type: 'int',
    default: 10_000,
    range: [0, 10_000],
    help: 'Milliseconds that the start is put off by at most, at random, so that many who start at once do not ask at once (RFC 2131 §4.4.1). Zephyr counts in seconds, from 2; 0 asks at once.',
  },
  rapidCommit: {
    symbol: 'CONFIG_NET_DHCPV4_RAPID_COMMIT',
    type: 'bool',
    default: false,
    help: 'Ask for a lease in two messages instead of four (RFC 4039). Not in Zephyr.',
  },
} as const satisfies Options
