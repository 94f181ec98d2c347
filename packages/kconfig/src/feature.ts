/**
 * Kconfig's grammar as plain values. Selecting a feature is importing it.
 *
 * `Provides` and `Needs` are flattened into each feature's own type when it is defined, through what it selects. A type
 * that walked the selects anew for each composition would meet TypeScript's recursion limit at about 60 features. What is left
 * of that limit: one chain of selects may be about 32 features deep, however many there are beside it.
 */

import type { Env } from '@favonius/contract'
import { settle, type Options, type Settings } from './options.ts'

/**
 * A Kconfig symbol, and the code behind it. Stateless: one value may serve many stacks.
 *
 * `Provides` has one property per feature it brings, those it selects included. `Needs` has one per feature it depends on.
 */
export interface Feature<Name extends string, Provides extends object, Needs extends object> {
  readonly name: Name
  /** `CONFIG_NET_UDP`. */
  readonly symbol: string
  /** `select`: brought along, unless the composition lists its own. */
  readonly selects: readonly AnyFeature[]
  /** `depends on`. */
  readonly needs: readonly string[]
  /** `imply`, `default y if`: used when composed. */
  readonly implies: readonly string[]
  readonly options: Options
  /** What this value was made with, defaults filled in. */
  readonly settings: Readonly<Record<string, unknown>>
  create(parts: never, context: Context): unknown
  /** Carries the types; never set. */
  readonly '~types'?: { readonly provides: Provides; readonly needs: Needs }
}

// oxlint-disable-next-line typescript/no-explicit-any -- a feature of whatever it provides and needs
export type AnyFeature = Feature<string, any, any>

/** What `create` gets beside the parts it stands on. */
export interface Context {
  readonly env: Env
  /** Runs when the stack stops, before what this feature stands on stops; the last one given runs first. */
  onStop(stop: () => void | Promise<void>): void
}

type Types<F> = F extends { readonly '~types'?: infer T } ? NonNullable<T> : never
export type ProvidesOf<F> = Types<F> extends { readonly provides: infer P } ? P : never
export type NeedsOf<F> = Types<F> extends { readonly needs: infer N } ? N : never

type Flat<T> = { readonly [K in keyof T]: T[K] }
// Each member becomes a function before the union is formed: a union of the bare objects would be reduced, and `{ ip } | {}` is `{}`.
type ProvidedBy<F> = F extends AnyFeature ? (p: ProvidesOf<F>) => void : never
type NeededBy<F> = F extends AnyFeature ? (n: NeedsOf<F>) => void : never
/** All that a list of features provides. */
export type AllOf<Fs extends readonly AnyFeature[]> = Flat<[ProvidedBy<Fs[number]>] extends [(i: infer I) => void] ? I : {}>
/** All that a list of features needs. */
type AllNeededBy<Fs extends readonly AnyFeature[]> = Flat<[NeededBy<Fs[number]>] extends [(i: infer I) => void] ? I : {}>

/** What a feature is made of. */
export interface Definition<Name extends string, O extends Options, S extends readonly AnyFeature[], N extends object, I extends object, Made> {
  readonly name: Name
  readonly symbol: string
  readonly options?: O
  /** Features it brings, without settings: the composition's own wins. */
  readonly selects?: S
  /** Features that must be composed: `{ ip: type<Ip>() }`. The type is all that is imported. */
  readonly needs?: N
  /** Features that are used when composed, given as possibly undefined. */
  readonly implies?: I
  /**
   * Builds it for one stack. `parts` are those it selects, needs and implies, made before it; a feature it selects that
   * itself needs this one is made after it.
   */
  create(parts: Flat<AllOf<S> & N & Partial<I>>, context: Context & { readonly options: Settings<O> }): Made
}

/** Names a type for `needs` and `implies`; there is no value behind it. */
export function type<T>(): T {
  return undefined as T
}

/** How a feature is called: with what departs from the defaults. */
export interface FeatureMaker<Name extends string, O extends Options, Provides extends object, Needs extends object> {
  (settings?: Partial<Settings<O>>): Feature<Name, Provides, Needs>
}

/**
 * Defines a feature and infers what it provides and needs, through what it selects.
 *
 * ```ts
 * export const udp = feature({
 *   name: 'udp', symbol: 'CONFIG_NET_UDP', options: udpOptions,
 *   needs: { ip: type<Ip>() },
 *   create({ ip }, { env, options, onStop }): Udp { … },
 * })
 * ```
 */
export function feature<
  const Name extends string,
  Made,
  const O extends Options = {},
  const S extends readonly AnyFeature[] = [],
  N extends object = {},
  I extends object = {},
>(definition: Definition<Name, O, S, N, I, Made>): FeatureMaker<
  Name, O,
  Flat<{ readonly [K in Name]: Made } & AllOf<S>>,
  Flat<Omit<N & AllNeededBy<S>, Name | keyof AllOf<S>>>
> {
  const { name, symbol, options = {} as O, selects = [] as unknown as S, needs = {}, implies = {} } = definition
  return (given) => {
    const settings = settle(name, options, given)
    return {
      name, symbol, options, settings, selects,
      needs: Object.keys(needs),
      implies: Object.keys(implies),
      create: (parts: never, context: Context) => definition.create(parts, { env: context.env, onStop: context.onStop, options: settings }),
    }
  }
}
