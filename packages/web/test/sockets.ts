/** WebSockets in virtual time: two ends, and a line between them with a rate. */

import type { Env, Timer } from '@favonius/contract'
import type { WebSocketLike } from '../src/index.ts'

/** Bytes that a line carries in a millisecond. */
const RATE = 10_000

/** One end. It behaves as a browser's: what was sent leaves at the line's rate, and `bufferedAmount` says what has not. */
export class End implements WebSocketLike {
  binaryType = 'blob'
  readyState = 0
  bufferedAmount = 0
  other: End | undefined
  readonly #env: Env
  readonly #timer: Timer
  readonly #queue: { readonly data: unknown; readonly at: number }[] = []
  readonly #listeners: { readonly type: string; readonly listener: (event: { readonly data: unknown }) => void }[] = []
  #free = 0

  constructor(env: Env) {
    this.#env = env
    this.#timer = env.clock.timer((now) => {
      while (this.#queue.length > 0 && this.#queue[0]!.at <= now) {
        const { data } = this.#queue.shift()!
        this.bufferedAmount -= sizeOf(data)
        if (this.other?.readyState === 1) this.other.tell('message', data)
      }
      if (this.#queue.length > 0) this.#timer.schedule(this.#queue[0]!.at)
    })
  }

  addEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void {
    this.#listeners.push({ type, listener })
  }

  tell(type: string, data?: unknown): void {
    for (const each of this.#listeners) if (each.type === type) each.listener({ data })
  }

  opened(): void {
    this.readyState = 1
    this.tell('open')
  }

  /** Sends any message, as a peer might. */
  send(data: Uint8Array | string | object): void {
    const size = sizeOf(data)
    this.#free = Math.max(this.#free, this.#env.clock.now()) + size / RATE
    this.#queue.push({ data: data instanceof Uint8Array ? data.slice().buffer : data, at: this.#free })
    this.bufferedAmount += size
    if (this.#timer.due === undefined) this.#timer.schedule(this.#free)
  }

  close(): void {
    this.cut()
    this.other?.cut()
  }

  cut(): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.#queue.length = 0
    this.#timer.cancel()
    this.tell('close')
  }
}

const sizeOf = (data: unknown): number =>
  data instanceof ArrayBuffer || data instanceof Uint8Array ? data.byteLength : typeof data === 'string' ? data.length : 0

/** Two ends that are open. */
export function socketPair(env: Env): readonly [End, End] {
  const [a, b] = [new End(env), new End(env)]
  a.other = b
  b.other = a
  a.opened()
  b.opened()
  return [a, b]
}

/** A place where two meet who connect; `plug` lets nobody in, and ends who is there. */
export function wire(env: Env): { readonly open: () => End; readonly plug: (plugged: boolean) => void } {
  let waiting: End | undefined
  let last: End | undefined
  let plugged = true
  const meet = (one: End): void => {
    // Who went away meanwhile is not there.
    if (one.readyState === 3) return
    if (!plugged) return one.cut()
    if (waiting === undefined || waiting.readyState === 3) {
      waiting = one
      return
    }
    const two = waiting
    waiting = undefined
    last = one
    one.other = two
    two.other = one
    one.opened()
    two.opened()
  }
  return {
    open: () => {
      const end = new End(env)
      const timer = env.clock.timer(() => meet(end))
      timer.schedule(env.clock.now())
      return end
    },
    plug: (on) => {
      plugged = on
      if (!on) last?.close()
    },
  }
}
