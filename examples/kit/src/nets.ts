/** Where an example that needs datagrams alone gets them: the kernel's sockets, or a stack of ours: on a TAP device, a wire in memory, or a radio. */

import { system } from '@favonius/clock'
import type { DatagramNet, Env } from '@favonius/contract'
import { nodeDatagrams } from '@favonius/node'
import { openHosts, type Host, type Watch } from './host.ts'
import type { LinkOptions } from './options.ts'
import { radioHelp, radioOptions } from './radios.ts'

/** The options of `readOptions` for it. */
export const netOptions = {
  node: { type: 'boolean', default: false },
  sim: { type: 'boolean', default: false },
  ...radioOptions,
} as const

/** What `--help` says of them. */
export const netHelp = `  --node           use the kernel's sockets, with no stack of ours
  --sim            use a wire in memory, with a peer of ours at its other end (unless said otherwise)
${radioHelp}`

export interface NetOptions extends LinkOptions {
  readonly node: boolean
}

/** Datagrams, and the address where they arrive. */
export interface Place {
  /** The time of what stands on it. */
  readonly env: Env
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
  if (options.node && options.radio !== undefined) throw new Error('--node is the kernel, which has no radio: give one of them')
  if (options.node) return { us: { env: system, net: nodeDatagrams(), address: '::1' }, peer: undefined, peerAddress: '::1', stop: async () => {} }
  const hosts = await openHosts(options, watch)
  const place = ({ stack, ipv6 }: Host): Place => ({ env: hosts.env, net: stack.sockets, address: ipv6 })
  return {
    us: place(hosts.us),
    peer: hosts.peer && place(hosts.peer),
    peerAddress: hosts.peerIpv6,
    stop: () => hosts.stop(),
  }
}
