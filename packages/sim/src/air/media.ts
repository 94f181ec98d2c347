/** How strongly one station of the air hears another. A medium decides nothing else: what overlaps, and what comes of it, is the air's. */

/** Who sends or hears: what a medium may ask of it. */
export interface Station {
  /** From 0, in the order in which they were made. */
  readonly number: number
  /** Metres. */
  readonly x: number
  readonly y: number
}

/** A model of the way between two stations. */
export interface Medium {
  /** Strength in dBm below which a frame is not noticed. */
  readonly sensitivity: number
  /** Strength in dBm from which on the channel is not clear. */
  readonly busy: number
  /** Noise in dBm; −Infinity for none, and then no bit is wrong because of it. */
  readonly noise: number
  /** Metres beyond which a signal of `power` dBm matters to nobody. */
  reach(power: number): number
  /** What arrives, in dBm, of `power` dBm; −Infinity when that is nothing. */
  strength(from: Station, to: Station, power: number): number
  /** The share of frames that is lost beside all that; 1 where a signal disturbs and is never understood. None unless given. */
  loss?(from: Station, to: Station): number
  /** Whom a station reaches at all, by number, where places say nothing about it. */
  reached?(from: Station): readonly number[]
}

const distance = (a: Station, b: Station): number => Math.hypot(a.x - b.x, a.y - b.y)

/** What is heard, all of it at the same strength: whoever overlaps, collides. */
const EVEN = { sensitivity: -85, busy: -75, noise: -Infinity } as const
const STRENGTH = -60

/** A disk around each station: within `range` metres everything is heard, and as far as `interference` it disturbs. Power changes nothing. */
export function unitDisk({ range, interference = range }: { readonly range: number; readonly interference?: number }): Medium {
  if (!(range > 0 && interference >= range)) {
    throw new RangeError(`range is ${range} m and interference ${interference} m: give a range above 0, and interference as far at least`)
  }
  return {
    ...EVEN,
    reach: () => interference,
    strength: (from, to) => (distance(from, to) <= interference ? STRENGTH : -Infinity),
    ...(interference > range ? { loss: (from: Station, to: Station) => (distance(from, to) <= range ? 0 : 1) } : {}),
  }
}

/** How `logDistance` reckons. */
export interface LogDistanceOptions {
  /** How fast a signal fades: 2 in free space, 3 unless given, to 4 in buildings. */
  readonly exponent?: number
  /** dB lost over the first metre; 40.2 unless given, as at 2.4 GHz. */
  readonly reference?: number
  /** Standard deviation in dB by which each pair of stations departs from it, both ways alike; 0 unless given. */
  readonly shadowing?: number
  /** Of the shadows; 1 unless given. `net.air` gives the network's. */
  readonly seed?: number
  /** dBm; −95 unless given. The standard asks for −85 (IEEE 802.15.4-2015 §12.3.4), and radios do better. */
  readonly sensitivity?: number
  /** dBm; −100 unless given: 2 MHz of thermal noise, and 11 dB of the receiver's own. */
  readonly noise?: number
  /** dBm of clear channel assessment; −85 unless given: at most 10 dB above sensitivity (§10.2.8). */
  readonly busy?: number
}

/** dB below the noise at which a signal is left out. */
const BELOW_NOISE = 6
/** Standard deviations of shadowing that can lift a signal over that. */
const DEVIATIONS = 2

/**
 * Signals fade with the logarithm of the distance, and bits are wrong as often as noise and other signals make them (IEEE 802.15.4-2006 annex
 * E.4.1.8). Between what is always heard and what never is, there is a grey zone.
 */
export function logDistance(options: LogDistanceOptions = {}): Medium {
  const { exponent = 3, reference = 40.2, shadowing = 0, seed = 1, sensitivity = -95, noise = -100, busy = -85 } = options
  if (!(exponent >= 1 && shadowing >= 0)) {
    throw new RangeError(`exponent is ${exponent} and shadowing ${shadowing} dB: give an exponent of 1 or more, and no negative deviation`)
  }
  const floor = noise - BELOW_NOISE
  return {
    sensitivity, noise, busy,
    reach: (power) => 10 ** ((power + DEVIATIONS * shadowing - reference - floor) / (10 * exponent)),
    strength(from, to, power) {
      const shadow = shadowing > 0 ? shadowing * normal(seed, Math.min(from.number, to.number), Math.max(from.number, to.number)) : 0
      const arrives = power - reference - 10 * exponent * Math.log10(Math.max(1, distance(from, to))) + shadow
      return arrives >= floor ? arrives : -Infinity
    },
  }
}

/** A link of `linkMatrix`: two stations by number, and how well the second hears the first; and the other way round, unless it is one-way. */
export interface MatrixLink {
  readonly from: number
  readonly to: number
  /** dBm; −60 unless given. */
  readonly rssi?: number
  /** The share that is lost, 0 to 1; 0 unless given. */
  readonly loss?: number
  readonly oneWay?: boolean
}

/** Who hears whom, from a table: places say nothing. */
export function linkMatrix(links: readonly MatrixLink[]): Medium {
  const table = new Map<number, Map<number, { readonly rssi: number; readonly loss: number }>>()
  const add = (from: number, to: number, rssi: number, loss: number): void => {
    if (!table.has(from)) table.set(from, new Map())
    table.get(from)!.set(to, { rssi, loss })
  }
  for (const { from, to, rssi = STRENGTH, loss = 0, oneWay = false } of links) {
    if (!(loss >= 0 && loss <= 1)) throw new RangeError(`the link from ${from} to ${to} has a loss of ${loss}; it must be a share from 0 to 1`)
    add(from, to, rssi, loss)
    if (!oneWay) add(to, from, rssi, loss)
  }
  return {
    ...EVEN,
    sensitivity: -100,
    busy: -100,
    reach: () => Infinity,
    strength: (from, to) => table.get(from.number)?.get(to.number)?.rssi ?? -Infinity,
    loss: (from, to) => table.get(from.number)?.get(to.number)?.loss ?? 1,
    reached: ({ number }) => [...table.get(number)?.keys() ?? []],
  }
}

/** A number from a normal distribution for a pair of stations, the same whenever it is asked for: drawn from no sequence. */
function normal(seed: number, a: number, b: number): number {
  const mix = (salt: number): number => {
    let z = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(a + 1, 0xc2b2ae35) ^ Math.imul(b + 1, 0x27d4eb2f) ^ salt
    z = Math.imul(z ^ z >>> 16, 0x21f0aaad)
    z = Math.imul(z ^ z >>> 15, 0x735a2d97)
    return ((z ^ z >>> 15) >>> 0) / 2 ** 32
  }
  return Math.sqrt(-2 * Math.log(1 - mix(1))) * Math.cos(2 * Math.PI * mix(2))
}
