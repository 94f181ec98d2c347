/** What happens to an end that speaks CoAP, and what it wants done: the same over datagrams, streams and WebSockets. */

import type { Endpoint } from '@favonius/contract'
import type { Draft, Message } from './wire.ts'

/** What happens to an endpoint. */
export type CoapInput =
  /** A datagram; `data` is borrowed until what came of it was polled. */
  | { readonly kind: 'received'; readonly data: Uint8Array; readonly from: Endpoint; readonly multicast: boolean }
  /**
   * Asks. `exchange` is a number at random below 2³² that no other exchange of this endpoint has; it is the token too. With `keep` it stays open for
   * further responses (RFC 7641), until `cancel`, and may be given again to ask again under the same token. To a group only with `window`: for so many
   * milliseconds responses are taken, from anybody, and then `failed` follows with ETIMEDOUT.
   */
  | { readonly kind: 'request'; readonly exchange: number; readonly to: Endpoint; readonly draft: Draft; readonly confirmable: boolean; readonly keep?: boolean; readonly window?: number | undefined }
  /** Asks whether the peer is there, by an empty message (RFC 7252 §4.3); `acknowledged` or `failed` follows. */
  | { readonly kind: 'ping'; readonly exchange: number; readonly to: Endpoint }
  /** What was to be sent cannot be, for a reason that has errno's name: what is under way to that peer fails with it. */
  | { readonly kind: 'unsent'; readonly to: Endpoint; readonly code: string }
  /** Nobody waits for it any more: nothing follows. */
  | { readonly kind: 'cancel'; readonly exchange: number }
  /** Answers a request; without a draft it is acknowledged alone (RFC 7967 §2). */
  | { readonly kind: 'respond'; readonly request: Asked; readonly draft: Draft | undefined }
  /** Sends a response that nobody asked for just now (RFC 7641 §4.2). Of a confirmable one, `notified` follows; one that is under way is overtaken. */
  | { readonly kind: 'notify'; readonly observer: number; readonly to: Endpoint; readonly token: Uint8Array; readonly draft: Draft; readonly confirmable: boolean }
  /** The observer is gone: nothing is sent to it any more. */
  | { readonly kind: 'forget'; readonly observer: number }

/** What an endpoint wants done. */
export type CoapOutput =
  | { readonly kind: 'send'; readonly data: Uint8Array; readonly to: Endpoint }
  /** `message` has bytes of its own. */
  | { readonly kind: 'request'; readonly request: Asked; readonly message: Message }
  | { readonly kind: 'response'; readonly exchange: number; readonly message: Message; readonly from: Endpoint }
  /** The peer has the request, and has not answered it yet. */
  | { readonly kind: 'acknowledged'; readonly exchange: number }
  /** ETIMEDOUT, ECONNRESET (it answered with a reset), EPROTO (with a critical option that we do not know), ENOBUFS, or what `unsent` said. The exchange is over. */
  | { readonly kind: 'failed'; readonly exchange: number; readonly code: string }
  /** Undefined when it arrived; otherwise as of `failed`. */
  | { readonly kind: 'notified'; readonly observer: number; readonly code: string | undefined }

/** A request to be answered, by whatever carries it. */
export interface Asked {
  readonly from: Endpoint
  readonly token: Uint8Array
  readonly confirmable: boolean
  readonly multicast: boolean
  /** It was: answers that follow are none. */
  readonly answered: boolean
}

/** What a server wants done with what it was asked. */
export type AnswerInput = Extract<CoapInput, { readonly kind: 'respond' | 'notify' | 'forget' }>
