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
