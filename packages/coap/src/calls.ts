/** Handlers at work: what they answer, and what they throw. */

import type { Env } from '@favonius/contract'
import * as CODE from './codes.ts'
import { CoapError, type Answer, type CoapReply, type CoapRequest, type Handler } from './request.ts'
import type { Option } from './wire.ts'

/** What a server counts beyond its messages. */
export interface ServerStatistics {
  /** Requests that were answered, and those of them whose handler threw. */
  answered: number
  failed: number
}

/** A refusal, with what is wrong in words (RFC 7252 §5.5.2). */
export const refusal = (code: number, text = '', options: readonly Option[] = []): CoapReply => ({ code, payload: text, options })

const toReply = (answer: Answer): CoapReply => (typeof answer === 'object' && !(answer instanceof Uint8Array) ? answer : { payload: answer ?? undefined })

/** At once, when there is no promise to wait for. One that rejects is `failed`. */
export function after<T, R>(env: Pick<Env, 'wake'>, value: T | Promise<T>, then: (value: T) => R | Promise<R>, failed?: (error: unknown) => R): R | Promise<R> {
  if (!(value instanceof Promise)) return then(value)
  // It may be settled without a word to the clock.
  env.wake()
  return value.then((settled) => {
    env.wake()
    return then(settled)
  }, (error: unknown) => {
    env.wake()
    if (failed === undefined) throw error
    return failed(error)
  })
}

export class Calls {
  readonly counted: ServerStatistics = { answered: 0, failed: 0 }
  readonly #limit: number
  readonly #onError: ((error: unknown, request: CoapRequest) => void) | undefined
  #pending = 0

  /** `onError` is told what was thrown that is no `CoapError`. */
  constructor(limit: number, onError: ((error: unknown, request: CoapRequest) => void) | undefined) {
    this.#limit = limit
    this.#onError = onError
  }

  /** As many are at work as may be. */
  get full(): boolean {
    return this.#pending >= this.#limit
  }

  /** What a handler answers; what it throws is an answer too. */
  call(handler: Handler | undefined, request: CoapRequest): CoapReply | Promise<CoapReply> {
    try {
      const answer = handler === undefined ? refusal(CODE.METHOD_NOT_ALLOWED) : handler(request)
      if (!(answer instanceof Promise)) return toReply(answer)
      this.#pending++
      return answer.then(toReply, (error: unknown) => this.thrown(error, request)).finally(() => this.#pending--)
    } catch (error) {
      return this.thrown(error, request)
    }
  }

  thrown(error: unknown, request: CoapRequest): CoapReply {
    if (error instanceof CoapError) return refusal(error.code, error.message, error.options)
    this.counted.failed++
    this.#onError?.(error, request)
    return refusal(CODE.INTERNAL_SERVER_ERROR)
  }
}
