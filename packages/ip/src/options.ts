import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `ip()`. */
export const ipOptions = {
  maxRoutes: {
    symbol: 'CONFIG_NET_MAX_ROUTES',
    type: 'int',
    default: 8,
    range: [1, 65535],
    help: 'Routes of both families: one for each prefix on a link, and one for each gateway. Zephyr has as many as neighbours, 8.',
  },
} as const satisfies Options
