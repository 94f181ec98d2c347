/** One connection of a device: what comes in is taken apart into frames, what goes out is put together. */

import type { Socket } from 'node:net'
import type { BufferSource, DeviceSink, NetBuf } from '@favonius/contract'
import { Batch, Deframer, PREFIX } from './framer.ts'

/** Bytes that are written at once, and frames, where those are longer. A connection holds twice that. */
const BATCH = 65_536
const BATCH_FRAMES = 2

/**
 * Over a socket that is paused. Two batches take turns: one is filled while the other is being written, and what was put
 * in within one turn of the event loop leaves in one write. When both are full, frames are refused until one is free.
 */
export class Connection {
  readonly #socket: Socket
  readonly #most: number
  #sink: DeviceSink | undefined
  #deframer: Deframer | undefined
  #filling: Batch
  #writing: Batch
  /** `#writing` is with the socket. */
  #busy = false
  /** A write is due at the end of this turn. */
  #due = false
  /** A frame was refused. */
  #refused = false

  /** `most` is the length of the longest frame, in bytes. */
  constructor(socket: Socket, most: number) {
    this.#socket = socket
    this.#most = most
    const capacity = Math.max(BATCH, BATCH_FRAMES * (PREFIX + most))
    this.#filling = new Batch(capacity)
    this.#writing = new Batch(capacity)
    // The other side is through; half a connection serves nobody.
    socket.on('end', () => socket.destroy())
  }

  /** Begins to read. */
  begin(sink: DeviceSink, buffers: BufferSource): void {
    this.#sink = sink
    this.#deframer = new Deframer(this.#most, buffers, sink)
    this.#socket.resume()
  }

  /** The first `size` of `bytes` came in. */
  received(bytes: Uint8Array, size: number): void {
    if (this.#deframer!.take(bytes, size)) return
    this.#sink!.lost('out of step')
    this.#socket.destroy()
  }

  /** As a device's. The frame is not longer than `most`. */
  transmit(frame: NetBuf, length: number): boolean {
    if (!this.#filling.fits(length)) {
      if (this.#busy) {
        this.#refused = true
        return false
      }
      this.flush()
    }
    this.#filling.put(frame, length)
    frame.unref()
    if (!this.#due && !this.#busy) {
      this.#due = true
      queueMicrotask(this.#endOfTurn)
    }
    return true
  }

  readonly #endOfTurn = (): void => {
    this.#due = false
    this.flush()
  }

  /** Writes what waits, unless a write is under way. */
  flush(): void {
    const batch = this.#filling
    if (this.#busy || batch.size === 0 || this.#socket.destroyed) return
    this.#filling = this.#writing
    this.#writing = batch
    this.#busy = true
    this.#socket.write(batch.bytes.subarray(0, batch.size), this.#written)
  }

  readonly #written = (error?: Error | null): void => {
    // The connection is lost, and `end` counts what was in it. Node calls back without an error when it was lost meanwhile.
    if (error || this.#socket.destroyed) return
    this.#busy = false
    this.#writing.clear()
    this.flush()
    if (!this.#refused) return
    this.#refused = false
    this.#sink?.ready()
  }

  /** The connection is over. Gives back what it holds, and tells of what is lost with it. */
  end(): void {
    if (this.#deframer?.end()) this.#sink!.lost('cut short')
    for (let left = this.#filling.frames + (this.#busy ? this.#writing.frames : 0); left > 0; left--) this.#sink?.lost('not connected')
    this.#filling.clear()
  }

  /** Ends it from this side. Resolves when the socket is closed. */
  close(): Promise<void> {
    this.flush()
    this.#deframer?.end()
    this.#sink = undefined
    const socket = this.#socket
    return new Promise((resolve) => {
      if (socket.closed) return resolve()
      socket.once('close', () => resolve())
      socket.destroy()
    })
  }
}
