import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `dad()`. */
export const dadOptions = {
  transmits: {
    symbol: 'CONFIG_NET_IPV6_DAD_TRANSMITS',
    type: 'int',
    default: 1,
    range: [0, 16],
    help: 'Solicitations sent before an address counts as unique (RFC 4862 §5.1 DupAddrDetectTransmits); 0 turns detection off. Always 1 in Zephyr.',
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
    help: 'Milliseconds before the first solicitation after an interface came up are random up to this (RFC 4861 §10 MAX_RTR_SOLICITATION_DELAY). Zephyr does not wait.',
  },
} as const satisfies Options
