/** Which frames are for which radio: eight numbers for each, for the reason that `ears.ts` gives. */

import type { RadioFilter } from '@favonius/contract'
import { addressModes, BROADCAST, frameTypes, type FrameHeader } from '@favonius/ieee802154/wire'

const at = { panId: 0, short: 1, hi: 2, lo: 3, promiscuous: 4, awaited: 5 } as const
const SIZE = 8
const NONE = -1

export class Filters {
  #table = new Int32Array(16 * SIZE)
  #count = 0

  /** One more radio. Its number is how many there were. */
  add(filter: RadioFilter): void {
    if (this.#count * SIZE === this.#table.length) {
      const larger = new Int32Array(this.#table.length * 2)
      larger.set(this.#table)
      this.#table = larger
    }
    this.set(this.#count++, filter)
    this.awaits(this.#count - 1, NONE)
  }

  set(number: number, { panId, shortAddress, address, promiscuous }: RadioFilter): void {
    const own = number * SIZE
    const table = this.#table
    table[own + at.panId] = panId
    table[own + at.short] = shortAddress
    table[own + at.hi] = address.hi
    table[own + at.lo] = address.lo
    table[own + at.promiscuous] = promiscuous ? 1 : 0
  }

  /** The number of the acknowledgment that is for it; −1 for none. */
  awaits(number: number, sequence: number): void {
    this.#table[number * SIZE + at.awaited] = sequence
  }

  isPromiscuous(number: number): boolean {
    return this.#table[number * SIZE + at.promiscuous] === 1
  }

  /** Whether a frame passes. An acknowledgment has no address: it is for who waits for its number. */
  pass(number: number, { type, sequence, destinationMode, destinationPan, destinationHi, destinationLo }: FrameHeader): boolean {
    const table = this.#table
    const own = number * SIZE
    if (table[own + at.promiscuous] === 1) return true
    if (type === frameTypes.acknowledgment) return sequence >= 0 && table[own + at.awaited] === sequence
    const panId = table[own + at.panId]!
    if (destinationPan >= 0 && destinationPan !== panId && destinationPan !== BROADCAST && panId !== BROADCAST) return false
    if (destinationMode === addressModes.extended) return destinationLo === table[own + at.lo] && destinationHi === table[own + at.hi]
    if (destinationMode === addressModes.short) return destinationLo === BROADCAST || destinationLo === table[own + at.short]
    return type === frameTypes.beacon
  }
}
