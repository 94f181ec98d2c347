/** Which of several destinations is tried first: RFC 6724 §6. */

import type { Address } from '@favonius/contract'
import { commonPrefixLength, inPrefix, mapped, parsePrefix, scopeOf } from '@favonius/inet'

/** RFC 6724 §2.1: the default policy table, longest prefixes first. */
const POLICY = /* @__PURE__ */ ([
  ['::1/128', 50, 0], ['::/96', 1, 3], ['::ffff:0:0/96', 35, 4], ['2001::/32', 5, 5], ['2002::/16', 30, 2], ['3ffe::/16', 1, 12],
  ['fec0::/10', 1, 11], ['fc00::/7', 3, 13], ['::/0', 40, 1],
] as const).map(([prefix, precedence, label]) => ({ prefix: parsePrefix(prefix)!, precedence, label }))

const policyOf = (address: Address) => POLICY.find(({ prefix }) => inPrefix(prefix, mapped(address)))!

/** A destination, and the address of ours that would speak to it; undefined when none would. */
export interface Destination {
  readonly address: Address
  readonly source: Address | undefined
}

/**
 * The order in which to try them: rules 1, 2, 5, 6, 8, 9 and 10 of RFC 6724 §6. Rules 3, 4 and 7 ask what a source address alone does not tell.
 * Rule 9 is for IPv6, as prefixes say nothing in IPv4 behind a translator.
 */
export function sortDestinations(destinations: readonly Destination[]): Destination[] {
  const ranked = destinations.map((destination, order) => {
    const { address, source } = destination
    const [policy, scope] = [policyOf(address), scopeOf(address)]
    return {
      destination, order, scope,
      usable: source === undefined ? 1 : 0,
      otherScope: source !== undefined && scopeOf(source) === scope ? 0 : 1,
      otherLabel: source !== undefined && policyOf(source).label === policy.label ? 0 : 1,
      precedence: policy.precedence,
      length: address.family === 6 && source !== undefined ? commonPrefixLength(address, source) : 0,
    }
  })
  ranked.sort((a, b) => a.usable - b.usable || a.otherScope - b.otherScope || a.otherLabel - b.otherLabel || b.precedence - a.precedence
    || a.scope - b.scope || (a.destination.address.family === b.destination.address.family ? b.length - a.length : 0) || a.order - b.order)
  return ranked.map(({ destination }) => destination)
}
