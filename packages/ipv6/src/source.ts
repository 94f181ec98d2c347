/** Source address selection, RFC 6724 §5, as a pure function. */

import type { Address, AddressState } from '@favonius/contract'
import { commonPrefixLength, ipv6, inPrefix, sameAddress, scopeOf } from '@favonius/inet'

/** An address that might be sent from. An `InterfaceAddress` is one. */
export interface SourceCandidate {
  readonly address: Address
  readonly prefixLength: number
  readonly state: AddressState
  /** A home address of Mobile IPv6, where the others are care-of addresses (rule 4). */
  readonly home?: boolean
  /** It is on the interface the packet leaves by (rule 5). */
  readonly outgoing?: boolean
  /** A temporary address, RFC 8981 (rule 7). */
  readonly temporary?: boolean
}

/** A row of the policy table (RFC 6724 §2.1). */
export interface Policy {
  readonly address: Address
  readonly length: number
  readonly precedence: number
  readonly label: number
}

const row = (w0: number, w1: number, w2: number, w3: number, length: number, precedence: number, label: number): Policy =>
  ({ address: ipv6(w0, w1, w2, w3), length, precedence, label })

/** The default policy table (RFC 6724 §2.1), longest prefixes first. */
export const policyTable: readonly Policy[] = [
  /* @__PURE__ */ row(0, 0, 0, 1, 128, 50, 0),
  /* @__PURE__ */ row(0, 0, 0xffff, 0, 96, 35, 4),
  /* @__PURE__ */ row(0, 0, 0, 0, 96, 1, 3),
  /* @__PURE__ */ row(0x20010000, 0, 0, 0, 32, 5, 5),
  /* @__PURE__ */ row(0x20020000, 0, 0, 0, 16, 30, 2),
  /* @__PURE__ */ row(0x3ffe0000, 0, 0, 0, 16, 1, 12),
  /* @__PURE__ */ row(0xfec00000, 0, 0, 0, 10, 1, 11),
  /* @__PURE__ */ row(0xfc000000, 0, 0, 0, 7, 3, 13),
  /* @__PURE__ */ row(0, 0, 0, 0, 0, 40, 1),
]

/** The label of an address: the longest prefix of the policy table that it lies in (RFC 6724 §2.1). */
export function labelOf(address: Address): number {
  for (const policy of policyTable) if (inPrefix(policy, address)) return policy.label
  return 1
}

/**
 * Which of two candidates to prefer for a destination: negative for `a`, positive for `b`, 0 when the rules do not say.
 * The rules in their order (RFC 6724 §5); 5.5 needs to know who advertised which prefix, and is left out as the RFC allows.
 */
export function compareSources(a: SourceCandidate, b: SourceCandidate, destination: Address): number {
  // Rule 1: prefer the same address.
  if (sameAddress(a.address, destination)) return -1
  if (sameAddress(b.address, destination)) return 1
  // Rule 2: prefer the appropriate scope: the smallest that still reaches the destination.
  const scopeA = scopeOf(a.address)
  const scopeB = scopeOf(b.address)
  const scope = scopeOf(destination)
  if (scopeA < scopeB) return scopeA < scope ? 1 : -1
  if (scopeB < scopeA) return scopeB < scope ? -1 : 1
  // Rule 3: avoid deprecated addresses.
  const deprecated = Number(a.state === 'deprecated') - Number(b.state === 'deprecated')
  if (deprecated !== 0) return deprecated
  // Rule 4: prefer home addresses.
  const home = Number(b.home ?? false) - Number(a.home ?? false)
  if (home !== 0) return home
  // Rule 5: prefer the outgoing interface.
  const outgoing = Number(b.outgoing ?? false) - Number(a.outgoing ?? false)
  if (outgoing !== 0) return outgoing
  // Rule 6: prefer the matching label.
  const label = labelOf(destination)
  const labelled = Number(labelOf(b.address) === label) - Number(labelOf(a.address) === label)
  if (labelled !== 0) return labelled
  // Rule 7: prefer temporary addresses.
  const temporary = Number(b.temporary ?? false) - Number(a.temporary ?? false)
  if (temporary !== 0) return temporary
  // Rule 8: use the longest matching prefix, no longer than the candidate's own (§2.2).
  return shared(b, destination) - shared(a, destination)
}

const shared = (candidate: SourceCandidate, destination: Address): number =>
  Math.min(commonPrefixLength(candidate.address, destination), candidate.prefixLength)

/**
 * The address to send from to `destination` (RFC 6724 §5): the best of those that are preferred or deprecated; the
 * earlier one where the rules do not decide. Undefined when there is none.
 */
export function selectSource<C extends SourceCandidate>(destination: Address, candidates: Iterable<C>): C | undefined {
  let best: C | undefined
  for (const candidate of candidates) {
    if (candidate.address.family !== 6 || (candidate.state !== 'preferred' && candidate.state !== 'deprecated')) continue
    if (best === undefined || compareSources(best, candidate, destination) > 0) best = candidate
  }
  return best
}
