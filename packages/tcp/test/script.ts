/**
 * A language for tests, after packetdrill's: what arrives, what must be sent, when. Sequence numbers count from the initial ones of both sides, so
 * SYN is 0 and the first byte 1.
 *
 * ```text
 *   S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,ts,wscale 4>
 *   |  | |  |  flags: S SYN, F FIN, R RST, P PSH, U URG, . ACK
 *   |  first : behind the last (bytes)
 * ```
 *
 * Of what is sent only that is compared which the line says.
 */

import { virtual, type VirtualEnv } from '@favonius/clock'
import type { BufferSource, Device, DeviceSink, NetBuf, TcpConnection, TcpConnectOptions, TcpListener, TcpSink } from '@favonius/contract'
import { address, finish, NO_LINK_ADDRESS, pseudoSum, sum } from '@favonius/inet'
import { ipv4, writeHeader as writeIp } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { bareIp } from '@favonius/netif'
import { compose } from '@favonius/stack'
import * as assert from 'uvu/assert'
import { tcp } from '../src/index.ts'
import {
  ACK, FIN, HEADER, PSH, readSegment, RST, Segment, SYN, synOptionsSize, URG, writeHeader, writeSack, writeSynOptions, writeTimestamps,
} from '../src/wire.ts'

export const US = '192.0.2.1'
export const PEER = '192.0.2.2'
const PEER_PORT = 80
const OUR_PORT = 4242
/** Where the peer's sequence numbers begin: near the end of the circle, so that every script crosses it. */
const PEER_ISS = 0xffff_ffff - 500

const letters: readonly (readonly [string, number])[] = [['S', SYN], ['F', FIN], ['R', RST], ['P', PSH], ['U', URG], ['.', ACK]]

interface Line {
  readonly flags: number
  readonly from: number
  readonly length: number
  readonly ack: number | undefined
  readonly win: number | undefined
  readonly options: readonly string[] | undefined
  readonly urg: number
}

function parse(text: string): Line {
  const match = /^([SFRPU.]+) (\d+):(\d+)\((\d+)\)(?: ack (\d+))?(?: win (\d+))?(?: urg (\d+))?(?: <([^>]*)>)?$/.exec(text)
  if (match === null) throw new Error(`this is no line of the language: ${text}`)
  const [, flags, from, to, length, ack, win, urg, options] = match
  if (Number(to) - Number(from) !== Number(length)) throw new Error(`${from}:${to} are not ${length} bytes: ${text}`)
  const bits = [...flags!].reduce((all, letter) => all | letters.find(([known]) => known === letter)![1], 0)
  return {
    flags: bits, from: Number(from), length: Number(length), ack: ack === undefined ? undefined : Number(ack),
    win: win === undefined ? undefined : Number(win), urg: Number(urg ?? 0), options: options === undefined ? undefined : options.split(',').filter(Boolean),
  }
}

/** Bytes of the stream by position, the same whoever asks. */
export const streamByte = (at: number): number => (at * 7 + (at >> 8)) & 255

class Wire implements Device {
  readonly medium = 'ip'
  readonly address = NO_LINK_ADDRESS
  readonly mtu: number
  readonly offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly sent: Uint8Array[] = []
  busy = false
  sink: DeviceSink | undefined
  buffers: BufferSource | undefined

  constructor(mtu: number) {
    this.mtu = mtu
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    this.sink = sink
    this.buffers = buffers
  }

  stop(): void {}

  transmit(frame: NetBuf): boolean {
    if (this.busy) return false
    const bytes = new Uint8Array(frame.total())
    frame.copyTo(bytes)
    this.sent.push(bytes)
    frame.unref()
    return true
  }
}

export interface ScriptOptions {
  readonly tcp?: Parameters<typeof tcp>[0]
  readonly mtu?: number
  readonly seed?: number
  /** Bytes of buffers that the stack may hold. */
  readonly quota?: number
}

/** One stack of ours, and a peer that says what the script says. */
export class Script {
  readonly env: VirtualEnv
  readonly stack
  readonly events: string[] = []
  connection: TcpConnection | undefined
  listener: TcpListener | undefined
  readonly #wire: Wire
  readonly #segment = new Segment()
  #ourPort = OUR_PORT
  #peerPort = PEER_PORT
  #iss: number | undefined
  /** The peer's and our timestamps, as they were said last. */
  #ts = 1000
  #echo = 0
  #stamps = false

  constructor({ tcp: settings, mtu = 1500, seed = 7, quota }: ScriptOptions = {}) {
    this.env = virtual({ seed })
    this.stack = compose(this.env, netbufIn(new Arena(), { debug: true, ...(quota === undefined ? {} : { quota }) }), bareIp(), ipv4(), tcp(settings))
    this.#wire = new Wire(mtu)
    const iface = this.stack.netif.add(this.#wire)
    iface.up().catch(() => {})
    this.stack.ipv4.addAddress(iface, `${US}/24`)
  }

  readonly sink: TcpSink = {
    established: () => void this.events.push('established'),
    readable: () => void this.events.push('readable'),
    writable: () => void this.events.push('writable'),
    ended: () => void this.events.push('ended'),
    closed: (error) => void this.events.push(error ? `closed ${error.code}` : 'closed'),
  }

  /** What its owner was told since the last call. */
  told(): string[] {
    return this.events.splice(0)
  }

  /** Our timestamp, as the segment had it that was looked at last. */
  get stamp(): number {
    return this.#echo >>> 0
  }

  // ---- what we do ----

  connect(options: TcpConnectOptions = {}): this {
    this.connection = this.stack.tcp.connect(address(PEER), PEER_PORT, this.sink, { sourcePort: OUR_PORT, ...options })
    return this
  }

  listen(backlog = 8, rest: { readonly receiveBuffer?: number; readonly sendBuffer?: number } = {}): this {
    this.listener = this.stack.tcp.listen({ address: address('0.0.0.0'), port: OUR_PORT, v6only: false, iface: undefined, backlog, ...rest }, () => void this.events.push('acceptable'))
    return this
  }

  accept(): this {
    this.connection = this.listener!.accept()
    assert.ok(this.connection, 'nobody waits to be accepted')
    this.connection!.sink = this.sink
    return this
  }

  /** A handshake: the connection is established afterwards, and what was said meanwhile is checked. */
  established({ passive = false, options = 'mss 1460,sackOK,ts,wscale 7', win = 65_535, rtt = 0, ...rest }: { passive?: boolean; options?: string; win?: number; rtt?: number } & TcpConnectOptions = {}): this {
    if (passive) {
      this.listen(8, rest as never).receive(`S 0:0(0) win ${win} <${options}>`).expect('S. 0:0(0) ack 1').receive(`. 1:1(0) ack 1 win ${win >> this.#scaleIn(options)}`).accept()
    } else {
      this.connect(rest).expect('S 0:0(0)').after(rtt).receive(`S. 0:0(0) ack 1 win ${win} <${options}>`).expect('. 1:1(0) ack 1')
    }
    this.told()
    return this
  }

  #scaleIn(options: string): number {
    return Number(/wscale (\d+)/.exec(options)?.[1] ?? 0)
  }

  write(bytes: number): this {
    const at = this.#written
    const data = Uint8Array.from({ length: bytes }, (_, i) => streamByte(at + i))
    this.#written += this.connection!.write(data)
    return this
  }

  #written = 0
  get written(): number { return this.#written }
  #read = 0

  /** Reads what waits, which must be the next bytes of the stream, `bytes` of them when given. */
  read(bytes?: number): this {
    const into = new Uint8Array(bytes ?? this.connection!.readable)
    const size = this.connection!.read(into)
    if (bytes !== undefined) assert.is(size, bytes)
    for (let i = 0; i < size; i++) assert.is(into[i], streamByte(this.#read + i), `byte ${this.#read + i}`)
    this.#read += size
    return this
  }

  /** The device takes frames, or does not. */
  busy(busy: boolean): this {
    this.#wire.busy = busy
    if (!busy) this.#wire.sink!.ready()
    return this
  }

  // ---- what the peer says ----

  /** Lets `ms` pass. */
  after(ms: number): this {
    this.env.advance(ms)
    return this
  }

  /** A segment arrives. Options: `mss N`, `sackOK`, `wscale N`, `ts` (with the echo that is due), `ts A:B`, `sack A:B C:D`. */
  receive(text: string): this {
    const line = parse(text)
    const options = line.options ?? []
    const syn = (line.flags & SYN) !== 0
    if (syn) this.#stamps = options.some((option) => option.startsWith('ts'))
    const stamp = options.find((option) => option.startsWith('ts'))
    const given = /^ts (\d+):(\d+)$/.exec(stamp ?? '')
    this.#ts = given ? Number(given[1]) : 1000 + Math.floor(this.env.clock.now())
    const echo = given ? Number(given[2]) | 0 : this.#echo
    const stamps = stamp !== undefined || (this.#stamps && options.length === 0 && (line.flags & RST) === 0) || (this.#stamps && options.every((option) => option.startsWith('sack ')))
    const number = (name: string): number | undefined => {
      const found = options.find((option) => option.startsWith(`${name} `))
      return found === undefined ? undefined : Number(found.split(' ')[1])
    }
    const blocks = new Int32Array(8)
    let count = 0
    for (const option of options) {
      if (!option.startsWith('sack ')) continue
      for (const block of option.slice(5).split(' ')) {
        const [left, right] = block.split(':').map(Number)
        blocks[2 * count] = (this.#iss! + left!) | 0
        blocks[2 * count++ + 1] = (this.#iss! + right!) | 0
      }
    }
    const scale = number('wscale') ?? -1
    const bare = syn && options.length === 0
    const size = HEADER + (bare ? 0 : syn ? synOptionsSize(scale, options.includes('sackOK'), stamps) : (stamps ? 12 : 0) + (count > 0 ? 4 + 8 * count : 0))
    const data = line.length
    const packet = new Uint8Array(20 + size + data)
    const dv = new DataView(packet.buffer)
    writeHeader(dv, 20, this.#peerPort, this.#ourPort, (PEER_ISS + line.from) | 0, line.ack === undefined ? 0 : ((this.#iss ?? 0) + line.ack) | 0, size, line.flags, line.win ?? 0xffff)
    dv.setUint16(20 + 18, line.urg)
    if (syn && !bare) writeSynOptions(dv, 20 + HEADER, number('mss') ?? 1460, scale, options.includes('sackOK'), stamps, this.#ts, echo)
    if (!syn) {
      let at = 20 + HEADER
      if (stamps) at = writeTimestamps(dv, at, this.#ts, echo)
      if (count > 0) writeSack(dv, at, blocks, count)
    }
    for (let i = 0; i < data; i++) packet[20 + size + i] = streamByte(line.from - 1 + i)
    this.#deliver(packet)
    return this
  }

  #deliver(packet: Uint8Array): void {
    const dv = new DataView(packet.buffer)
    writeIp({
      trafficClass: 0, totalLength: packet.length, identification: 1, dontFragment: true, moreFragments: false, fragmentOffset: 0, timeToLive: 64, protocol: 6,
      source: address(PEER), destination: address(US), options: new Uint8Array(0),
    }, packet)
    dv.setUint16(36, finish(sum(packet, 20, packet.length - 20, pseudoSum(address(PEER), address(US), 6) + packet.length - 20)))
    this.raw(packet)
  }

  /** A packet arrives as it is; or not, when there is no buffer for it. */
  raw(packet: Uint8Array): this {
    const frame = this.#wire.buffers!.alloc(packet.length, 64)
    if (frame === undefined) return this
    frame.write(packet)
    this.#wire.sink!.frame(frame)
    return this
  }

  /** An ICMP error arrives from a router, about a segment of ours that began with `sequence`. */
  icmp(type: number, code: number, sequence: number, mtu = 0): this {
    const packet = new Uint8Array(20 + 8 + 28)
    const dv = new DataView(packet.buffer)
    const router = address('192.0.2.254')
    const header = { trafficClass: 0, identification: 1, dontFragment: true, moreFragments: false, fragmentOffset: 0, timeToLive: 64, options: new Uint8Array(0) }
    writeIp({ ...header, totalLength: 1500, protocol: 6, source: address(US), destination: address(PEER) }, packet.subarray(28))
    dv.setUint16(48, this.#ourPort)
    dv.setUint16(50, this.#peerPort)
    dv.setInt32(52, (this.#iss! + sequence) | 0)
    dv.setUint8(20, type)
    dv.setUint8(21, code)
    dv.setUint16(26, mtu)
    dv.setUint16(22, finish(sum(packet, 20, packet.length - 20, 0)))
    writeIp({ ...header, totalLength: packet.length, protocol: 1, source: router, destination: address(US) }, packet)
    return this.raw(packet)
  }

  // ---- what must be sent ----

  /** Each line is the next segment that was sent. */
  expect(...lines: readonly string[]): this {
    for (const text of lines) {
      const bytes = this.#wire.sent.shift()
      if (bytes === undefined) throw new assert.Assertion({ message: `nothing was sent where this was expected: ${text}`, operator: 'expect', expects: text, actual: 'nothing', details: false, generated: false } as never)
      this.#compare(text, bytes)
    }
    return this
  }

  /** Segments as they were sent, in the language, without options. */
  sent(): string[] {
    return this.#wire.sent.splice(0).map((bytes) => this.#show(bytes))
  }

  /** Nothing more was sent. */
  silence(): this {
    assert.equal(this.sent(), [])
    return this
  }

  /** The packet that was looked at last, from its IP header on. */
  packet: Uint8Array = new Uint8Array(0)

  #read6(bytes: Uint8Array): Segment {
    const segment = this.#segment
    this.packet = bytes
    const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    assert.is(readSegment(dv, 20, bytes.length, bytes.length - 20, segment), undefined)
    assert.is(sum(bytes, 20, bytes.length - 20, pseudoSum(address(US), address(PEER), 6) + bytes.length - 20), 0xffff, 'the checksum is wrong')
    if ((segment.flags & SYN) !== 0) this.#iss = segment.sequence
    // A reset to a stranger begins anywhere.
    this.#iss ??= 0
    this.#ourPort = segment.sourcePort
    this.#peerPort = segment.destinationPort
    if (segment.hasTimestamps) this.#echo = segment.timestamp
    return segment
  }

  #show(bytes: Uint8Array): string {
    const { flags, sequence, acknowledgment, length } = this.#read6(bytes)
    const from = (sequence - this.#iss!) | 0
    const shown = letters.filter(([, bit]) => (flags & bit) !== 0).map(([letter]) => letter).join('')
    return `${shown} ${from}:${from + length}(${length})${(flags & ACK) !== 0 ? ` ack ${(acknowledgment - PEER_ISS) | 0}` : ''}`
  }

  #compare(text: string, bytes: Uint8Array): void {
    const line = parse(text)
    const shown = this.#show(bytes)
    const segment = this.#segment
    const wanted = text.replace(/ (win|urg|<).*$/, '')
    // PSH is compared only when it is asked for.
    const plain = (line: string): string => (text.includes('P') ? line : line.replace('P', ''))
    assert.is(plain(shown), wanted, text)
    if (line.win !== undefined) assert.is(segment.window, line.win, `the window of ${text}`)
    for (let i = 0; i < line.length; i++) {
      if (bytes[20 + segment.dataOffset + i] !== streamByte(line.from - 1 + i)) assert.unreachable(`byte ${line.from - 1 + i} of the stream is wrong in ${text}`)
    }
    for (const option of line.options ?? []) {
      const [name, value] = option.split(/ (.*)/)
      switch (name) {
        case 'mss': assert.is(segment.mss, Number(value), text); break
        case 'wscale': assert.is(segment.windowScale, Number(value), text); break
        case 'sackOK': assert.ok(segment.sackPermitted, text); break
        case 'ts': assert.ok(segment.hasTimestamps, text); break
        case 'nots': assert.not.ok(segment.hasTimestamps, text); break
        case 'echo': assert.is(segment.echo, Number(value), text); break
        case 'sack': {
          const blocks = Array.from({ length: segment.blockCount }, (_, i) => `${(segment.blocks[2 * i]! - PEER_ISS) | 0}:${(segment.blocks[2 * i + 1]! - PEER_ISS) | 0}`)
          assert.is(blocks.join(' '), value, text)
          break
        }
        case 'nosack': assert.is(segment.blockCount, 0, text); break
        default: throw new Error(`there is no option ${name} in the language`)
      }
    }
  }

  drops(): Readonly<Record<string, number>> {
    return this.stack.netif.statistics().drops
  }

  /** The stack stops, and nothing is left of it. */
  async end(): Promise<void> {
    await this.stack.stop()
    assert.is(this.stack.netbuf.live, 0, `buffers are left: ${this.stack.netbuf.owners().join('; ')}`)
    assert.is(this.env.armed, 0, 'timers are left')
  }
}
