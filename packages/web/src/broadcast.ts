/** A segment between all who open one BroadcastChannel: tabs, workers, or the worker threads of a Node process. */

import type { Device, Env, Timer } from '@favonius/contract'
import { MessageDevice } from './messages.ts'
import { partsOf, type LinkOptions, type Parts } from './options.ts'

/** Frames that leave within one turn. Whoever hears them is to have its turn too: a channel queues without an end, and tells nobody. */
const TURN = 256

class BroadcastDevice extends MessageDevice {
  readonly #name: string
  readonly #ready: Timer
  #channel: InstanceType<typeof BroadcastChannel> | undefined
  /** Frames that left within this turn. */
  #sent = 0
  #refused = false
  #promiscuous = false

  constructor({ clock }: Env, name: string, parts: Parts) {
    super(parts)
    this.#name = name
    this.#ready = clock.timer(() => {
      this.#sent = 0
      if (!this.#refused) return
      this.#refused = false
      this.sink?.ready()
    })
    this.#turn = () => this.#ready.schedule(clock.now())
  }

  readonly #turn: () => void

  protected get connected(): boolean {
    return this.#channel !== undefined
  }

  protected begin(): void {
    this.#channel = new BroadcastChannel(this.#name)
    this.#channel.onmessage = (event: unknown) => this.received((event as { data: unknown }).data)
    // What cannot be read here: memory that is shared, from another agent cluster.
    this.#channel.onmessageerror = () => this.sink?.lost('not a frame')
    this.sink!.carrier(true)
  }

  protected room(): boolean {
    if (this.#sent < TURN) return true
    this.#refused = true
    return false
  }

  protected send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#sent++ === 0) this.#turn()
    this.#channel!.postMessage(bytes)
  }

  /** Everybody on the channel hears everything: what is for another station is not even copied. */
  protected override wants(bytes: Uint8Array): boolean {
    if (this.#promiscuous || (bytes[0]! & 1) === 1) return true
    const { hi, lo } = this.address
    return (bytes[0]! << 8 | bytes[1]!) === hi && (bytes[2]! << 24 | bytes[3]! << 16 | bytes[4]! << 8 | bytes[5]!) === (lo | 0)
  }

  promiscuous(on: boolean): void {
    this.#promiscuous = on
  }

  protected finish(): void {
    this.#ready.cancel()
    this.#channel?.close()
    this.#channel = undefined
  }
}

/**
 * An Ethernet device on the segment that is the BroadcastChannel of this name: every stack of the same origin (tabs, workers), or of the
 * same Node process (worker threads), that opens that name is on it. Whoever may open the channel may send any frame.
 *
 * A channel has no backpressure: a page that stands still gathers what it is sent. Within one turn a device sends 256 frames at most.
 *
 * Lost frames are counted by their reason: `not a frame` (a message that is no Uint8Array or ArrayBuffer), `too short`, `too long`,
 * `no buffer`. Throws EINVAL for options that cannot be.
 */
export const broadcastDevice = (env: Env, name: string, options: LinkOptions = {}): Device =>
  new BroadcastDevice(env, name, partsOf(env, options))
