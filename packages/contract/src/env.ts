/** Time and randomness: all that a protocol may ask of the world outside it. */

/** Milliseconds, fractional, monotonic. Virtual time begins at 0. */
export type Instant = number

/** One deadline that can be moved as often as wanted. Moving it allocates nothing. */
export interface Timer {
  /** Fires once at `at`, or on the next turn when `at` has passed; whatever was due before is forgotten. */
  schedule(at: Instant): void
  /** Forgets what was due. Harmless when nothing is. */
  cancel(): void
  /** When it will fire, or undefined when it is not armed. */
  readonly due: Instant | undefined
}

export interface Clock {
  /** The present. Constant while one event is handled under a virtual clock. */
  now(): Instant
  /** The present read anew, where `now` stands still while one event is handled. Equal to `now` under a virtual clock. */
  exact(): Instant
  /** Wall time of instant 0, in milliseconds since 1970-01-01T00:00:00Z. */
  readonly epoch: number
  /**
   * Makes a timer, not yet armed. `fire` is called outside of any `schedule` call, never from within it.
   * Timers due at one instant fire in the order in which they were scheduled.
   */
  timer(fire: (now: Instant) => void): Timer
}

export interface Random {
  /** Fills `into` and returns it. */
  fill(into: Uint8Array): Uint8Array
  /** Uniform in 0 … 2³²−1. */
  uint32(): number
}

/** What the outside lends to every feature of a stack. */
export interface Env {
  readonly clock: Clock
  readonly random: Random
  /**
   * Says that a promise was settled, so that code which awaits it can go on. A virtual clock then lets that code run
   * before time moves; a real one has nothing to do. `deferred()` of `@favonius/clock` calls it.
   */
  wake(): void
}

/**
 * A protocol without a loop of its own: give it input and time, drain what it wants done.
 * The owner calls `poll` until it returns undefined after each `handle` and each `tick`, then arms one timer for `deadline`.
 */
export interface Machine<In, Out> {
  handle(input: In, now: Instant): void
  /** Does what is due. Early and repeated calls do nothing. */
  tick(now: Instant): void
  poll(): Out | undefined
  deadline(): Instant | undefined
}

/** Why a peer's bytes could not be read. A parser returns it; it never throws (law 4). */
export interface Malformed {
  readonly malformed: string
}
