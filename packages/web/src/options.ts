/** What is said of a link, and whether it can be. */

import { failure, linkAddress, parseLinkAddress } from '@favonius/inet'
import type { Env, LinkAddress } from '@favonius/contract'

/** What may be said of any link. */
export interface LinkOptions {
  /** Bytes of the largest IP packet, 68 to 65 535; 1500 unless given. All on one link must say the same. */
  readonly mtu?: number
  /** Our link address: `02:00:5e:00:53:01`. Random and locally administered unless given. */
  readonly address?: string | LinkAddress
}

/** What a device is made of. */
export interface Parts {
  readonly address: LinkAddress
  readonly mtu: number
}

/** Throws EINVAL. */
export function partsOf(env: Env, { mtu = 1500, address }: LinkOptions): Parts {
  if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) throw failure('EINVAL', `mtu is ${mtu}; it must be a whole number from 68 to 65535`)
  if (address === undefined) return { mtu, address: randomAddress(env) }
  const made = typeof address === 'string' ? parseLinkAddress(address) : address
  // A group's address has the lowest bit of its first byte set (IEEE 802 §8.2).
  if (made?.length === 6 && (made.hi & 0x0100) === 0) return { mtu, address: made }
  throw failure('EINVAL', `${String(address)} is no address for an interface: six bytes in hex, as in 02:00:5e:00:53:01, and not a group's (an odd first byte)`)
}

/** Locally administered, and not a group's (IEEE 802 §8.4). */
function randomAddress({ random }: Env): LinkAddress {
  return linkAddress(6, ((random.uint32() & 0xfcff) | 0x0200), random.uint32())
}
