/** Frames that were heard before: who did not hear our acknowledgment sends again, with the same number (IEEE 802.15.4-2015 §6.7.2). */

import type { Instant } from '@favonius/contract'
import type { FrameHeader } from './wire/frame.ts'

/** Stations whose last number is remembered; the one not heard of for longest makes room. */
const STATIONS = 32

interface Station {
  mode: number
  hi: number
  lo: number
  sequence: number
  heard: Instant
}

/** The last number of each station. */
export class Duplicates {
  readonly #age: number
  readonly #stations: Station[] = []

  /** `age` is for how long, in milliseconds, the same number is the same frame: numbers come round again, and stations begin anew. */
  constructor(age: number) {
    this.#age = age
  }

  /** Whether the frame was heard before; from now on it was. Frames without a source or a number never were. */
  heard({ sourceMode, sourceHi, sourceLo, sequence }: FrameHeader, now: Instant): boolean {
    if (sourceMode === 0 || sequence < 0) return false
    let oldest: Station | undefined
    for (let i = 0; i < this.#stations.length; i++) {
      const station = this.#stations[i]!
      if (station.lo === sourceLo && station.hi === sourceHi && station.mode === sourceMode) {
        const again = station.sequence === sequence && now - station.heard < this.#age
        station.sequence = sequence
        station.heard = now
        return again
      }
      if (oldest === undefined || station.heard < oldest.heard) oldest = station
    }
    if (this.#stations.length < STATIONS) this.#stations.push({ mode: sourceMode, hi: sourceHi, lo: sourceLo, sequence, heard: now })
    else Object.assign(oldest!, { mode: sourceMode, hi: sourceHi, lo: sourceLo, sequence, heard: now })
    return false
  }

  forget(): void {
    this.#stations.length = 0
  }
}
