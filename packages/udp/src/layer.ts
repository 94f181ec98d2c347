/** UDP (RFC 768): ports, and who listens on them. */

import type {
  Address, BufferPool, DropReason, Env, IcmpError, Ip, IpInfo, NetBuf, Peer, Transport, Udp, UdpBinding, UdpSink, UdpSocket,
} from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { dynamicPort, failure, isUnspecified, PROTOCOL_UDP, sameAddress } from '@favonius/inet'
import type { udpOptions } from './options.ts'
import { PeerTable } from './peer.ts'
import { BoundSocket } from './socket.ts'
import { at, HEADER } from './wire.ts'

/** UDP over the network layers of a stack. `udp()` makes one; so does whoever wires a stack by hand. */
export class UdpLayer implements Udp, Transport {
  readonly ip: Ip
  readonly buffers: BufferPool
  readonly counters
  readonly maxPeers: number
  readonly noBuffer: DropReason
  readonly #env: Env
  readonly #options: Settings<typeof udpOptions>
  readonly #drops
  readonly #peers: PeerTable
  readonly #ports = new Map<number, BoundSocket[]>()
  readonly #unregister: () => void
  #open = 0

  constructor(env: Env, ip: Ip, options: Settings<typeof udpOptions>) {
    const { netif } = ip
    this.ip = ip
    this.buffers = netif.buffers
    this.maxPeers = options.maxPeers
    this.#env = env
    this.#options = options
    this.counters = { sent: netif.counter('udp.sent'), recv: netif.counter('udp.recv') }
    this.#drops = netif.reasons({
      short: ['udp: shorter than its header', 'udp.drop'],
      length: ['udp: wrong length', 'udp.drop'],
      checksum: ['udp: bad checksum', 'udp.drop', 'udp.chkerr'],
      noChecksum: ['udp: no checksum', 'udp.drop', 'udp.chkerr'],
      port: ['udp: port 0', 'udp.drop'],
      noListener: ['udp: no listener', 'udp.drop'],
      noBuffer: ['udp: no buffer for another listener', 'udp.drop'],
    })
    this.noBuffer = this.#drops.noBuffer
    this.#peers = new PeerTable(this, options.maxPeers, (zone) => netif.find(zone)?.name ?? String(zone))
    this.#unregister = ip.registerTransport(PROTOCOL_UDP, this)
  }

  get sockets(): readonly UdpSocket[] {
    return [...this.#ports.values()].flat()
  }

  peer(address: Address, port: number): Peer {
    return this.#peers.of(address, port)
  }

  /** Remote endpoints remembered now, at most `maxPeers`. */
  get peers(): number {
    return this.#peers.size
  }

  // ---- binding ----

  open(binding: UdpBinding, sink: UdpSink): UdpSocket {
    const { address } = binding
    if (!Number.isInteger(binding.port) || binding.port < 0 || binding.port > 65_535) {
      throw failure('EINVAL', `port ${binding.port}: give a whole number from 0 (any free port) to 65535`)
    }
    if (this.#open >= this.#options.maxSockets) {
      throw failure('ENOBUFS', `${this.#options.maxSockets} UDP sockets are open: close some, or raise udp({ maxSockets })`)
    }
    const layer = this.ip.layer(address.family)
    if (!isUnspecified(address) && !layer?.isMulticast(address) && !layer?.owns(address, binding.iface)) {
      throw failure('EADDRNOTAVAIL', `${address} is no address of this stack${binding.iface ? ` on ${binding.iface.name}` : ''}: add it first, or bind to ${address.family === 6 ? '::' : '0.0.0.0'}`)
    }
    const port = binding.port || this.#freePort(binding)
    const taken = this.#ports.get(port)?.find((other) => overlap(other, binding) && !(other.reuse && binding.reuse))
    if (taken) {
      throw failure('EADDRINUSE', `UDP port ${port} is in use${isUnspecified(taken.address) ? '' : ` on ${taken.address}`}: choose another, or set reuse on both sockets`)
    }
    const socket = new BoundSocket(this, { ...binding, port }, sink)
    const bound = this.#ports.get(port)
    if (bound) bound.push(socket)
    else this.#ports.set(port, [socket])
    this.#open++
    return socket
  }

  #freePort(binding: UdpBinding): number {
    const port = dynamicPort(this.#env.random, (one) => !this.#ports.get(one)?.some((other) => overlap(other, binding)))
    if (port === undefined) throw failure('EADDRINUSE', 'every dynamic UDP port (49152 to 65535) is in use')
    return port
  }

  /** @internal A socket was closed. */
  remove(socket: BoundSocket): void {
    const bound = this.#ports.get(socket.port)
    if (bound === undefined) return
    const at = bound.indexOf(socket)
    if (at < 0) return
    bound.splice(at, 1)
    this.#open--
    if (bound.length === 0) this.#ports.delete(socket.port)
  }

  // ---- the way up ----

  receive(packet: NetBuf, ip: IpInfo): void {
    const { iface } = ip
    const { dv, offset } = packet
    if (packet.length < HEADER) return iface.drop(packet, this.#drops.short)
    const total = packet.total()
    const length = dv.getUint16(offset + at.length)
    if (length < HEADER || length > total) return iface.drop(packet, this.#drops.length)
    if (length < total) packet.trim(length)
    if (packet.checksum === 0) {
      if (dv.getUint16(offset + at.checksum) === 0) {
        if (ip.layer.family === 6 || !this.#options.missingChecksum) return iface.drop(packet, this.#drops.noChecksum)
      } else if (this.#options.checksum && packet.sum(offset, ip.pseudo + length) !== 0xffff) {
        return iface.drop(packet, this.#drops.checksum)
      }
    }
    const sourcePort = dv.getUint16(offset + at.source)
    const port = dv.getUint16(offset + at.destination)
    if (port === 0) return iface.drop(packet, this.#drops.port)
    packet.transport = offset

    const bound = this.#ports.get(port)
    if (ip.multicast) return this.#receiveGroup(packet, ip, bound, sourcePort)
    let best: BoundSocket | undefined
    if (bound !== undefined) {
      let bestRank = -1
      for (let i = 0; i < bound.length; i++) {
        const rank = rankOf(bound[i]!, ip, sourcePort)
        if (rank > bestRank) {
          bestRank = rank
          best = bound[i]!
        }
      }
    }
    if (best === undefined) {
      ip.layer.refuse(packet, ip, 'port')
      return iface.drop(packet, this.#drops.noListener)
    }
    this.#hand(packet, ip, best, sourcePort)
  }

  /** Every socket that matches hears a group's datagram, each in a buffer of its own. */
  #receiveGroup(packet: NetBuf, ip: IpInfo, bound: readonly BoundSocket[] | undefined, sourcePort: number): void {
    const hearers = bound?.filter((socket) => rankOf(socket, ip, sourcePort) >= 0) ?? []
    if (hearers.length === 0) return ip.iface.drop(packet, this.#drops.noListener)
    for (const socket of hearers.slice(1)) {
      if (socket.closed) continue
      const copy = packet.clone()
      if (copy === undefined) ip.iface.lose(this.#drops.noBuffer)
      else this.#hand(copy, ip, socket, sourcePort)
    }
    this.#hand(packet, ip, hearers[0]!, sourcePort)
  }

  #hand(packet: NetBuf, ip: IpInfo, socket: BoundSocket, sourcePort: number): void {
    // Another hearer of the same group may have closed it.
    if (socket.closed) return ip.iface.drop(packet, this.#drops.noListener)
    ip.iface.count(this.counters.recv)
    packet.pull(HEADER)
    socket.sink.receive(packet, this.#peers.of(ip.source, sourcePort), ip)
  }

  unreachable(error: IcmpError, quoted: NetBuf, source: Address, destination: Address): boolean {
    if (quoted.length < 4) return false
    const bound = this.#ports.get(quoted.dv.getUint16(quoted.offset + at.source))
    if (bound === undefined) return false
    const port = quoted.dv.getUint16(quoted.offset + at.destination)
    // Looked for and not made: a forged error puts nobody into the table.
    const known = this.#peers.find(destination, port)
    let ours = false
    for (const socket of [...bound]) {
      if (!isUnspecified(socket.address) && !sameAddress(socket.address, source)) continue
      const peer = socket.sentTo(known, destination, port)
      if (peer === undefined || socket.closed) continue
      ours = true
      socket.sink.error?.(error, peer)
    }
    return ours
  }

  stop(): void {
    for (const socket of this.sockets) socket.close()
    this.#unregister()
    this.#peers.clear()
  }
}

/** Whether two bindings would hear the same datagram. */
function overlap(a: UdpBinding, b: UdpBinding): boolean {
  if (a.iface !== undefined && b.iface !== undefined && a.iface !== b.iface) return false
  if (a.address.family !== b.address.family) {
    const six = a.address.family === 6 ? a : b
    // An IPv6 socket that takes both families takes IPv4 only while it is bound to no address.
    return !six.v6only && isUnspecified(six.address)
  }
  return isUnspecified(a.address) || isUnspecified(b.address) || sameInZone(a.address, b.address)
}

/** Whether two addresses are the same, and not of different links: fe80::1 may be ours on each of them (RFC 4007 §6). */
function sameInZone(a: Address, b: Address): boolean {
  return sameAddress(a, b) && (a.zone === b.zone || a.zone === 0 || b.zone === 0)
}

/** How well a socket fits a datagram, as Zephyr ranks connections: −1 not at all, else the more it insists on, the better. */
function rankOf(socket: BoundSocket, ip: IpInfo, sourcePort: number): number {
  const { address, peer, iface } = socket
  const { source, destination } = ip
  let rank = 0
  if (iface !== undefined) {
    if (iface !== ip.iface) return -1
    rank += 1
  }
  if (address.w3 === 0 && address.w0 === 0 && address.w1 === 0) {
    if (address.family !== destination.family && (address.family === 4 || socket.v6only)) return -1
    if (address.family === destination.family) rank += 2
  } else if (!sameInZone(address, destination)) return -1
  else rank += 4
  if (peer !== undefined) {
    if (peer.port !== sourcePort || !sameInZone(peer.ip, source)) return -1
    rank += 8
  }
  return rank
}
