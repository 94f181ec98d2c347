/** A pcapng file in the making: blocks go out one by one, in order. */

import type { Instant, NetBuf } from '@favonius/contract'
import { annotate, enhancedPacket, interfaceDescription, interfaceStatistics, nanoseconds, sectionHeader, type Direction } from './blocks.ts'

/** Takes one whole block; it is the callee's to keep. */
export type WriteBlock = (block: Uint8Array<ArrayBuffer>) => void

/** How a file is written. */
export interface PcapngOptions {
  /** Wall time of instant 0 in milliseconds since 1970: `clock.epoch`. 0 unless given. */
  readonly epoch?: number
  /** Bytes kept of each packet; all unless given. */
  readonly snapLength?: number
}

/** What is noted of a packet. */
export interface PacketOptions {
  readonly direction?: Direction
  /** Shown by Wireshark beside the packet. */
  readonly comment?: string
  /** Absolute position where a buffer's bytes begin, for one whose headers were pulled; its `offset` unless given. */
  readonly from?: number
}

/**
 * Writes pcapng (draft-ietf-opsawg-pcapng). The same calls give the same bytes.
 *
 * The last packet's block is kept back until the next call, so that a `comment` can still be added to it: `close` at the end.
 */
export class PcapngWriter {
  readonly #write: WriteBlock
  readonly #epoch: number
  readonly #snapLength: number
  readonly #counts: { received: number; dropped: number }[] = []
  #held: Uint8Array<ArrayBuffer> | undefined
  #last: Instant = 0

  constructor(write: WriteBlock, { epoch = 0, snapLength = 0 }: PcapngOptions = {}) {
    this.#write = write
    this.#epoch = epoch
    this.#snapLength = snapLength
    write(sectionHeader())
  }

  /** Describes an interface, at any time before its first packet. Returns its number in the file, from 0. */
  addInterface(name: string, linkType: number): number {
    this.#write(interfaceDescription(name, linkType, this.#snapLength))
    return this.#counts.push({ received: 0, dropped: 0 }) - 1
  }

  /** Copies a packet, and the fragments that follow it, as of `at`. RangeError for an interface that was not added. */
  packet(interfaceId: number, at: Instant, packet: NetBuf | Uint8Array, note: PacketOptions = {}): void {
    const counts = this.#counts[interfaceId]
    if (!counts) throw new RangeError(`interface ${interfaceId} is not described: addInterface() gives the number`)
    this.flush()
    this.#last = at
    if (note.direction === 'in') counts.received++
    this.#held = enhancedPacket(interfaceId, nanoseconds(this.#epoch, at), packet, { ...note, snapLength: this.#snapLength })
  }

  /** Adds a comment to the packet that was given last. False when its block has gone out already, by `flush`. */
  comment(text: string): boolean {
    if (!this.#held) return false
    this.#held = annotate(this.#held, text)
    return true
  }

  /** Counts a drop, for the statistics at the end. */
  drop(interfaceId: number): void {
    const counts = this.#counts[interfaceId]
    if (counts) counts.dropped++
  }

  /** Writes the block that is kept back. */
  flush(): void {
    const block = this.#held
    this.#held = undefined
    if (block) this.#write(block)
  }

  /** Writes what is kept back, and each interface's statistics as of `at` (the last packet's instant unless given). */
  close(at: Instant = this.#last): void {
    this.flush()
    this.#counts.forEach((counts, id) => this.#write(interfaceStatistics(id, nanoseconds(this.#epoch, at), counts)))
  }
}
