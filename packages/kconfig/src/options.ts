/** Options as data: one row is a Kconfig symbol, a property of a feature's settings, and a line of its README. */

import { ConfigError } from './error.ts'

interface Row<Type extends string, Value> {
  readonly type: Type
  /** `CONFIG_NET_ARP_TABLE_SIZE`, as in a `prj.conf`. */
  readonly symbol: string
  readonly default: Value
  /** One sentence, with its unit. Where our default departs from Zephyr's, it says so. */
  readonly help: string
}

/** One option of a feature. */
export type Option =
  | Row<'bool', boolean>
  | (Row<'int', number> & { readonly range: readonly [least: number, most: number] })
  | (Row<'choice', string | number> & { readonly values: readonly (string | number)[] })
  | Row<'string', string>

/** A feature's options by the name that code uses. Write them `as const satisfies Options`. */
export type Options = { readonly [name: string]: Option }

type Value<O> = O extends { type: 'bool' } ? boolean
  : O extends { type: 'int' } ? number
  : O extends { type: 'choice'; values: readonly (infer V)[] } ? V
  : string

/** The values of a feature's options. */
export type Settings<O extends Options> = { readonly [K in keyof O]: Value<O[K]> }

const wanted = (option: Option): string => {
  switch (option.type) {
    case 'bool': return 'true or false'
    case 'int': return `a whole number from ${option.range[0]} to ${option.range[1]}`
    case 'choice': return `one of ${option.values.map((v) => JSON.stringify(v)).join(', ')}`
    case 'string': return 'a string'
  }
}

const fits = (option: Option, value: unknown): boolean => {
  switch (option.type) {
    case 'bool': return typeof value === 'boolean'
    case 'int': return Number.isInteger(value) && (value as number) >= option.range[0] && (value as number) <= option.range[1]
    case 'choice': return option.values.includes(value as string | number)
    case 'string': return typeof value === 'string'
  }
}

/**
 * The settings of a feature: what was given, and defaults for the rest.
 *
 * @throws ConfigError for a name that is no option, or a value outside its type or range; the message says what fits.
 */
export function settle<const O extends Options>(feature: string, options: O, given: Partial<Settings<O>> = {}): Settings<O> {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(options, name)) continue
    const names = Object.keys(options)
    throw new ConfigError(`${feature} has no option ${name}; ${names.length ? `its options are ${names.join(', ')}` : 'it takes none'}`)
  }
  const settled: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(options)) {
    const value = (given as Record<string, unknown>)[name]
    if (value !== undefined && !fits(option, value)) {
      throw new ConfigError(`${feature}: ${name} (${option.symbol}) is ${JSON.stringify(value) ?? String(value)}; it must be ${wanted(option)}`)
    }
    settled[name] = value ?? option.default
  }
  return settled as Settings<O>
}
