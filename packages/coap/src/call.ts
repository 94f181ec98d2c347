/** What a request says: its method, its options, and how it goes. */

import type { Payload } from './body.ts'
import * as OPTION from './numbers.ts'
import type { Option } from './wire.ts'

/** What a request may say beyond its method and URI. */
export interface CoapCall {
  /** The body. Of more than `blockSize` bytes, or in pieces, it goes block by block (RFC 7959 §2.5). */
  readonly payload?: Payload | undefined
  /** Of the body: `FORMAT.JSON`. */
  readonly contentFormat?: number | undefined
  /** Of the response. */
  readonly accept?: number | undefined
  /** False: the request is sent once, and may be lost (RFC 7252 §4.3). */
  readonly confirmable?: boolean | undefined
  /** Further options: `[OPTION.IF_NONE_MATCH, '']`. */
  readonly options?: readonly Option[] | undefined
  /** Bytes of the blocks that are asked for from the beginning (RFC 7959 §2.4), 16 to 1024; whatever the server likes unless given. */
  readonly blockSize?: number | undefined
  /** The response resolves with its first block, and `response.body()` fetches the others. */
  readonly stream?: boolean | undefined
  /** Classes of responses that are not wanted, as RFC 7967 §2.1 has them: 26 is all. What is not answered resolves with code 0. */
  readonly noResponse?: number | undefined
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** What an observation may say beyond its URI. */
export interface ObserveCall extends CoapCall {
  /** GET unless given. With FETCH the body says what is observed (RFC 8132 §2.4): it is said with each registration, so it is one of a block at most. */
  readonly method?: 'GET' | 'FETCH' | undefined
}

/** A method by its name, or its number. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'FETCH' | 'PATCH' | 'IPATCH' | number

/** RFC 7252 §12.1.1, RFC 8132 §6. */
const METHODS = { GET: 1, POST: 2, PUT: 3, DELETE: 4, FETCH: 5, PATCH: 6, IPATCH: 7 } as const

/** The number of a method. */
export const codeOf = (method: Method): number => (typeof method === 'number' ? method : METHODS[method])

/** The options of a request, in any order. */
export function optionsOf(target: readonly Option[], { contentFormat, accept, noResponse, options = [] }: CoapCall): readonly Option[] {
  const all: Option[] = [...target, ...options]
  if (contentFormat !== undefined) all.push([OPTION.CONTENT_FORMAT, contentFormat])
  if (accept !== undefined) all.push([OPTION.ACCEPT, accept])
  if (noResponse !== undefined) all.push([OPTION.NO_RESPONSE, noResponse])
  return all
}
