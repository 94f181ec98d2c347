/** A link of bare IP packets in memory: two devices, each of which hears the other. Packets pass by reference, on a later turn. */

import type { Device, DeviceSink, Env, Instant, NetBuf, Timer } from '@favonius/contract'
import { NO_LINK_ADDRESS } from '@favonius/inet'

/** Packets under way to one end before the other is told to wait. */
const ROOM = 100

export class CableEnd implements Device {
  readonly medium = 'ip'
  readonly address = NO_LINK_ADDRESS
  readonly mtu: number
  readonly offload = { transmitChecksum: true, receiveChecksum: true, segmentation: 0 }
  other!: CableEnd
  readonly #now: () => Instant
  readonly #timer: Timer
  /** What is under way to this end. */
  readonly #coming: NetBuf[] = []
  #sink: DeviceSink | undefined
  #refused = false

  constructor({ clock }: Env, mtu: number) {
    this.mtu = mtu
    this.#now = () => clock.now()
    this.#timer = clock.timer(() => {
      for (const frame of this.#coming.splice(0)) {
        if (this.#sink === undefined) frame.unref()
        else this.#sink.frame(frame)
      }
      this.other.#emptied()
    })
  }

  transmit(frame: NetBuf): boolean {
    const { other } = this
    if (this.#sink === undefined || other.#sink === undefined) {
      frame.unref()
      return true
    }
    this.#refused = other.#coming.length >= ROOM
    if (this.#refused) return false
    other.#coming.push(frame)
    other.#timer.schedule(this.#now())
    return true
  }

  #emptied(): void {
    if (!this.#refused) return
    this.#refused = false
    this.#sink?.ready()
  }

  start(sink: DeviceSink): void {
    this.#sink = sink
  }

  stop(): void {
    this.#sink = undefined
    this.#timer.cancel()
    for (const frame of this.#coming.splice(0)) frame.unref()
  }
}

/** Two ends of a cable. */
export function cable(env: Env, mtu = 1500): readonly [CableEnd, CableEnd] {
  const [one, two] = [new CableEnd(env, mtu), new CableEnd(env, mtu)]
  one.other = two
  two.other = one
  return [one, two]
}
