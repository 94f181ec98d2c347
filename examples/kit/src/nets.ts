/** Where an example that needs datagrams alone gets them: the kernel's sockets, or a stack of ours on a TAP device or on a wire in memory. */

import type { DatagramNet } from '@favonius/contract'
import { nodeDatagrams } from '@favonius/node'
import { openHosts, type Watch } from './host.ts'
import type { LinkOptions } from './options.ts'

/** The options of `readOptions` for it. */
export const netOptions = {
  node: { type: 'boolean', default: false },
  sim: { type: 'boolean', default: false },
} as const

/** What `--help` says of them. */
export const netHelp = `  --node           use the kernel's sockets, with no stack of ours
  --sim            use a wire in memory, with a peer of ours at its other end (unless said otherwise)`

export interface NetOptions extends LinkOptions {
  readonly node: boolean
}

/** Datagrams, and the address where they arrive. */
export interface Place {
  readonly net: DatagramNet
  readonly address: string
}

export interface Nets {
  readonly us: Place
  /** The second stack; undefined when somebody else is the peer. */
  readonly peer: Place | undefined
  /** Where the peer is: `2001:db8::2`, or this machine. */
  readonly peerAddress: string
  stop(): Promise<void>
}

/** Opens them, and waits until they may be used. */
export async function openNets(options: NetOptions, watch?: Watch): Promise<Nets> {
  if (options.node) return { us: { net: nodeDatagrams(), address: '::1' }, peer: undefined, peerAddress: '::1', stop: async () => {} }
  const hosts = await openHosts(options, watch)
  return {
    us: { net: hosts.us.stack.sockets, address: hosts.us.ipv6 },
    peer: hosts.peer && { net: hosts.peer.stack.sockets, address: hosts.peer.ipv6 },
    peerAddress: hosts.peerIpv6,
    stop: () => hosts.stop(),
  }
}
