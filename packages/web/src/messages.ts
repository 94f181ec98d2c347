/** A link that carries messages whole: each is one Ethernet frame. */

import type { BufferSource, Device, DeviceSink, LinkAddress, NetBuf, Offload } from '@favonius/contract'
import type { Parts } from './options.ts'

/** Bytes of an Ethernet header, and of one with a VLAN tag. */
const HEADER = 14
const TAGGED_HEADER = 18
/** Headroom of a received frame, for a link header when it is forwarded. */
const HEADROOM = 32

/** What the links have in common: whose turn it is to send is theirs to say. */
export abstract class MessageDevice implements Device {
  readonly medium = 'ethernet'
  readonly address: LinkAddress
  readonly mtu: number
  /** Whoever is at the other end expects whole checksums. */
  readonly offload: Offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  protected sink: DeviceSink | undefined
  #buffers: BufferSource | undefined
  /** The longest frame in bytes. */
  readonly #most: number
  #stopped = false

  constructor({ address, mtu }: Parts) {
    this.address = address
    this.mtu = mtu
    this.#most = mtu + TAGGED_HEADER
  }

  protected get stopped(): boolean {
    return this.#stopped
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    if (this.sink) throw new Error('the device is started already: a device serves one interface')
    if (this.#stopped) throw new Error('the device is stopped: make another one')
    this.sink = sink
    this.#buffers = buffers
    this.begin()
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.sink = undefined
    this.finish()
  }

  transmit(frame: NetBuf): boolean {
    const length = frame.total()
    const reason = length > this.#most ? 'too long' : this.connected ? undefined : 'not connected'
    if (reason === undefined && !this.room(length)) return false
    if (reason === undefined) {
      // An array of its own for each: the other end gets this memory, or who sends it keeps it until it has left.
      const bytes = new Uint8Array(new ArrayBuffer(length))
      frame.copyTo(bytes)
      this.send(bytes)
    } else {
      this.sink?.lost(reason)
    }
    frame.unref()
    return true
  }

  /** A message came, whatever is in it. */
  protected received(data: unknown): void {
    const { sink } = this
    // Not started, or no longer.
    if (sink === undefined) return
    const bytes = data instanceof Uint8Array ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : undefined
    if (bytes === undefined) return sink.lost('not a frame')
    if (bytes.length < HEADER) return sink.lost('too short')
    if (bytes.length > this.#most) return sink.lost('too long')
    if (!this.wants(bytes)) return
    const frame = this.#buffers!.alloc(bytes.length, HEADROOM)
    if (frame === undefined) return sink.lost('no buffer')
    frame.write(bytes)
    sink.frame(frame)
  }

  /** Whether there is an end to send to. */
  protected abstract readonly connected: boolean
  /** Whether a frame of `length` bytes may be sent now. When not, `ready()` is to follow. */
  protected abstract room(length: number): boolean
  protected abstract send(bytes: Uint8Array<ArrayBuffer>): void
  /** The device is started: says what carrier there is. */
  protected abstract begin(): void
  /** The device is stopped, once. */
  protected abstract finish(): void

  /** Whether a received frame is for us. */
  protected wants(_bytes: Uint8Array): boolean {
    return true
  }
}
