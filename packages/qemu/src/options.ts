/** What is said of a link, and whether it can be. */

import { linkAddress, parseLinkAddress } from '@favonius/inet'
import type { LinkAddress } from '@favonius/contract'
import { QemuError } from './error.ts'

/** Where the two sides meet: a unix socket by its path, or a TCP port; `host` is 127.0.0.1 unless given. */
export type StreamAddress = { readonly path: string } | { readonly host?: string; readonly port: number }

/** The same, checked and in full. */
export type Place = { readonly path: string } | { readonly host: string; readonly port: number }

/** What both sides may say of their device. */
export interface QemuOptions {
  /** Bytes of the largest IP packet, 68 to 65 535; 1500 unless given. passt sends packets of up to 65 520. */
  readonly mtu?: number
  /** Our link address: `02:00:5e:00:53:01`. Random and locally administered unless given. */
  readonly address?: string | LinkAddress
}

/** The longest path of a unix socket in bytes, by Linux's `struct sockaddr_un`. */
const LONGEST_PATH = 107

const wrong = (message: string): QemuError => new QemuError('ERR_QEMU_OPTION', message)

/** @throws QemuError */
export function placeOf(at: StreamAddress, leastPort: 0 | 1): Place {
  if ('path' in at) {
    // Node 20 would cut a longer one short, and go somewhere else.
    const bytes = new TextEncoder().encode(at.path).length
    if (bytes > 0 && bytes <= LONGEST_PATH) return { path: at.path }
    throw wrong(`the path ${JSON.stringify(at.path)} has ${bytes} bytes; that of a unix socket has 1 to ${LONGEST_PATH}`)
  }
  const { host = '127.0.0.1', port } = at
  if (Number.isInteger(port) && port >= leastPort && port <= 65_535) return { host, port }
  throw wrong(`port ${port}: give a whole number from ${leastPort} to 65535, or a \`path\``)
}

/** What a device is made of. */
export interface Parts {
  readonly address: LinkAddress
  readonly mtu: number
}

/** @throws QemuError */
export function partsOf({ mtu = 1500, address }: QemuOptions): Parts {
  if (!(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535)) throw wrong(`mtu is ${mtu}; it must be a whole number from 68 to 65535`)
  if (address === undefined) return { mtu, address: randomAddress() }
  const made = typeof address === 'string' ? parseLinkAddress(address) : address
  // A group's address has the lowest bit of its first byte set (IEEE 802 §8.2).
  if (made?.length === 6 && (made.hi & 0x0100) === 0) return { mtu, address: made }
  throw wrong(`${String(address)} is no address for an interface: six bytes in hex, as in 02:00:5e:00:53:01, and not a group's (an odd first byte)`)
}

/** Locally administered, and not a group's (IEEE 802 §8.4). */
function randomAddress(): LinkAddress {
  const [hi, lo] = crypto.getRandomValues(new Uint32Array(2))
  return linkAddress(6, (hi! & 0xfcff) | 0x0200, lo!)
}
