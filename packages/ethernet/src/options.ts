import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `arp()`. */
export const arpOptions = {
  tableSize: {
    symbol: 'CONFIG_NET_ARP_TABLE_SIZE',
    type: 'int',
    default: 2,
    range: [1, 1024],
    help: 'Neighbours remembered over all interfaces; the least recently used makes room.',
  },
  gratuitous: {
    symbol: 'CONFIG_NET_ARP_GRATUITOUS',
    type: 'bool',
    default: true,
    help: 'Announce our addresses when they come up, and believe the announcements of neighbours that are remembered.',
  },
  reachableTime: {
    symbol: 'CONFIG_NET_ARP_REACHABLE_TIME',
    type: 'int',
    default: 60_000,
    range: [1000, 86_400_000],
    help: 'Milliseconds until a neighbour that is in use is asked again, by unicast (RFC 1122 §2.3.2.1). Ours; Zephyr asks never again.',
  },
} as const satisfies Options

/** Kconfig rows of `vlan()`. */
export const vlanOptions = {
  maxVlans: {
    symbol: 'CONFIG_NET_VLAN_COUNT',
    type: 'int',
    default: 255,
    range: [1, 255],
    help: 'VLANs over all interfaces. Nothing is set aside for them, so it is the most there may be; Zephyr, whose tables it sizes, has 1.',
  },
} as const satisfies Options
