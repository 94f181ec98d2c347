/** Tells observers: RFC 7641 §4.2 to §4.5. Whoever does not answer, or answers with a reset, is off the list. */

import type { Endpoint, Instant } from '@favonius/contract'
import * as CODE from './codes.ts'
import type { Carrier } from './endpoint.ts'
import * as OPTION from './numbers.ts'
import { OBSERVE_MASK } from './observe.ts'
import { Observers, type Observer } from './observers.ts'
import type { CoapRequest } from './request.ts'
import type { Resource } from './router.ts'
import type { Settings } from './serving.ts'
import type { Draft, OptionValue } from './wire.ts'

export class Notifier {
  readonly observers: Observers
  readonly #endpoint: Carrier
  readonly #settings: Settings
  readonly #draft: (observer: Observer) => Draft | Promise<Draft>

  /** `draft` answers an observer's request anew. */
  constructor(endpoint: Carrier, settings: Settings, draft: (observer: Observer) => Draft | Promise<Draft>) {
    this.#endpoint = endpoint
    this.#settings = settings
    this.#draft = draft
    this.observers = new Observers(settings.maxObservers)
  }

  get #now(): Instant {
    return this.#endpoint.env.clock.now()
  }

  /** The number of the first notification, which is the response; undefined when there are too many observers. */
  register(resource: Resource, token: Uint8Array, request: CoapRequest, first: Draft): number | undefined {
    const before = this.observers.find(request.from, token)
    if (before !== undefined) this.observers.remove(before)
    const observer = this.observers.add(resource, token, request, formatOf(first), this.#now)
    if (observer === undefined) return undefined
    // It asks again, and has heard what was told before (RFC 7641 §4.4: numbers rise).
    observer.sequence = before === undefined ? 1 : (before.sequence + 1) & OBSERVE_MASK
    return observer.sequence
  }

  forget(from: Endpoint, token: Uint8Array): void {
    const observer = this.observers.find(from, token)
    if (observer !== undefined) this.#remove(observer)
  }

  #remove(observer: Observer): void {
    this.observers.remove(observer)
    this.#endpoint.handle({ kind: 'forget', observer: observer.number })
  }

  changed(resource: Resource, path: string | undefined): void {
    for (const observer of this.observers.of(resource)) if (path === undefined || path === `/${observer.request.path.join('/')}`) this.#tell(observer)
  }

  removed(resource: Resource): void {
    for (const observer of this.observers.of(resource)) {
      this.observers.remove(observer)
      this.#send(observer, { code: CODE.NOT_FOUND }, true)
    }
  }

  /** A confirmable notification arrived, or did not. */
  notified(number: number, code: string | undefined): void {
    const observer = this.observers.at(number)
    if (observer === undefined) return
    // For want of room it is told with the next change.
    if (code !== undefined && code !== 'ENOBUFS') this.observers.remove(observer)
  }

  #tell(observer: Observer): void {
    if (observer.busy) {
      observer.again = true
      return
    }
    const { notifyInterval, confirmInterval } = this.#settings
    const now = this.#now
    const confirmable = observer.resource.options.observable !== 'unconfirmed' || now - observer.confirmed >= confirmInterval
    if (!confirmable && observer.sequence > 1 && now - observer.sent < notifyInterval) {
      observer.timer ??= this.#endpoint.env.clock.timer(() => this.#tell(observer))
      return observer.timer.schedule(observer.sent + notifyInterval)
    }
    const draft = this.#draft(observer)
    if (!(draft instanceof Promise)) return this.#send(observer, draft, confirmable)
    observer.busy = true
    this.#endpoint.env.wake()
    void draft.then((made) => {
      this.#endpoint.env.wake()
      observer.busy = false
      if (this.observers.at(observer.number) !== observer) return
      this.#send(observer, made, confirmable)
      if (!observer.again) return
      observer.again = false
      this.#tell(observer)
    })
  }

  #send(observer: Observer, given: Draft, confirmable: boolean): void {
    // RFC 7641 §4.2: what is of another format is no notification.
    const draft: Draft = given.code === CODE.CONTENT && formatOf(given) !== observer.contentFormat ? { code: CODE.NOT_ACCEPTABLE } : given
    const { number, request: { from: to }, token } = observer
    observer.timer?.cancel()
    observer.sent = this.#now
    // Who does not answer is off the list: so long it counts as confirmed.
    if (confirmable) observer.confirmed = observer.sent
    observer.sequence = (observer.sequence + 1) & OBSERVE_MASK
    const ok = draft.code >> 5 === 2
    // RFC 7641 §4.2: a refusal is the last that is told, and has no number.
    if (!ok) this.observers.remove(observer)
    this.#endpoint.handle({
      kind: 'notify', observer: number, to, token, confirmable,
      draft: ok ? { ...draft, options: [...draft.options ?? [], [OPTION.OBSERVE, observer.sequence]] } : draft,
    })
  }

  close(): void {
    for (const observer of this.observers) this.observers.remove(observer)
  }
}

const formatOf = ({ options }: Draft): OptionValue | undefined => options?.find(([number]) => number === OPTION.CONTENT_FORMAT)?.[1]
