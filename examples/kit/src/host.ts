/**
 * The two hosts of every example: the stack of ours is .1, its peer (Linux on a TAP, or a second stack) is .2, as in Zephyr's samples. Over a radio that
 * goes to its peer it is the other way round, so that two examples can be each other's peer.
 */

import { execFileSync } from 'node:child_process'
import { system } from '@favonius/clock'
import type { Device, Env, Interface, Radio } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ieee802154 } from '@favonius/ieee802154'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { captureFile } from '@favonius/pcap/file'
import { EthernetSegment, faulty } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'
import type { LinkOptions } from './options.ts'
import { openRadio } from './radios.ts'

/** Milliseconds until an interface is given up. */
const UP_TIMEOUT = 10_000

/** The port of Zephyr's echo samples. */
export const ECHO_PORT = 4242

const stackOf = (env: Env) => compose(env, ethernet(), ieee802154(), ipv4(), ipv6(), udp(), tcp(), sockets())
type HostStack = ReturnType<typeof stackOf>

/** A composed stack, its interface and the addresses it was given. */
export interface Host {
  readonly name: string
  readonly stack: HostStack
  readonly iface: Interface
  readonly ipv4: string
  readonly ipv6: string
  /** Those of its addresses that it has: there is no IPv4 over the air. */
  readonly addresses: readonly string[]
}

/** A stack of ours, and the peer that the link leads to. */
export interface Hosts {
  /** The time that they live in: the real one, or that of an air in memory. */
  readonly env: Env
  readonly us: Host
  /** The second stack; undefined when Linux is the peer, or whoever a radio leads to. */
  readonly peer: Host | undefined
  /** The wire between them; undefined when Linux is the peer, and over a radio. */
  readonly wire: EthernetSegment | undefined
  readonly peerIpv4: string
  readonly peerIpv6: string
  /** Those of the two that the peer can be reached by. */
  readonly peerAddresses: readonly string[]
  /** Commands that were run to set Linux's side up. */
  readonly commands: readonly string[]
  stop(): Promise<void>
}

/** Sees a stack before anything happens on it; returns how to look away. */
export type Watch = (host: Host) => () => void

/** Attached to a device, or to the radio of an air. */
function host(
  name: string, number: 1 | 2, link: Device | Radio, { pcap, env = system }: { readonly pcap?: string | undefined; readonly env?: Env }, watch: Watch,
): Host & { end(): Promise<void> } {
  const stack = stackOf(env)
  const capture = pcap === undefined ? undefined : captureFile(stack.netif, env.clock, pcap)
  const iface = 'medium' in link ? stack.netif.add(link, { name: 'eth0' }) : stack.ieee802154.add(link)
  const [ipv4, ipv6] = [`192.0.2.${number}`, `2001:db8::${number}`]
  const made = { name, stack, iface, ipv4, ipv6, addresses: 'medium' in link ? [ipv6, ipv4] : [ipv6] }
  const unwatch = watch(made)
  if (made.addresses.includes(ipv4)) stack.ipv4.addAddress(iface, `${made.ipv4}/24`)
  stack.ipv6.addAddress(iface, `${made.ipv6}/64`)
  return {
    ...made,
    async end() {
      unwatch()
      await stack.stop()
      capture?.close()
    },
  }
}

/** Makes the hosts, and waits until their addresses may be used. */
export async function openHosts(options: LinkOptions, watch: Watch = () => () => {}): Promise<Hosts> {
  const made: (Host & { end(): Promise<void> })[] = []
  const commands: string[] = []
  const wire = new EthernetSegment(system, options.rate === undefined ? {} : { rate: options.rate })
  const radio = options.radio === undefined ? undefined : await openRadio(options.radio, { loss: options.drop })
  const number = radio?.number ?? 1
  const other = 3 - number
  const lossy = (device: Device): Device => (options.drop > 0 ? faulty(device, system, { loss: options.drop }) : device)
  if (radio !== undefined) {
    const { env, air } = radio
    made.push(host(air === undefined ? 'favonius' : 'alice', number, radio.radio, { ...options, env }, watch))
    if (air === undefined) console.log(`a radio, with ${radio.where}`)
    else made.push(host('bob', 2, air.radio({ at: [10, 0] }), { env }, watch))
    await radio.begin(made[0]!.stack.netif.buffers)
  } else if (options.tap === undefined) {
    made.push(host('alice', 1, lossy(wire.device()), options, watch), host('bob', 2, wire.device(), {}, watch))
  } else {
    const tap = await openTap({ name: options.tap })
    for (const command of [
      `ip link set ${options.tap} up`,
      `ip addr add 192.0.2.2/24 dev ${options.tap}`,
      `ip -6 addr add 2001:db8::2/64 dev ${options.tap}`,
    ]) {
      execFileSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
      commands.push(command)
    }
    made.push(host('favonius', 1, lossy(tap), options, watch))
  }
  // Whoever is to come to a radio may take its time.
  await Promise.all(made.map(({ iface }) => iface.up({ timeout: radio !== undefined && made.length === 1 ? Infinity : UP_TIMEOUT })))
  return {
    env: radio?.env ?? system,
    us: made[0]!,
    peer: made[1],
    wire: options.tap === undefined && radio === undefined ? wire : undefined,
    peerIpv4: `192.0.2.${other}`,
    peerIpv6: `2001:db8::${other}`,
    peerAddresses: made[1]?.addresses ?? (radio === undefined ? ['2001:db8::2', '192.0.2.2'] : [`2001:db8::${other}`]),
    commands,
    async stop() {
      for (const { end } of made) await end()
      wire.stop()
      await radio?.stop()
    },
  }
}

/** Returns every datagram that comes to `port`, for as long as the stack runs; calls `echoed` for each. */
export async function serveEcho({ stack }: Host, port: number, echoed: (bytes: number, from: { readonly address: string; readonly port: number }) => void = () => {}) {
  const socket = await stack.sockets.open({ port }, {
    receive(data, from) {
      socket.send(data, from)
      echoed(data.length, from)
    },
  })
  return socket
}

/** Returns every byte of every connection to `port`, for as long as the stack runs; calls `opened` for each. */
export async function serveEchoStreams({ stack }: Host, port: number, opened: (from: string) => void = () => {}): Promise<void> {
  const listener = await stack.sockets.listen({ port })
  const serve = async (): Promise<void> => {
    for await (const peer of listener) {
      opened((await peer.opened).remoteAddress)
      // A peer may reset; that ends its own connection and no other.
      peer.readable.pipeTo(peer.writable).catch(() => {})
    }
  }
  void serve()
}
