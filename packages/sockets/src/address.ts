/** Socket addresses: text and a port outside, numbers inside. */

import type { Address, Interface, Netif } from '@favonius/contract'
import { failure, isMapped, mapped, parseAddress, unmapped } from '@favonius/inet'

/** An address and a port, as people write them: `{ address: 'fe80::1%eth0', port: 4242 }`. */
export interface SocketAddress {
  readonly address: string
  readonly port: number
}

/** The families of BSD sockets: AF_INET and AF_INET6. */
export type AddressFamily = 'inet' | 'inet6'

/** The address that `text` names, a zone by interface name or index. IPv4-mapped IPv6 is IPv4. Throws EINVAL. */
export function toAddress(netif: Netif, text: string): Address {
  const found = typeof text === 'string' ? parseAddress(text, (zone) => netif.find(zone)?.index) : undefined
  if (found !== undefined) return isMapped(found) ? unmapped(found) : found
  const zone = typeof text === 'string' ? /%(.*)$/.exec(text)?.[1] : undefined
  const names = netif.interfaces.map((iface) => iface.name).join(', ')
  throw zone !== undefined && netif.find(zone) === undefined
    ? failure('ENODEV', `${text}: there is no interface ${zone}; there ${names ? `are ${names}` : 'is none'}`)
    : failure('EINVAL', `${JSON.stringify(text)} is no IP address: write 192.0.2.1, 2001:db8::1 or fe80::1%eth0; names need dns()`)
}

/** A port to send to. Throws EINVAL. */
export function toPort(port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw failure('EINVAL', `port ${port}: give a whole number from 1 to 65535`)
}

/** The interface that `name` names. Throws ENODEV. */
export function toInterface(netif: Netif, name: string | number): Interface {
  const iface = netif.find(name)
  if (iface !== undefined) return iface
  throw failure('ENODEV', `there is no interface ${name}; there ${netif.interfaces.length ? `are ${netif.interfaces.map((i) => i.name).join(', ')}` : 'is none'}`)
}

/** An address as text, its zone by interface name; in the mapped form on an `inet6` socket, as POSIX has it. */
export function toText(netif: Netif, address: Address, family?: AddressFamily): string {
  const shown = family === 'inet6' && address.family === 4 ? mapped(address) : address
  const text = shown.toString()
  if (shown.zone === 0) return text
  return `${text.slice(0, text.indexOf('%'))}%${netif.find(shown.zone)?.name ?? shown.zone}`
}
