/** What a server has granted: RFC 2131 §3, §4.4.5. */

import type { Address, Instant } from '@favonius/contract'
import { isBroadcast4, isLoopback, isMulticast, maskLength } from '@favonius/inet'
import type { DhcpMessage } from './wire/message.ts'
import type { DhcpOptions } from './wire/options.ts'

/** RFC 2131 §3.3: this many seconds are for ever. */
const FOREVER = 0xffff_ffff

/** An address for a time, and what came with it. */
export interface Lease {
  readonly address: Address
  /** Bits of the subnet's prefix; of the address's old class when the server says nothing. */
  readonly prefixLength: number
  /** Who granted it. */
  readonly server: Address
  /** When it was asked for, is to be renewed with its server (T1), with anyone (T2), and ends; Infinity when it does not. */
  readonly since: Instant
  readonly renewAt: Instant
  readonly rebindAt: Instant
  readonly expiresAt: Instant
  /** All that the server has said. */
  readonly options: DhcpOptions
}

/** What is wrong with an address that a server gives (RFC 1122 §3.2.1.3); law 4: it is refused, and nothing throws. */
function isHost(address: Address, prefixLength: number): boolean {
  const word = address.w3
  if (word >>> 24 === 0 || isMulticast(address) || isBroadcast4(address) || word >>> 28 === 15 || isLoopback(address)) return false
  if (prefixLength >= 31) return true
  const host = word & (0xffffffff >>> prefixLength)
  return host !== 0 && host !== (0xffffffff >>> prefixLength)
}

/** RFC 791 §2.3. */
const classful = ({ w3 }: Address): number => (w3 >= 0 ? 8 : w3 >>> 30 === 2 ? 16 : 24)

/** The lease of an OFFER or ACK, asked for at `since`. Undefined when it is none that a host can use. */
export function leaseOf({ your, options }: DhcpMessage, since: Instant): Lease | undefined {
  const { serverId: server, leaseTime, subnetMask, renewalTime, rebindingTime } = options
  if (server === undefined || leaseTime === undefined || leaseTime === 0) return undefined
  const prefixLength = subnetMask === undefined ? classful(your) : maskLength(subnetMask)
  if (prefixLength === undefined || prefixLength === 0 || !isHost(your, prefixLength)) return undefined
  const lasts = leaseTime === FOREVER ? Infinity : leaseTime * 1000
  // RFC 2131 §4.4.5: 0.5 and 0.875 of the time, unless the server says otherwise, and T1 < T2 < the end.
  const told = (seconds: number | undefined): number => (seconds === undefined || seconds === FOREVER ? NaN : seconds * 1000)
  let [t1, t2] = [told(renewalTime), told(rebindingTime)]
  if (!(t2 > 0 && t2 < lasts)) t2 = lasts * 0.875
  if (!(t1 > 0 && t1 < t2)) t1 = Math.min(lasts * 0.5, t2)
  return { address: your, prefixLength, server, since, renewAt: since + t1, rebindAt: since + t2, expiresAt: since + lasts, options }
}
