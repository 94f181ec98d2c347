/** What a client is to whoever asks through it: `Ask`, `Observation` and `askGroup`. */

import type { Endpoint } from '@favonius/contract'
import type { CoapCall } from './call.ts'
import type { CoapResponse } from './response.ts'
import type { Draft, Message, Option } from './wire.ts'

/** Who is asked, and by which options. */
export interface Where {
  readonly to: Endpoint
  readonly options: readonly Option[]
}

/** Who waits for an exchange, until it failed, or takes itself out. */
export interface Waiting {
  response(message: Message, from: Endpoint): void
  failed(code: string): void
  acknowledged?(): void
}

/** Who sends what is asked. */
export interface Asker {
  /** A number for an exchange, at random below 2³²: it is the token. */
  number(): number
  /** Whom a URI asks, and for what; the socket is open then. */
  find(uri: string, signal: AbortSignal | undefined): Promise<Where>
  /** One message there, and one back. */
  exchange(to: Endpoint, draft: Draft, call: CoapCall): Promise<CoapResponse>
  /** Bytes of the blocks that may go at once now (RFC 8323 §6); 0 until the peer has said how many it takes. */
  room(to: Endpoint): number
  /** Resolves when the peer has answered an empty message. */
  greet(to: Endpoint, signal: AbortSignal | undefined): Promise<unknown>
  /** Begins an exchange that stays until it is forgotten, or for `window` milliseconds; or asks again under its number. */
  keep(number: number, waiting: Waiting, to: Endpoint, draft: Draft, confirmable: boolean, window?: number): void
  forget(number: number): void
}
