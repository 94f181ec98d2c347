/** Socket addresses: text and a port outside, numbers inside. */

import type { Address, Interface, Ip, Netif } from '@favonius/contract'
import { ANY4, ANY6, checkPort, failure, isMapped, isUnspecified, mapped, parseAddress, unmapped } from '@favonius/inet'

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
    : failure('EINVAL', `${JSON.stringify(text)} is no IP address: write 192.0.2.1, 2001:db8::1 or fe80::1%eth0; names are for connect with names(), and getaddrinfo`)
}

/** Throws EAFNOSUPPORT for a family that there is not, or not in this composition. */
export function checkFamily(ip: Ip, family: AddressFamily): void {
  if (family !== 'inet' && family !== 'inet6') throw failure('EAFNOSUPPORT', `${JSON.stringify(family)} is no address family: 'inet' or 'inet6'`)
  const version = family === 'inet' ? 4 : 6
  if (ip.layer(version) === undefined) throw failure('EAFNOSUPPORT', `'${family}' sockets need ipv${version}() in the composition`)
}

/** The unspecified address of a family: «any». */
export function anyOf(family: AddressFamily): Address {
  return family === 'inet6' ? ANY6 : ANY4
}

/** The address that `text` names, for a socket of this family. Throws EAFNOSUPPORT, EINVAL. */
export function toAddressOf(netif: Netif, text: string, family: AddressFamily, v6only: boolean): Address {
  const address = toAddress(netif, text)
  if (address.family === 6 && family === 'inet') throw failure('EAFNOSUPPORT', `${text} is an IPv6 address, and this socket is 'inet': make an 'inet6' one`)
  if (address.family === 4 && family === 'inet6' && v6only) throw failure('EAFNOSUPPORT', `${text} is an IPv4 address, and this socket has IPV6_V6ONLY`)
  // 0.0.0.0 on a dual-stack socket is «any» all the same.
  return isUnspecified(address) ? anyOf(family) : address
}

/** A port to send to. Throws EINVAL. */
export function toPort(port: number): number {
  checkPort(port, 1)
  return port
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
