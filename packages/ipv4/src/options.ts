import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `ipv4()`. */
export const ipv4Options = {
  initialTtl: {
    symbol: 'CONFIG_NET_INITIAL_TTL',
    type: 'int',
    default: 64,
    range: [1, 255],
    help: 'Time to live of unicast and broadcast packets (RFC 1122 §3.2.1.7); multicast packets have 1 (RFC 1112 §6.1).',
  },
  maxAddresses: {
    symbol: 'CONFIG_NET_IF_UNICAST_IPV4_ADDR_COUNT',
    type: 'int',
    default: 2,
    range: [1, 255],
    help: 'Addresses of an interface. Zephyr has 1; with 2 an address can be replaced while the old one is still in use.',
  },
  maxGroups: {
    symbol: 'CONFIG_NET_IF_MCAST_IPV4_ADDR_COUNT',
    type: 'int',
    default: 8,
    range: [1, 1024],
    help: 'Multicast groups of an interface beside 224.0.0.1. Zephyr has 1, which mDNS alone takes.',
  },
  acceptBroadcastPing: {
    symbol: 'CONFIG_NET_ICMPV4_ACCEPT_BROADCAST',
    type: 'bool',
    default: false,
    help: 'Answer echo requests to broadcast addresses and groups (RFC 1122 §3.2.2.6 leaves it open).',
  },
  acceptZeroBroadcast: {
    symbol: 'CONFIG_NET_IPV4_ACCEPT_ZERO_BROADCAST',
    type: 'bool',
    default: false,
    help: 'Take packets to 0.0.0.0 for broadcasts, as 4.2BSD sent them (RFC 1122 §3.3.6).',
  },
  icmpErrorRate: {
    symbol: 'CONFIG_NET_ICMPV4_ERROR_RATE',
    type: 'int',
    default: 10,
    range: [0, 100_000],
    help: 'ICMP errors sent per second, on average (RFC 1812 §4.3.2.8); 0 sends none. Zephyr sends as many as it is asked to.',
  },
  icmpErrorBurst: {
    symbol: 'CONFIG_NET_ICMPV4_ERROR_BURST',
    type: 'int',
    default: 10,
    range: [1, 100_000],
    help: 'ICMP errors sent at once before the rate applies (RFC 1812 §4.3.2.8). Not in Zephyr.',
  },
} as const satisfies Options
