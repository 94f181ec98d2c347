import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `udp()`. */
export const udpOptions = {
  checksum: {
    symbol: 'CONFIG_NET_UDP_CHECKSUM',
    type: 'bool',
    default: true,
    help: 'Verify the checksum of what is received, unless the device did.',
  },
  missingChecksum: {
    symbol: 'CONFIG_NET_UDP_MISSING_CHECKSUM',
    type: 'bool',
    default: true,
    help: 'Accept datagrams without a checksum over IPv4 (RFC 768); over IPv6 they are dropped always (RFC 8200 §8.1).',
  },
  maxSockets: {
    symbol: 'CONFIG_NET_MAX_CONN',
    type: 'int',
    default: 1024,
    range: [1, 65_535],
    help: 'Sockets open at once. Zephyr has 4, which it allocates when it starts; ours cost nothing until they are opened.',
  },
  maxPeers: {
    symbol: 'CONFIG_NET_UDP_MAX_PEERS',
    type: 'int',
    default: 4096,
    range: [1, 1_048_576],
    help: 'Remote endpoints remembered, with the way to each; the one not heard of for the longest makes room. Ours.',
  },
} as const satisfies Options
