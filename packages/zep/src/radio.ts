/** A radio whose air is UDP: each frame is a datagram to every peer. It acknowledges by itself, in the turn in which a frame arrives. */

import type { BufferSource, DatagramNet, DatagramSocket, Endpoint, Env, LinkAddress, NetBuf, Radio, RadioFilter, RadioSink, Timer } from '@favonius/contract'
import { passes } from '@favonius/ieee802154'
import { asksForAcknowledgment, FCS, fcs, FrameHeader, frameTypes, MAX_FRAME, readFrame, writeAcknowledgment } from '@favonius/ieee802154/wire'
import { failure, linkAddress } from '@favonius/inet'
import { HEADER, modes, readTrailer, readZep, writeZep, ZEP_PORT, ZepHeader } from './wire.ts'

/** How a ZEP radio is set. */
export interface ZepOptions {
  /**
   * To whom frames go: a peer, several, RIOT's `zep_dispatch`, or a group, which is joined. Without it, to whoever has sent us something, the last 32
   * of them.
   */
  readonly remote?: Endpoint | readonly Endpoint[]
  /** Where frames arrive; port 17754 when nothing is said of peers, any free one otherwise. */
  readonly local?: Partial<Endpoint>
  /** EUI-64; at random unless given. */
  readonly address?: LinkAddress
  /** Device id in the header, 0 to 65535; the end of the address unless given. */
  readonly device?: number
}

/** Peers that are remembered when none were given. */
const PEERS = 32
/** What some write as channel when there is none, and lwIP always: it is heard on every channel. */
const ANY_CHANNEL = 0
/** Milliseconds that a peer on this machine or nearby may take to acknowledge: Zephyr's wait. */
const ACK_WAIT = 10
/** Milliseconds a symbol takes at 2.4 GHz. */
const SYMBOL = 0.016
/** dBm of a channel on which there is nothing, which this one always is. */
const SILENCE = -100

const isGroup = (address: string): boolean => /^ff/i.test(address) || /^2(?:2[4-9]|3\d)\./.test(address)

/** A radio over any `DatagramNet`: `stack.ieee802154.add(new ZepRadio(system, nodeDatagrams(), { remote }))`. */
export class ZepRadio implements Radio {
  readonly address: LinkAddress
  /** There are no collisions; who sent it has to send it again. */
  readonly abilities = { csma: true, acknowledge: true, retransmit: false }
  readonly symbol = SYMBOL
  readonly ackWait = ACK_WAIT / SYMBOL
  readonly #env: Env
  readonly #net: DatagramNet
  readonly #local: Partial<Endpoint>
  readonly #remotes: Endpoint[]
  /** Peers are who speaks to us. */
  readonly #learns: boolean
  readonly #device: number
  readonly #timer: Timer
  readonly #datagram = new Uint8Array(HEADER + MAX_FRAME)
  readonly #dv = new DataView(this.#datagram.buffer)
  readonly #zep = new ZepHeader()
  readonly #header = new FrameHeader()
  #socket: DatagramSocket | undefined
  #sink: RadioSink | undefined
  #buffers: BufferSource | undefined
  #channel = 26
  #filter: RadioFilter
  /** Number of the next datagram. */
  #number = 0
  /** Sequence number of the frame that was sent last: its acknowledgment is ours; −1 when it had none. */
  #last = -1
  /** It is being stopped, or was, while the socket opened. */
  #stopped = true

  /** @throws RangeError (EINVAL) for an address that is no EUI-64, or a device id out of range. */
  constructor(env: Env, net: DatagramNet, options: ZepOptions = {}) {
    const { remote, local, address = randomAddress(env), device = address.lo & 0xffff } = options
    if (address.length !== 8) throw failure('EINVAL', `${address} cannot be the address of a radio: give it an EUI-64, eight bytes`)
    if (!(Number.isInteger(device) && device >= 0 && device <= 0xffff)) throw failure('EINVAL', `device is ${device}; it must be a whole number from 0 to 65535`)
    this.#env = env
    this.#net = net
    this.#learns = remote === undefined
    this.#remotes = remote === undefined ? [] : 'port' in remote ? [remote] : [...remote]
    this.#local = local ?? (this.#learns ? { port: ZEP_PORT } : {})
    this.address = address
    this.#device = device
    this.#filter = { address, panId: 0xffff, shortAddress: 0xffff, promiscuous: false }
    this.#timer = env.clock.timer(() => this.#sent())
  }

  /** Where frames arrive; undefined before `start` and after `stop`. */
  get local(): Endpoint | undefined {
    return this.#socket?.local
  }

  async start(sink: RadioSink, buffers: BufferSource): Promise<void> {
    this.#stopped = false
    this.#buffers = buffers
    const socket = await this.#net.open(this.#local, {
      receive: (data, from) => this.#receive(data, from),
      error: ({ code }) => this.#sink?.lost(`zep: ${code}`),
    })
    if (this.#stopped) return socket.close()
    for (const { address } of this.#remotes) if (isGroup(address)) socket.join(address)
    this.#socket = socket
    this.#sink = sink
  }

  stop(): void {
    this.#stopped = true
    this.#timer.cancel()
    this.#socket?.close()
    this.#socket = this.#sink = this.#buffers = undefined
    if (this.#learns) this.#remotes.length = 0
  }

  transmit(frame: NetBuf): void {
    if (this.#sink === undefined) return frame.unref()
    const { u8, offset, length } = frame
    for (let i = 0; i < length; i++) this.#datagram[HEADER + i] = u8[offset + i]!
    frame.unref()
    const header = readFrame(this.#dv, HEADER, length, this.#header)
    this.#last = 'malformed' in header || !asksForAcknowledgment(header) ? -1 : header.sequence
    this.#send(length)
    this.#timer.schedule(this.#env.clock.now())
  }

  clear(): boolean {
    return true
  }

  energy(): number {
    return SILENCE
  }

  tune(channel: number): void {
    this.#channel = channel
  }

  /** There is no strength on this air. */
  power(): void {}

  filter(filter: RadioFilter): void {
    this.#filter = filter
  }

  /** Sends the frame of `length` bytes that stands in the datagram to everyone. */
  #send(length: number): void {
    const { clock } = this.#env
    const end = HEADER + length
    const sum = fcs(this.#datagram, HEADER, end)
    this.#datagram[end] = sum & 0xff
    this.#datagram[end + 1] = sum >>> 8
    writeZep({ channel: this.#channel, device: this.#device, number: this.#number, time: clock.epoch + clock.now(), length: length + FCS }, this.#dv)
    this.#number = (this.#number + 1) >>> 0
    const datagram = this.#datagram.subarray(0, end + FCS)
    for (const remote of this.#remotes) if (!this.#socket!.send(datagram, remote)) this.#sink!.lost('zep: not sent')
  }

  #sent(): void {
    this.#timer.cancel()
    this.#sink?.transmitted('sent', 1, false)
  }

  #receive(data: Uint8Array, from: Endpoint): void {
    const sink = this.#sink
    if (sink === undefined) return
    const zep = readZep(data, this.#zep)
    if ('malformed' in zep) return sink.lost(zep.malformed)
    if (this.#learns) this.#learn(from)
    if (zep.channel !== this.#channel && zep.channel !== ANY_CHANNEL) return
    if (zep.length > MAX_FRAME) return sink.lost('too long')
    const bytes = data.subarray(zep.frame)
    let rssi = Number.NaN
    if (zep.mode === modes.fcs) {
      if (fcs(bytes) !== 0) return sink.lost('bad FCS')
    } else {
      const trailer = readTrailer(bytes)
      if (!trailer.good) return sink.lost('bad FCS')
      rssi = trailer.rssi
    }
    const length = zep.length - FCS
    const header = readFrame(new DataView(data.buffer, data.byteOffset, data.byteLength), zep.frame, length, this.#header)
    const { promiscuous } = this.#filter
    if ('malformed' in header) {
      if (!promiscuous) return sink.lost(header.malformed)
    } else if (!promiscuous) {
      if (header.type === frameTypes.acknowledgment) {
        if (header.sequence !== this.#last) return
        // It may be here before the turn in which the MAC would have been told that its frame has left.
        if (this.#timer.due !== undefined) this.#sent()
      } else if (!passes(header, this.#filter)) return
    }
    const frame = this.#buffers!.alloc(length)
    if (frame === undefined) return sink.lost('no buffer')
    // Who sent it waits for its acknowledgment: it goes out first. Where there was no buffer, the frame is to be sent again.
    if (!('malformed' in header) && !promiscuous && header.type !== frameTypes.acknowledgment && !header.security && asksForAcknowledgment(header)) {
      this.#send(writeAcknowledgment(header, this.#dv, HEADER))
    }
    frame.write(bytes.subarray(0, length))
    sink.frame(frame, rssi, zep.lqi)
  }

  /** Someone new is heard from now on; the one that was found first makes room. */
  #learn({ address, port }: Endpoint): void {
    for (const known of this.#remotes) if (known.port === port && known.address === address) return
    if (this.#remotes.length === PEERS) this.#remotes.shift()
    this.#remotes.push({ address, port })
  }
}

/** A locally administered EUI-64 that is no group's. */
function randomAddress({ random }: Env): LinkAddress {
  return linkAddress(8, ((random.uint32() & ~0x0300_0000) | 0x0200_0000) | 0, random.uint32() | 0)
}
