/** Two stacks, a stream between them both ways, and a third station that throws segments at both: of their flow, of others, SYNs from everywhere. */

import { deferred, sleep } from '@favonius/clock'
import type { TcpConnection, TcpListener } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address, finish, pseudoSum, sum } from '@favonius/inet'
import { ipv4, writeHeader as writeIp } from '@favonius/ipv4'
import { simulate } from '@favonius/sim'
import * as assert from 'uvu/assert'
import { tcp } from '../src/index.ts'
import { ACK, FIN, HEADER, PSH, RST, SYN, URG, writeHeader, writeTimestamps } from '../src/wire.ts'

const A = '192.0.2.1'
const B = '192.0.2.2'
const PORT = 5001
/** What the flow sends, a piece each time. */
const PIECE = 500

export interface Attack {
  readonly seed: number
  /** Segments that are thrown. */
  readonly segments: number
  /** SYNs from addresses that are nobody's, instead of segments of the flow. */
  readonly flood?: boolean
  readonly tcp?: Parameters<typeof tcp>[0]
}

/** Runs it, checks every byte, and that nothing is left. Answers with what the attacked stack counted. */
export async function attack({ seed, segments, flood = false, tcp: settings }: Attack) {
  const net = simulate({ seed, record: false })
  const lan = net.ethernet({ latency: 0.1 })
  const features = [ethernet(), ipv4(), tcp(settings)] as const
  const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
  a.stack.ipv4.addAddress(a.iface, `${A}/24`)
  b.stack.ipv4.addAddress(b.iface, `${B}/24`)
  const { random } = net.env
  const attacker = lan.device()
  const most = { used: 0, connections: 0 }
  let delivered = 0
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    attacker.start({ frame: (frame) => frame.unref(), ready() {}, carrier() {}, lost() {} }, b.stack.netif.buffers)
    const over = deferred<void>(net.env)
    let [sent, echoed, back, stopping] = [0, 0, 0, false]
    const into = new Uint8Array(65_536)
    const listener: TcpListener = b.stack.tcp.listen({ address: address('0.0.0.0'), port: PORT, v6only: false, iface: undefined, backlog: 16 }, () => {
      const peer = listener.accept()!
      peer.sink = {
        // What comes goes back; what does not go yet waits in the window.
        readable() {
          while (peer.room >= peer.readable && peer.readable > 0) {
            const size = peer.read(into)
            for (let i = 0; i < size; i++) assert.is(into[i], (echoed + i) & 255)
            echoed += size
            peer.write(into.subarray(0, size))
          }
        },
        writable() { peer.sink.readable() },
        ended: () => peer.end(),
        closed: (error) => { if (error) over.reject(error) },
      }
      peer.sink.readable()
    })
    const connection: TcpConnection = a.stack.tcp.connect(address(B), PORT, {
      readable() {
        for (let size = connection.read(into); size > 0; size = connection.read(into)) {
          for (let i = 0; i < size; i++) assert.is(into[i], (back + i) & 255)
          back += size
        }
        if (stopping && back === sent) connection.end()
      },
      writable() {},
      ended() {},
      closed: (error) => (error ? over.reject(error) : over.resolve()),
    })
    await sleep(net.env, 10)
    const piece = new Uint8Array(PIECE)
    for (let n = 0; n < segments; n += 20) {
      for (let i = 0; i < 20; i++) throwOne(connection.local.port)
      if (n % 100 === 0) {
        for (let i = 0; i < PIECE; i++) piece[i] = sent + i
        sent += connection.write(piece)
      }
      await sleep(net.env, 0.5)
      most.used = Math.max(most.used, b.stack.netif.buffers.used)
      most.connections = Math.max(most.connections, b.stack.tcp.connections.length)
    }
    stopping = true
    connection.sink.readable()
    if (back === sent) connection.end()
    await over.promise
    assert.is(back, sent)
    delivered = back
    listener.close()
    await sleep(net.env, 5000)

    /** One segment, to either side, that looks as if it might be of the flow; or a SYN from nowhere. */
    function throwOne(port: number): void {
      const toB = flood || random.uint32() % 2 === 0
      const [from, to] = flood ? [`192.0.2.${3 + random.uint32() % 250}`, B] : toB ? [A, B] : [B, A]
      const data = flood ? 0 : random.uint32() % 4 === 0 ? random.uint32() % 100 : 0
      const flags = flood ? SYN : [ACK, ACK | PSH, RST, RST | ACK, SYN, SYN | ACK, FIN | ACK, ACK | URG, 0, 0xff][random.uint32() % 10]!
      const size = HEADER + (random.uint32() % 2 ? 12 : 0)
      const packet = new Uint8Array(20 + size + data)
      const dv = new DataView(packet.buffer)
      const ours = flood ? 1024 + random.uint32() % 60_000 : port
      writeHeader(dv, 20, toB ? ours : PORT, toB ? PORT : ours, random.uint32() | 0, random.uint32() | 0, size, flags, random.uint32() & 0xffff)
      if (size > HEADER) writeTimestamps(dv, 20 + HEADER, random.uint32() | 0, random.uint32() | 0)
      for (let i = 20 + size; i < packet.length; i++) packet[i] = 0xee
      writeIp({
        trafficClass: 0, totalLength: packet.length, identification: 1, dontFragment: true, moreFragments: false, fragmentOffset: 0, timeToLive: 64, protocol: 6,
        source: address(from), destination: address(to), options: new Uint8Array(0),
      }, packet)
      dv.setUint16(36, finish(sum(packet, 20, packet.length - 20, pseudoSum(address(from), address(to), 6) + packet.length - 20)))
      const frame = b.stack.netif.buffers.alloc(14 + packet.length)
      if (frame === undefined) return
      const at = frame.add(14)
      const target = (toB ? b : a).iface.address
      frame.dv.setUint16(at, target.hi)
      frame.dv.setInt32(at + 2, target.lo)
      frame.dv.setUint16(at + 6, attacker.address.hi)
      frame.dv.setInt32(at + 8, attacker.address.lo)
      frame.dv.setUint16(at + 12, 0x0800)
      frame.write(packet)
      if (!attacker.transmit(frame)) frame.unref()
    }
  })
  const { counters, drops } = b.stack.netif.statistics()
  assert.is(b.stack.tcp.connections.length, 0)
  await net.stop()
  assert.is(net.env.armed, 0)
  return { delivered, most, counters: counters['tcp']!, drops }
}
