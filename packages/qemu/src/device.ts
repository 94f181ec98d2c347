/** The driver: frames between a stack and whoever is at the other end of a stream. */

import type { Socket } from 'node:net'
import type { BufferSource, DeviceSink, LinkAddress, NetBuf, Offload } from '@favonius/contract'
import { Connection } from './connection.ts'
import type { QemuDevice } from './face.ts'
import type { Parts } from './options.ts'

/** Bytes of an Ethernet header with a VLAN tag. */
const LINK_HEADER = 18

export class StreamDevice implements QemuDevice {
  readonly medium = 'ethernet'
  readonly address: LinkAddress
  readonly mtu: number
  /** Both QEMU and passt expect whole checksums, and send them. */
  readonly offload: Offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }
  readonly closed: Promise<void>
  readonly #most: number
  #connection: Connection | undefined
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined
  #stopped = false
  #resolveClosed!: () => void

  constructor({ address, mtu }: Parts) {
    this.address = address
    this.mtu = mtu
    this.#most = mtu + LINK_HEADER
    this.closed = new Promise((resolve) => { this.#resolveClosed = resolve })
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** It is connected: over `socket`, which is paused, and whose bytes are handed to `received`. */
  attach(socket: Socket): void {
    const connection = new Connection(socket, this.#most)
    this.#connection = connection
    socket.once('close', () => this.#detach(connection))
    if (this.#sink === undefined) return
    connection.begin(this.#sink, this.#buffers!)
    this.#sink.carrier(true)
  }

  received(bytes: Uint8Array, size: number): void {
    this.#connection?.received(bytes, size)
  }

  #detach(connection: Connection): void {
    if (this.#stopped) return
    this.#connection = undefined
    connection.end()
    this.#sink?.carrier(false)
    // Who heard that may have stopped it.
    if (!this.#stopped) this.disconnected()
  }

  /** The connection is lost. A device that connects again does so from here. */
  disconnected(): void {
    this.#resolveClosed()
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    if (this.#sink) throw new Error('the device is started already: a device serves one interface')
    if (this.#stopped) throw new Error('the device is stopped: connect or listen anew')
    this.#sink = sink
    this.#buffers = buffers
    sink.carrier(this.#connection !== undefined)
    this.#connection?.begin(sink, buffers)
  }

  transmit(frame: NetBuf): boolean {
    const length = frame.total()
    if (this.#connection === undefined || length > this.#most) {
      frame.unref()
      this.#sink?.lost(length > this.#most ? 'too long' : 'not connected')
      return true
    }
    return this.#connection.transmit(frame, length)
  }

  async stop(): Promise<void> {
    if (this.#stopped) return this.closed
    this.#stopped = true
    const sink = this.#sink
    const connection = this.#connection
    this.#sink = undefined
    this.#connection = undefined
    // A listener stops devices whose interfaces know nothing of it.
    if (connection !== undefined) sink?.carrier(false)
    await connection?.close()
    this.#resolveClosed()
  }
}
