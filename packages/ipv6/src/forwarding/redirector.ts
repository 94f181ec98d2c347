/** Telling a host of a better first hop. Read RFC 4861 §4.5, §4.6.3 and §8.2 before changing this file. */

import type { Address, Clock, Interface, Ip, NetBuf } from '@favonius/contract'
import { isLinkLocal, IPV6, PROTOCOL_ICMPV6, sameAddress, withZone, writeAddress } from '@favonius/inet'
import { TokenBucket, type Hop } from '@favonius/ip'
import type { Ipv6 } from '../ipv6.ts'
import type { Nd } from '../nd/nd.ts'
import { MINIMUM_MTU } from '../wire/header.ts'
import { icmpTypes } from '../wire/icmp.ts'
import { REDIRECT } from '../wire/nd.ts'
import { linkOptionSize, ND_HOP_LIMIT, ndOptionTypes, writeLinkOption } from '../wire/ndoption.ts'

/** Bytes before the packet in a Redirected Header option (RFC 4861 §4.6.3). */
const REDIRECTED = 8

/** What a redirector stands on. */
export interface RedirectorParts {
  readonly ipv6: Ipv6
  readonly ip: Ip
  readonly nd: Nd
}

/** Sends redirects, no more of them than errors (RFC 4443 §2.4 f). */
export class Redirector {
  readonly #ipv6: Ipv6
  readonly #ip: Ip
  readonly #nd: Nd
  readonly #bucket: TokenBucket

  constructor(clock: Clock, { ipv6, ip, nd }: RedirectorParts) {
    this.#ipv6 = ipv6
    this.#ip = ip
    this.#nd = nd
    this.#bucket = new TokenBucket(clock, ipv6.settings.icmpErrorRate, ipv6.settings.icmpErrorBurst)
  }

  /** Borrows a packet that is about to leave by the link on which it came, IPv6 header first; its sender is told when it is on that link too. */
  consider(packet: NetBuf, source: Address, destination: Address, { iface, address }: Hop): void {
    if (!isLinkLocal(source) && !this.#isOnLink(source, iface)) return
    // A host knows a router by its link-local address, and takes no other target (RFC 4861 §8.1).
    if (!isLinkLocal(address) && !sameAddress(address, destination)) return
    const ours = iface.addresses.find((entry) => entry.state === 'preferred' && isLinkLocal(entry.address) && entry.address.family === 6)
    if (ours === undefined || !this.#bucket.take()) return
    this.#send(packet, iface, ours.address, isLinkLocal(source) ? withZone(source, iface.index) : source, address, destination)
  }

  #isOnLink(address: Address, iface: Interface): boolean {
    const route = this.#ip.lookup(address, iface)
    return route !== undefined && route.gateway === undefined
  }

  #send(packet: NetBuf, iface: Interface, from: Address, to: Address, target: Address, destination: Address): void {
    const link = this.#nd.find(iface, target)?.link
    const linkSize = link ? linkOptionSize(link) : 0
    const room = MINIMUM_MTU - IPV6.size - REDIRECT.size - linkSize - REDIRECTED
    // Options are multiples of 8 bytes long.
    const quoted = Math.min(packet.total(), room) & ~7
    const route = this.#ipv6.direct({ iface, source: from, destination: to, protocol: PROTOCOL_ICMPV6, hopLimit: ND_HOP_LIMIT })
    const message = this.#ipv6.message(route, icmpTypes.redirect, 0, REDIRECT.size + linkSize + REDIRECTED + quoted)
    if (message === undefined) return
    const { dv, u8, offset } = message
    writeAddress(target, dv, offset + REDIRECT.target)
    writeAddress(destination, dv, offset + REDIRECT.destination)
    if (link) writeLinkOption(dv, offset + REDIRECT.options, ndOptionTypes.targetLink, link)
    const at = offset + REDIRECT.options + linkSize
    dv.setUint8(at, ndOptionTypes.redirected)
    dv.setUint8(at + 1, (REDIRECTED + quoted) / 8)
    packet.copyTo(u8.subarray(at + REDIRECTED, at + REDIRECTED + quoted))
    this.#ipv6.sendMessage(message, route)
  }
}
