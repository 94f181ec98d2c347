/** UPIPE: frames of IEEE 802.15.4 in a stream of bytes, as Zephyr puts them into a UART: 0xf0, length, frame without FCS. There is no check of them. */

import { FCS, MAX_FRAME } from '@favonius/ieee802154/wire'

/** What begins a frame. It may stand in a frame too. */
export const MARK = 0xf0
/** Bytes before a frame. */
export const HEADER = 2
/** Bytes of the longest frame. */
export const LONGEST = MAX_FRAME - FCS

/** Who gets the frames. */
export interface UpipeSink {
  /** A frame of so many bytes stands at the beginning of `UpipeReader.bytes` until the call returns. */
  frame(length: number): void
  /** What is skipped: a run of bytes that begin no frame, or a length that is none. */
  lost(reason: string): void
}

/** Bytes in, however they are cut, and frames out. Between frames it looks for the next mark, whatever stands there. */
export class UpipeReader {
  readonly bytes = new Uint8Array(LONGEST)
  #state: 'mark' | 'length' | 'frame' = 'mark'
  /** A run of bytes is being skipped, and was told of. */
  #skipping = false
  #length = 0
  #taken = 0

  /** Takes bytes, which are the caller's again when it returns. */
  take(chunk: Uint8Array, sink: UpipeSink): void {
    for (let i = 0; i < chunk.length; i++) this.#byte(chunk[i]!, sink)
  }

  /** What has begun will not go on; true when something had. */
  reset(): boolean {
    const cut = this.#state !== 'mark'
    this.#state = 'mark'
    this.#skipping = false
    return cut
  }

  #byte(byte: number, sink: UpipeSink): void {
    switch (this.#state) {
      case 'mark':
        if (byte === MARK) {
          this.#state = 'length'
          this.#skipping = false
        } else if (!this.#skipping) {
          this.#skipping = true
          sink.lost('upipe: no frame')
        }
        return
      case 'length':
        if (byte === 0 || byte > LONGEST) {
          // What was taken for a mark was none; the one after it may be.
          if (byte !== MARK) this.#state = 'mark'
          this.#skipping = true
          return sink.lost('upipe: a length that is none')
        }
        this.#state = 'frame'
        this.#length = byte
        this.#taken = 0
        return
      case 'frame':
        this.bytes[this.#taken++] = byte
        if (this.#taken < this.#length) return
        this.#state = 'mark'
        sink.frame(this.#length)
    }
  }
}
