/** What both ends of an observation count: RFC 7641 §3.4 and §4.4. */

import type { Instant } from '@favonius/contract'

/** Observe values have 24 bits. */
export const OBSERVE_MASK = 0xff_ffff
/** RFC 7641 §2. */
export const REGISTER = 0
export const DEREGISTER = 1

/** Milliseconds after which a notification is newer, whatever its number. */
const FRESH = 128_000

/** Whether the notification `value`, that came at `now`, is newer than the one before it (RFC 7641 §3.4). */
export function isNewer(before: number, at: Instant, value: number, now: Instant): boolean {
  return (before < value && value - before < 2 ** 23) || (before > value && before - value > 2 ** 23) || now > at + FRESH
}
