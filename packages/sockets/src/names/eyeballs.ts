/** A connection to the first of several addresses that answers: RFC 8305 (happy eyeballs). */

import type { Endpoint, Env, Stream, StreamNet, StreamOptions, StreamSink, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { failure } from '@favonius/inet'

/** Tells the owner of the stream that won, and nobody of those that lost. */
class Relay implements StreamSink {
  sink: StreamSink | undefined

  receive(chunk: Uint8Array): void {
    this.sink?.receive(chunk)
  }

  drained(): void {
    this.sink?.drained?.()
  }

  ended(): void {
    this.sink?.ended?.()
  }

  closed(error?: Error): void {
    this.sink?.closed(error)
  }
}

/** Tries addresses one after another, the next one when the last fails or is silent for `delay`; more may come while it runs. */
export class Race {
  readonly #net: Pick<StreamNet, 'connect'>
  readonly #sink: StreamSink
  readonly #options: StreamOptions
  readonly #delay: number
  readonly #env: Env
  readonly #won: Deferred<Stream>
  readonly #next: Timer
  readonly #late: Timer
  #waiting: Endpoint[] = []
  #running = 0
  #complete = false
  #error: Error | undefined

  constructor(env: Env, net: Pick<StreamNet, 'connect'>, sink: StreamSink, options: StreamOptions, delay: number) {
    this.#env = env
    this.#net = net
    this.#sink = sink
    this.#options = options
    this.#delay = delay
    this.#won = deferred<Stream>(env)
    this.#next = env.clock.timer(() => this.#try())
    this.#late = env.clock.timer(() => this.#lose(failure('ETIMEDOUT', `no address answered within ${options.timeout} ms`)))
    if (options.timeout !== undefined) this.#late.schedule(env.clock.now() + options.timeout)
  }

  get result(): Promise<Stream> {
    return this.#won.promise
  }

  /** More addresses, to be tried before those that wait; `complete` when no others follow. */
  try(endpoints: readonly Endpoint[], complete: boolean): void {
    if (this.#won.settled) return
    this.#waiting.unshift(...endpoints)
    this.#complete = complete
    if (this.#next.due === undefined) this.#try()
  }

  /** Nothing is left to hope for but what runs. */
  fail(error: Error): void {
    this.#error ??= error
    this.#complete = true
    if (this.#running === 0 && this.#waiting.length === 0) this.#lose(this.#error)
  }

  #try(): void {
    const to = this.#waiting.shift()
    if (to === undefined) {
      if (this.#complete && this.#running === 0 && this.#error !== undefined) this.#lose(this.#error)
      return
    }
    this.#running++
    this.#next.schedule(this.#env.clock.now() + this.#delay)
    const relay = new Relay()
    this.#net.connect(to, relay, this.#options).then((stream) => {
      this.#running--
      if (this.#won.settled) return stream.abort()
      relay.sink = this.#sink
      this.#stop()
      this.#won.resolve(stream)
    }, (error: Error) => {
      this.#running--
      // The first one to fail is the one that was hoped for most.
      this.#error ??= error
      if (this.#won.settled) return
      this.#next.cancel()
      this.#env.wake()
      this.#try()
    })
  }

  #lose(error: Error): void {
    this.#stop()
    this.#won.reject(error)
  }

  #stop(): void {
    this.#waiting = []
    this.#next.cancel()
    this.#late.cancel()
  }
}
