import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `netif()`. */
export const netifOptions = {
  defaultInterface: {
    symbol: 'CONFIG_NET_DEFAULT_IF',
    type: 'choice',
    values: ['first', 'up', 'ethernet', 'bluetooth', 'ieee802154'],
    default: 'first',
    help: 'Which interface serves where none is chosen: the first that was added, the first that is up, or the first of a technology (CONFIG_NET_DEFAULT_IF_FIRST, …_UP, …_ETHERNET, …_BLUETOOTH, …_IEEE802154).',
  },
  transmitQueue: {
    symbol: 'CONFIG_NET_PKT_TX_COUNT',
    type: 'int',
    default: 64,
    range: [1, 65535],
    help: 'Frames kept for an interface whose device is busy; Zephyr has 14 packets for the whole of an Ethernet stack.',
  },
} as const satisfies Options
