/** Builds a stack from features, each after what it rests on. This is all that composition does. */

import type { Env } from '@favonius/contract'
import { ConfigError, type AllOf, type AnyFeature, type NeedsOf } from '@favonius/kconfig'

/** What a composition gives: each feature under its name, and the way to end it. */
export type Stack<Fs extends readonly AnyFeature[]> = AllOf<Fs> & {
  /** Stops every feature, the last one made first. Then no timer, socket or buffer of the stack is left. */
  stop(): Promise<void>
}

type Unmet<F extends AnyFeature, All> = `${F['name']} depends on ${Exclude<keyof NeedsOf<F>, keyof All> & string}`
/** The features, or in the place of one whose needs are not met a sentence that says so. */
export type Met<Fs extends readonly AnyFeature[], All = AllOf<Fs>> = {
  [I in keyof Fs]: [Exclude<keyof NeedsOf<Fs[I]>, keyof All>] extends [never] ? Fs[I] : Unmet<Fs[I], All>
}

/**
 * Composes features: builds those listed and those they select, each after what it needs.
 *
 * ```ts
 * const stack = compose(system, ethernet(), ipv6({ maxNeighbors: 16 }), udp(), sockets())
 * ```
 *
 * A missing feature does not compile; at run time it throws.
 *
 * @throws ConfigError `udp depends on ip`, a feature listed twice, or features that need each other in a ring
 */
export function compose<const Fs extends readonly AnyFeature[]>(env: Env, ...features: Fs & Met<Fs>): Stack<Fs> {
  const chosen = choose(features as readonly AnyFeature[])
  const parts: Record<string, unknown> = {}
  const stops: (() => void | Promise<void>)[] = []
  const open = new Set<string>()
  /** Selected parts whose turn comes when nothing is half made: those that need their selector among them. */
  const later: AnyFeature[] = []

  const make = (feature: AnyFeature): void => {
    if (Object.hasOwn(parts, feature.name)) return
    if (open.has(feature.name)) throw new ConfigError(`these features need each other in a ring: ${[...open, feature.name].join(' -> ')}`)
    open.add(feature.name)
    for (const name of feature.needs) {
      if (!chosen.has(name)) throw new ConfigError(`${feature.name} depends on ${name}: add a feature that provides ${name} to compose()`)
      make(chosen.get(name)!)
    }
    // A part that needs its selector (neighbour discovery needs IPv6) is made after it.
    const selected = feature.selects.map((s) => chosen.get(s.name)!)
    for (const part of selected) if (!part.needs.includes(feature.name)) make(part)
    for (const name of feature.implies) if (chosen.has(name)) make(chosen.get(name)!)
    open.delete(feature.name)
    parts[feature.name] = feature.create(parts as never, { env, onStop: (stop) => void stops.push(stop) })
    later.push(...selected)
  }

  const stop = inReverse(stops)
  try {
    for (const feature of chosen.values()) {
      make(feature)
      for (let part = later.shift(); part !== undefined; part = later.shift()) make(part)
    }
  } catch (error) {
    void stop()
    throw error
  }
  return { ...parts, stop } as unknown as Stack<Fs>
}

/** Runs what features gave, the last first. Not made within `compose`, whose tables would live as long as the stack does. */
function inReverse(stops: (() => void | Promise<void>)[]): () => Promise<void> {
  return async () => {
    for (let end = stops.pop(); end !== undefined; end = stops.pop()) await end()
  }
}

/** The features listed and all that they select, by name; what is listed wins over what is selected. */
function choose(listed: readonly AnyFeature[]): Map<string, AnyFeature> {
  const chosen = new Map<string, AnyFeature>()
  for (const feature of listed) {
    if (chosen.has(feature.name)) throw new ConfigError(`${feature.name} is listed twice: keep one, with all its settings`)
    chosen.set(feature.name, feature)
  }
  const select = (feature: AnyFeature): void => {
    for (const part of feature.selects) {
      if (chosen.has(part.name)) continue
      chosen.set(part.name, part)
      select(part)
    }
  }
  for (const feature of listed) select(feature)
  return chosen
}
