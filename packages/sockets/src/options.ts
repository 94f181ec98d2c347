import type { Options } from '@favonius/kconfig'

/** Kconfig rows of `sockets()`. */
export const socketsOptions = {
  receiveBuffer: {
    symbol: 'CONFIG_NET_CONTEXT_RCVBUF',
    type: 'int',
    default: 212_992,
    range: [1, 1_073_741_824],
    help: 'Bytes of datagrams that wait in a socket until they are received (SO_RCVBUF), each counted as 256 at least; more are dropped and counted. Linux\'s default.',
  },
} as const satisfies Options

/** Kconfig rows of `names()`. */
export const namesOptions = {
  attemptDelay: {
    symbol: 'CONFIG_NET_SOCKETS_CONNECTION_ATTEMPT_DELAY',
    type: 'int',
    default: 250,
    range: [10, 2000],
    help: 'Milliseconds after which the next address of a name is tried beside those that are silent (RFC 8305 §5). Ours.',
  },
  resolutionDelay: {
    symbol: 'CONFIG_NET_SOCKETS_RESOLUTION_DELAY',
    type: 'int',
    default: 50,
    range: [0, 2000],
    help: 'Milliseconds that IPv4 addresses wait for IPv6 ones (RFC 8305 §3). Ours.',
  },
} as const satisfies Options
