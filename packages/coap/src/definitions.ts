/** What is known of options: RFC 7252 §5.4 and §5.10. Their class is in their number, so that it holds for those we do not know too. */

import * as OPTION from './numbers.ts'
import { type Message } from './wire.ts'

/** Who does not know it must not go on (RFC 7252 §5.4.1). */
export const isCritical = (number: number): boolean => (number & 1) === 1
/** A proxy that does not know it must not pass it on (RFC 7252 §5.4.2). */
export const isUnsafe = (number: number): boolean => (number & 2) === 2
/** It is no part of what a cached response is known by (RFC 7252 §5.4.6). */
export const isNoCacheKey = (number: number): boolean => (number & 0x1e) === 0x1c

/** Least and most bytes of each critical option that is known, and whether there may be more than one. */
export const definitions: Readonly<Record<number, readonly [least: number, most: number, repeatable?: true]>> = {
  [OPTION.IF_MATCH]: [0, 8, true],
  [OPTION.URI_HOST]: [1, 255],
  [OPTION.IF_NONE_MATCH]: [0, 0],
  [OPTION.URI_PORT]: [0, 2],
  [OPTION.URI_PATH]: [0, 255, true],
  [OPTION.URI_QUERY]: [0, 255, true],
  [OPTION.ACCEPT]: [0, 2],
  [OPTION.BLOCK2]: [0, 3],
  [OPTION.BLOCK1]: [0, 3],
  [OPTION.PROXY_URI]: [1, 1034],
  [OPTION.PROXY_SCHEME]: [1, 255],
}

/**
 * The first critical option that is not to be understood, which a request is refused for (RFC 7252 §5.4.1); undefined when there is none. One
 * that is known, and is too short, too long or repeated, counts as unknown (§5.4.3, §5.4.5).
 */
export function unacceptable(message: Message): number | undefined {
  let last = -1
  message.rewind()
  while (message.next()) {
    const { number, length } = message
    if (isCritical(number)) {
      const row = definitions[number]
      if (row === undefined || length < row[0] || length > row[1] || (number === last && row[2] !== true)) return number
    }
    last = number
  }
  return undefined
}
