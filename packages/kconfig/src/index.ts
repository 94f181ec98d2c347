/**
 * Features and options as data: Kconfig's grammar in types, checked when you compile and again when you compose.
 *
 * @packageDocumentation
 */

export { ConfigError } from './error.ts'
export { feature, type, type AllOf, type AnyFeature, type Context, type Definition, type Feature, type FeatureMaker, type NeedsOf, type ProvidesOf } from './feature.ts'
export { settle, type Option, type Options, type Settings } from './options.ts'
