/** A radio whose air is UDP: each frame is a datagram to every peer. It acknowledges by itself, in the turn in which a frame arrives. */

import type { BufferSource, DatagramNet, DatagramSocket, Endpoint, Env, LinkAddress, RadioSink } from '@favonius/contract'
import { TunnelRadio } from '@favonius/ieee802154/tunnel'
import { FCS, fcs, MAX_FRAME } from '@favonius/ieee802154/wire'
import { failure } from '@favonius/inet'
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
const isGroup = (address: string): boolean => /^ff/i.test(address) || /^2(?:2[4-9]|3\d)\./.test(address)

/** A radio over any `DatagramNet`: `stack.ieee802154.add(new ZepRadio(system, nodeDatagrams(), { remote }))`. */
export class ZepRadio extends TunnelRadio {
  readonly #net: DatagramNet
  readonly #local: Partial<Endpoint>
  readonly #remotes: Endpoint[]
  /** Peers are who speaks to us. */
  readonly #learns: boolean
  readonly #device: number
  readonly #zep = new ZepHeader()
  #socket: DatagramSocket | undefined
  #channel = 26
  /** Number of the next datagram. */
  #number = 0
  /** It is being stopped, or was, while the socket opened. */
  #stopped = true

  /** @throws RangeError (EINVAL) for an address that is no EUI-64, or a device id out of range. */
  constructor(env: Env, net: DatagramNet, { remote, local, address, device }: ZepOptions = {}) {
    super(env, address, HEADER + MAX_FRAME, HEADER)
    this.#device = device ?? this.address.lo & 0xffff
    if (!(Number.isInteger(this.#device) && this.#device >= 0 && this.#device <= 0xffff)) {
      throw failure('EINVAL', `device is ${device}; it must be a whole number from 0 to 65535`)
    }
    this.#net = net
    this.#learns = remote === undefined
    this.#remotes = remote === undefined ? [] : 'port' in remote ? [remote] : [...remote]
    this.#local = local ?? (this.#learns ? { port: ZEP_PORT } : {})
  }

  /** Where frames arrive; undefined before `start` and after `stop`. */
  get local(): Endpoint | undefined {
    return this.#socket?.local
  }

  async start(sink: RadioSink, buffers: BufferSource): Promise<void> {
    this.#stopped = false
    this.buffers = buffers
    const socket = await this.#net.open(this.#local, {
      receive: (data, from) => this.#receive(data, from),
      error: ({ code }) => this.sink?.lost(`zep: ${code}`),
    })
    if (this.#stopped) return socket.close()
    for (const { address } of this.#remotes) if (isGroup(address)) socket.join(address)
    this.#socket = socket
    this.sink = sink
  }

  override stop(): void {
    super.stop()
    this.#stopped = true
    this.#socket?.close()
    this.#socket = undefined
    if (this.#learns) this.#remotes.length = 0
  }

  tune(channel: number): void {
    this.#channel = channel
  }

  /** To everyone. */
  protected send(length: number): void {
    const { clock } = this.env
    const end = HEADER + length
    const sum = fcs(this.written, HEADER, end)
    this.written[end] = sum & 0xff
    this.written[end + 1] = sum >>> 8
    writeZep({ channel: this.#channel, device: this.#device, number: this.#number, time: clock.epoch + clock.now(), length: length + FCS }, this.writtenView)
    this.#number = (this.#number + 1) >>> 0
    const datagram = this.written.subarray(0, end + FCS)
    for (const remote of this.#remotes) if (!this.#socket!.send(datagram, remote)) this.sink!.lost('zep: not sent')
  }

  #receive(data: Uint8Array, from: Endpoint): void {
    const { sink } = this
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
    this.hear(new DataView(data.buffer, data.byteOffset, data.byteLength), zep.frame, zep.length - FCS, rssi, zep.lqi)
  }

  /** Someone new is heard from now on; the one that was found first makes room. */
  #learn({ address, port }: Endpoint): void {
    for (const known of this.#remotes) if (known.port === port && known.address === address) return
    if (this.#remotes.length === PEERS) this.#remotes.shift()
    this.#remotes.push({ address, port })
  }
}
