/** Kconfig rows of NET_BUF. */

import type { Options } from '@favonius/kconfig'
import { DEFAULT_QUOTA } from './pool.ts'

export const netbufOptions = {
  quota: {
    type: 'int',
    symbol: 'CONFIG_NET_BUF_DATA_POOL_SIZE',
    default: DEFAULT_QUOTA,
    range: [0, 2 ** 31 - 1],
    help: 'The most this stack may hold, in bytes of slots. Zephyr: 4 096, set aside at start; ours, 16 MiB, only bounds what is taken.',
  },
  debug: {
    type: 'bool',
    symbol: 'CONFIG_NET_BUF_POOL_USAGE',
    default: false,
    help: 'Remembers who allocated each buffer, throws when a reference is given back twice, overwrites what is freed. Slow.',
  },
} as const satisfies Options
