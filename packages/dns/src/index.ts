/**
 * What it is, in one sentence.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { dnsOptions } from './options.ts'

export { dnsOptions } from './options.ts'

/** `stack.dns`. */
export interface Dns {
  /** What it was composed with. */
  readonly size: number
}

/** What it does, and its RFC. */
export const dns = /* @__PURE__ */ feature({
  name: 'dns',
  symbol: 'CONFIG_NET_DNS',
  options: dnsOptions,
  create: (_parts, { options }): Dns => ({ size: options.size }),
})
