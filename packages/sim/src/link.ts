import type { Env } from '@favonius/contract'
import { checkWay, type WayOptions } from './port.ts'
import { EthernetSegment, type SegmentOptions } from './segment.ts'

/** How a cable between two devices treats frames: the first one's, and, where that differs, the second one's. */
export interface LinkOptions extends SegmentOptions {
  /** For what the second device on it sends. What is not given here is as for the first. */
  readonly back?: WayOptions
}

/** A cable between two devices, whose two ways may differ. Made by `net.link()`, or by hand over any `Env`. */
export class EthernetLink extends EthernetSegment {
  readonly #ways: readonly WayOptions[]

  constructor(env: Env, { back, ...forth }: LinkOptions = {}, name = 'link') {
    super(env, forth, name)
    this.#ways = [forth, { ...forth, ...back }]
    for (const way of this.#ways) checkWay(env, way)
  }

  protected override wayFrom(index: number): WayOptions {
    const way = this.#ways[index]
    if (way === undefined) throw new RangeError(`link ${this.name} has its two devices; for more take a segment: net.ethernet()`)
    return way
  }
}
