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

/** Kconfig rows of `trafficClasses()`. */
export const trafficClassesOptions = {
  transmit: {
    symbol: 'CONFIG_NET_TC_TX_COUNT',
    type: 'int',
    default: 0,
    range: [0, 8],
    help: 'Classes of what is sent, each with a queue of `transmitQueue` frames on every interface; 0 is as 1: one queue, for what a busy device does not take.',
  },
  receive: {
    symbol: 'CONFIG_NET_TC_RX_COUNT',
    type: 'int',
    default: 1,
    range: [0, 8],
    help: 'Classes of what devices receive, each with a queue for the whole stack; with 0 packets go up on the device\'s own turn.',
  },
  mapping: {
    symbol: 'CONFIG_NET_TC_MAPPING',
    type: 'choice',
    values: ['strict', 'sr-class-a-and-b', 'sr-class-b-only'],
    default: 'strict',
    help: 'Which priority goes into which class: IEEE 802.1Q table 8-4, or 34-1 or 34-2 where streams are reserved, which need 2 classes in each direction (CONFIG_NET_TC_MAPPING_STRICT, …_SR_CLASS_A_AND_B, …_SR_CLASS_B_ONLY).',
  },
  skipForHighPriority: {
    symbol: 'CONFIG_NET_TC_SKIP_FOR_HIGH_PRIO',
    type: 'bool',
    default: false,
    help: 'Received packets of priority 3 and above (2 and 3, or 2, where streams are reserved) go up at once. On the way down what is more urgent than all that waits always tries the device at once.',
  },
  receiveQueue: {
    symbol: 'CONFIG_NET_PKT_RX_COUNT',
    type: 'int',
    default: 256,
    range: [1, 65535],
    help: 'Packets kept for each class on the way up; what comes when it is full is dropped. Zephyr has 14 for the whole of an Ethernet stack.',
  },
} as const satisfies Options

/** Kconfig rows of `packetTimes()`. */
export const packetTimesOptions = {
  transmit: {
    symbol: 'CONFIG_NET_PKT_TXTIME_STATS',
    type: 'bool',
    default: true,
    help: 'How long packets take from the moment they are made until a device has taken them. Zephyr: n; here who composes it wants it.',
  },
  transmitDetail: {
    symbol: 'CONFIG_NET_PKT_TXTIME_STATS_DETAIL',
    type: 'bool',
    default: false,
    help: 'The same from place to place of their way down.',
  },
  receive: {
    symbol: 'CONFIG_NET_PKT_RXTIME_STATS',
    type: 'bool',
    default: true,
    help: 'How long datagrams take from the driver until an application has read them. Zephyr: n; here who composes it wants it.',
  },
  receiveDetail: {
    symbol: 'CONFIG_NET_PKT_RXTIME_STATS_DETAIL',
    type: 'bool',
    default: false,
    help: 'The same from place to place of their way up.',
  },
} as const satisfies Options
