/** Times of the MAC, in symbols: a symbol of 2.4 GHz takes 16 µs. */

/** aUnitBackoffPeriod, IEEE 802.15.4-2015 §8.4.2. */
export const UNIT_BACKOFF = 20
/** What clear channel assessment takes, §10.2.8. */
export const CCA = 8
/** macSifsPeriod and macLifsPeriod, §8.4.3: silence behind a frame of at most `SHORT_FRAME` bytes, and behind a longer one. */
export const SIFS = 12
export const LIFS = 40
/** aMaxSifsFrameSize, §8.4.2, with the FCS. */
export const SHORT_FRAME = 18
/**
 * For how long the same number from the same station is the same frame. Four attempts of which each waits for the longest backoffs there are
 * take a third of it.
 */
export const DUPLICATE = 62_500
