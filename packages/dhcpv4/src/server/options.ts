import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `dhcpv4Server()`. */
export const dhcpv4ServerOptions = {
  maxLeases: {
    symbol: 'CONFIG_NET_DHCPV4_SERVER_ADDR_COUNT',
    type: 'int',
    default: 256,
    range: [1, 65_535],
    help: 'Addresses of a pool that are given at most. 4 in Zephyr.',
  },
  leaseTime: {
    symbol: 'CONFIG_NET_DHCPV4_SERVER_ADDR_LEASE_TIME',
    type: 'int',
    default: 86_400,
    range: [60, 4_294_967],
    help: 'Seconds that an address is lent for.',
  },
  declineTime: {
    symbol: 'CONFIG_NET_DHCPV4_SERVER_ADDR_DECLINE_TIME',
    type: 'int',
    default: 86_400,
    range: [1, 4_294_967],
    help: 'Seconds that an address is not given which a client has declined, or which answered a probe.',
  },
  probeTimeout: {
    symbol: 'CONFIG_NET_DHCPV4_SERVER_ICMP_PROBE_TIMEOUT',
    type: 'int',
    default: 1000,
    range: [0, 60_000],
    help: 'Milliseconds to wait whether an address answers an echo request before it is offered (RFC 2131 §2.2); 0 does not ask.',
  },
} as const satisfies Options
