/** Who observes what at a server: RFC 7641 §4. */

import type { Endpoint, Instant, Timer } from '@favonius/contract'
import type { CoapRequest } from './request.ts'
import type { Resource } from './router.ts'
import type { OptionValue } from './wire.ts'

/** One entry of the list of observers (RFC 7641 §4.1). */
export class Observer {
  /** What notifications of it are told apart by. */
  readonly number: number
  readonly resource: Resource
  readonly token: Uint8Array
  /** Which each notification answers anew. */
  readonly request: CoapRequest
  /** Of the first response; all have it (RFC 7641 §4.2). */
  readonly contentFormat: OptionValue | undefined
  /** Of the last notification. */
  sequence = 0
  sent: Instant
  confirmed: Instant
  /** Its handler is at work; and the state has changed since. */
  busy = false
  again = false
  /** For what is not to be told yet. */
  timer: Timer | undefined

  constructor(number: number, resource: Resource, token: Uint8Array, request: CoapRequest, contentFormat: OptionValue | undefined, now: Instant) {
    this.number = number
    this.resource = resource
    // It stays for long: so it leaves the sheet that it came on, which would stay with it.
    request.message.u8 = request.message.u8.slice()
    this.token = token.slice()
    this.request = request
    this.contentFormat = contentFormat
    this.sent = this.confirmed = now
  }
}

const keyOf = ({ address, port }: Endpoint, token: Uint8Array): string => `${address} ${port} ${token.join()}`

export class Observers {
  readonly #limit: number
  readonly #byKey = new Map<string, Observer>()
  readonly #byNumber = new Map<number, Observer>()
  readonly #byResource = new Map<Resource, Set<Observer>>()
  #last = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#byNumber.size
  }

  at(number: number): Observer | undefined {
    return this.#byNumber.get(number)
  }

  of(resource: Resource): Iterable<Observer> {
    return [...this.#byResource.get(resource) ?? []]
  }

  find(from: Endpoint, token: Uint8Array): Observer | undefined {
    return this.#byKey.get(keyOf(from, token))
  }

  /** Undefined when there are as many as may be. One under the same token was to be removed before. */
  add(resource: Resource, token: Uint8Array, request: CoapRequest, contentFormat: OptionValue | undefined, now: Instant): Observer | undefined {
    if (this.#byNumber.size >= this.#limit) return undefined
    const observer = new Observer(++this.#last, resource, token, request, contentFormat, now)
    this.#byKey.set(keyOf(request.from, token), observer)
    this.#byNumber.set(observer.number, observer)
    const all = this.#byResource.get(resource) ?? new Set()
    this.#byResource.set(resource, all.add(observer))
    return observer
  }

  remove(observer: Observer): void {
    if (!this.#byNumber.delete(observer.number)) return
    observer.timer?.cancel()
    this.#byKey.delete(keyOf(observer.request.from, observer.token))
    const all = this.#byResource.get(observer.resource)
    all?.delete(observer)
    if (all?.size === 0) this.#byResource.delete(observer.resource)
  }

  *[Symbol.iterator](): IterableIterator<Observer> {
    yield* [...this.#byNumber.values()]
  }
}
