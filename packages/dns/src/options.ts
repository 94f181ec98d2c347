import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `dns()`. */
export const dnsOptions = {
  size: {
    symbol: 'CONFIG_NET_DNS_SIZE',
    type: 'int',
    default: 1,
    range: [1, 16],
    help: 'What it is a limit of, with its unit.',
  },
} as const satisfies Options
