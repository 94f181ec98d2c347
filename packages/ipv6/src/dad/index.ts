/**
 * Duplicate address detection, RFC 4862 §5.4: an address is used once nobody on the link objects.
 *
 * @packageDocumentation
 */

import { feature, type } from '@favonius/kconfig'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { DuplicateDetection, type Dad } from './detection.ts'
import { dadOptions } from '../options.ts'

export { type Dad } from './detection.ts'
export { dadOptions } from '../options.ts'
export { Trials, type Tried, type TrialInput, type TrialOutput } from './trials.ts'

/** Duplicate address detection. Without it addresses are used at once. */
export const dad = /* @__PURE__ */ feature({
  name: 'dad',
  symbol: 'CONFIG_NET_IPV6_DAD',
  options: dadOptions,
  needs: { ipv6: type<Ipv6>(), nd: type<Nd>() },
  create(parts, { env, options, onStop }): Dad {
    const detection = new DuplicateDetection(env, parts, options)
    onStop(() => detection.stop())
    return detection
  },
})
