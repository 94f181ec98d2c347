/** Bit errors of O-QPSK at 2.4 GHz (IEEE 802.15.4-2006 annex E.4.1.8), as a share of frames that are understood. */

/** dB between which the curve falls: below, nothing is understood; above, everything. */
const LEAST = -12
const MOST = 6
const STEPS = 10

/** The logarithm of a bit's chance to be right, each tenth of a dB. */
let curve: readonly number[] | undefined

function right(snr: number): number {
  const ratio = 10 ** (snr / 10)
  let sum = 0
  let choose = 1
  for (let k = 2; k <= 16; k++) {
    choose = k === 2 ? 120 : choose * (17 - k) / k
    sum += (k % 2 === 0 ? 1 : -1) * choose * Math.exp(20 * ratio * (1 / k - 1))
  }
  return Math.log1p(-Math.min(1, Math.max(0, sum * 8 / 15 / 16)))
}

/** The share of frames of `bytes` that are understood where the signal is `snr` dB stronger than all else. */
export function understood(snr: number, bytes: number): number {
  if (snr <= LEAST) return 0
  if (snr >= MOST) return 1
  curve ??= Array.from({ length: (MOST - LEAST) * STEPS + 1 }, (_, i) => right(LEAST + i / STEPS))
  return Math.exp(curve[Math.round((snr - LEAST) * STEPS)]! * 8 * bytes)
}

/** Link quality, 0 to 255, as a radio that measures the correlation of chips would say it. */
export function quality(snr: number): number {
  return Math.max(0, Math.min(255, Math.round((snr + 2) * 255 / 22)))
}
