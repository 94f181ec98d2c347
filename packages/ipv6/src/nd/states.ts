/**
 * The state machine of a neighbour cache entry as data: RFC 4861 appendix C, with §7.2.5 and §7.3.3 where the appendix is
 * silent. Nothing here acts; `cache.ts` does what the rows say.
 */

/** RFC 4861 §7.3.2; STATIC is Zephyr's, for entries made by hand. */
export type NeighborState = 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'STATIC'

/**
 * What can happen to an entry.
 *
 * - `send` a packet is sent to it
 * - `timeout` its timer fired and tries are left; `exhausted` its timer fired after the last try
 * - `confirmed` an upper layer knows that packets arrive (§7.3.1)
 * - `heard …` a solicitation, router message or redirect gave its link address: the `same` as known, or an`other`
 * - `solicited …`, `unsolicited …` an advertisement, by its S flag: with the `same` link address as known, or none; with an`other`
 *   and the Override flag clear; or with an other one that is to `override` what is known
 */
export type NeighborEvent =
  | 'send' | 'timeout' | 'exhausted' | 'confirmed'
  | 'heard same' | 'heard other'
  | 'solicited same' | 'solicited other' | 'solicited override'
  | 'unsolicited same' | 'unsolicited other' | 'unsolicited override'

/**
 * What is to be done, in this order.
 *
 * - `record` the link address that came
 * - `flag` the Router flag that came
 * - `release` the packets that wait
 * - `solicit` multicast a solicitation; `probe` send one to the link address that is known
 * - `forget` delete the entry: what waits cannot be delivered
 */
export type NeighborAction = 'record' | 'flag' | 'release' | 'solicit' | 'probe' | 'forget'

/** What follows from an event. An event without a row changes nothing. */
export interface Transition {
  /** The state that is entered, with its timer begun; undefined when the entry stays as it is. */
  readonly next: NeighborState | undefined
  readonly does: readonly NeighborAction[]
}

const to = (next: NeighborState, ...does: NeighborAction[]): Transition => ({ next, does })
const stay = (...does: NeighborAction[]): Transition => ({ next: undefined, does })

/** What the states with a known link address have in common (RFC 4861 §7.2.5, §7.2.3). */
const known = {
  'confirmed': to('REACHABLE'),
  'heard other': to('STALE', 'record'),
  'solicited same': to('REACHABLE', 'flag'),
  'solicited override': to('REACHABLE', 'record', 'flag'),
  'unsolicited override': to('STALE', 'record', 'flag'),
  'unsolicited same': stay('flag'),
} as const

/** RFC 4861 appendix C. */
export const transitions: Readonly<Record<NeighborState, Readonly<Partial<Record<NeighborEvent, Transition>>>>> = {
  INCOMPLETE: {
    'timeout': stay('solicit'),
    'exhausted': stay('forget'),
    'heard other': to('STALE', 'record', 'release'),
    // Without a known address every advertisement brings another one; the Override flag does not count (§7.2.5).
    'solicited other': to('REACHABLE', 'record', 'flag', 'release'),
    'solicited override': to('REACHABLE', 'record', 'flag', 'release'),
    'unsolicited other': to('STALE', 'record', 'flag', 'release'),
    'unsolicited override': to('STALE', 'record', 'flag', 'release'),
  },
  REACHABLE: {
    ...known,
    'timeout': to('STALE'),
    'solicited other': to('STALE'),
    'unsolicited other': to('STALE'),
  },
  STALE: {
    ...known,
    'send': to('DELAY'),
  },
  DELAY: {
    ...known,
    'timeout': to('PROBE', 'probe'),
  },
  PROBE: {
    ...known,
    'timeout': stay('probe'),
    'exhausted': stay('forget'),
  },
  STATIC: {},
}

/** Solicitations sent before the entry is given up (RFC 4861 §10), by the state that sends them. */
export const tries: Readonly<Partial<Record<NeighborState, number>>> = {
  /** MAX_MULTICAST_SOLICIT */
  INCOMPLETE: 3,
  /** MAX_UNICAST_SOLICIT */
  PROBE: 3,
}

/** Milliseconds in DELAY before the first probe (RFC 4861 §10). */
export const DELAY_FIRST_PROBE_TIME = 5000
