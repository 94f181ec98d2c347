/**
 * SLIP (RFC 1055): messages in a stream of bytes, each between two END, whose like within are escaped.
 *
 * @packageDocumentation
 */

/** The bytes that mean something. */
export const slip = { end: 0xc0, escape: 0xdb, escapedEnd: 0xdc, escapedEscape: 0xdd } as const

/** Bytes that a message of `length` may take at most. */
export const slipRoom = (length: number): number => 2 * length + 2

/** Writes the first `length` bytes of `message` to the beginning of `into`; returns how many that makes. END goes before it too, and ends what noise there was. */
export function writeSlip(message: Uint8Array, length: number, into: Uint8Array): number {
  let to = 0
  into[to++] = slip.end
  for (let i = 0; i < length; i++) {
    const byte = message[i]!
    if (byte === slip.end || byte === slip.escape) {
      into[to++] = slip.escape
      into[to++] = byte === slip.end ? slip.escapedEnd : slip.escapedEscape
    } else into[to++] = byte
  }
  into[to++] = slip.end
  return to
}

/** Who gets the messages. */
export interface SlipSink {
  /** A message of so many bytes, which is never 0, stands at the beginning of `SlipReader.bytes` until the call returns. */
  message(length: number): void
  /** One that is skipped. */
  lost(reason: string): void
}

/** Bytes in, however they are cut, and messages out. */
export class SlipReader {
  readonly bytes: Uint8Array<ArrayBuffer>
  #length = 0
  #escaped = false
  /** Why what comes is skipped until the next END. */
  #skipped: string | undefined

  /** Messages of more than `most` bytes are skipped. */
  constructor(most: number) {
    this.bytes = new Uint8Array(most)
  }

  /** Takes bytes, which are the caller's again when it returns. */
  take(chunk: Uint8Array, sink: SlipSink): void {
    for (let i = 0; i < chunk.length; i++) this.#byte(chunk[i]!, sink)
  }

  /** What has begun will not go on. */
  reset(): void {
    this.#length = 0
    this.#escaped = false
    this.#skipped = undefined
  }

  #byte(byte: number, sink: SlipSink): void {
    if (byte === slip.end) {
      const length = this.#length
      const skipped = this.#skipped ?? (this.#escaped ? 'slip: it ends with an escape' : undefined)
      this.reset()
      // Nothing between two END is nothing.
      if (skipped !== undefined) sink.lost(skipped)
      else if (length > 0) sink.message(length)
      return
    }
    if (this.#escaped) {
      this.#escaped = false
      if (byte === slip.escapedEnd) byte = slip.end
      else if (byte === slip.escapedEscape) byte = slip.escape
      else this.#skipped = 'slip: an escape of nothing'
    } else if (byte === slip.escape) {
      this.#escaped = true
      return
    }
    if (this.#length === this.bytes.length) this.#skipped = 'slip: too long'
    else this.bytes[this.#length++] = byte
  }
}
