/** IPv6 over IEEE 802.15.4 as a link layer (RFC 4944): MAC headers on and off, 6LoWPAN in between. */

import type { Adaptation, AdaptationLink, DropReason, Interface, L2, LinkAddress, LinkHeader, NetBuf, Netif } from '@favonius/contract'
import { ConfigError } from '@favonius/kconfig'
import { ETHERTYPE_IPV6, NO_LINK_ADDRESS } from '@favonius/inet'
import {
  addressModes, BROADCAST, dataLength, EVERYONE, FrameHeader, frameTypes, MAX_FRAME, MAX_HEADER, NO_SHORT_ADDRESS, readFrame, writeData,
} from './wire/frame.ts'
import { FCS } from './wire/fcs.ts'
import type { MacDevice } from './mac.ts'

/** What the layers above are told of a frame that carries nothing for them: Linux's ETH_P_IEEE802154. */
export const FRAME = 0x00f6

/** RFC 4944 §4: what IPv6 needs (RFC 8200 §5), and no more. */
const MTU = 1280

/** The MAC of an interface. ConfigError for a device that is none. */
export function macOf({ device, name }: Interface): MacDevice {
  if (device !== undefined && 'nextSequence' in device && 'attributes' in device) return device as MacDevice
  throw new ConfigError(`${name} is over no MAC of IEEE 802.15.4: make it with stack.ieee802154.add(radio), or of a Mac with netif.add(mac)`)
}

/** Every link layer reads into this one: a header is done with before anything else happens. */
const read = /* @__PURE__ */ new FrameHeader()

export class Ieee802154L2 implements L2 {
  readonly name = 'ieee802154'
  readonly medium = 'ieee802154'
  readonly flags = { multicast: true, promiscuous: true, pointToPoint: false }
  readonly mtu = MTU
  readonly #adaptation: Adaptation
  readonly #drops
  /** The station that was heard last: packets of one station come in runs. */
  #sender: LinkAddress = NO_LINK_ADDRESS
  /** A packet that was completed, on its way up. */
  #completed: NetBuf | undefined

  constructor(netif: Netif, adaptation: Adaptation) {
    this.#adaptation = adaptation
    this.#drops = netif.reasons({
      malformed: ['ieee802154: no data frame for us', 'top.processing_error'],
      source: ['ieee802154: without a source, or sent by everyone', 'top.processing_error'],
      empty: ['ieee802154: no payload', 'top.processing_error'],
      address: ['ieee802154: no such link address'],
      headroom: ['ieee802154: no room for its header'],
    })
  }

  headroom(): number {
    return MAX_HEADER + this.#adaptation.headroom
  }

  receive(iface: Interface, frame: NetBuf): boolean {
    if (frame === this.#completed) {
      this.#completed = undefined
      return true
    }
    const header = readFrame(frame.dv, frame.offset, frame.length, read)
    const mac = macOf(iface)
    if ('malformed' in header || !isForUs(header, iface, mac)) {
      if (iface.promiscuous) return passBy(frame, 'malformed' in header ? 0 : header.length)
      return this.#drop(iface, frame, this.#drops.malformed)
    }
    if (header.sourceMode === addressModes.none || (header.sourceMode === addressModes.short && header.sourceLo >= NO_SHORT_ADDRESS)) {
      return this.#drop(iface, frame, this.#drops.source)
    }
    if (header.length === frame.length) return this.#drop(iface, frame, this.#drops.empty)
    const { broadcast } = header
    const from = (this.#sender = isFrom(header, this.#sender) ? this.#sender : header.source)
    const to = broadcast ? EVERYONE : header.destinationMode === addressModes.short ? mac.shortLink! : iface.address
    frame.pull(header.length)
    const packet = this.#adaptation.receive(iface, frame, from, to)
    if (packet === undefined) return false
    packet.protocol = ETHERTYPE_IPV6
    packet.cast = broadcast ? 2 : 0
    // Where the frame's header stood there may be IPv6's now.
    packet.link = packet.offset
    if (packet === frame) return true
    this.#completed = packet
    iface.receive(packet)
    return false
  }

  /** The frame's header as far as it stands there still; of what came, the sender alone is known. */
  parse(frame: NetBuf, at: number): LinkHeader {
    if (frame.protocol === ETHERTYPE_IPV6 && at === frame.offset && frame.link === at) return { sender: this.#sender, protocol: ETHERTYPE_IPV6 }
    const header = readFrame(frame.dv, at, frame.offset + frame.length - at)
    return { sender: 'malformed' in header ? NO_LINK_ADDRESS : header.source, protocol: FRAME }
  }

  send(iface: Interface, packet: NetBuf, to: LinkAddress): boolean {
    if (to.length !== 2 && to.length !== 8) return this.#drop(iface, packet, this.#drops.address)
    return this.#adaptation.send(iface, packet, sourceOf(iface, macOf(iface)), to, this.#link)
  }

  /** How the adaptation sends. */
  readonly #link: AdaptationLink = {
    room: (_iface, from, to) => MAX_FRAME - FCS - dataLength(from, to),
    send: (iface, payload, from, to) => {
      const length = dataLength(from, to)
      if (payload.headroom() < length) return this.#drop(iface, payload, this.#drops.headroom)
      const mac = macOf(iface)
      const { panId, acknowledge } = mac.attributes
      const offset = payload.push(length)
      writeData(payload.dv, offset, panId, mac.nextSequence(), from, to, acknowledge && !isEveryone(to))
      payload.link = offset
      return iface.transmit(payload)
    },
  }

  /** A group has no address of its own: all stations hear it (RFC 4944 §9). */
  multicast(): LinkAddress {
    return EVERYONE
  }

  enable(iface: Interface, up: boolean): void {
    if (!up) this.#adaptation.forget(iface)
  }

  #drop(iface: Interface, frame: NetBuf, reason: DropReason): false {
    iface.drop(frame, reason)
    return false
  }
}

/** Data to us, or to everyone, that we can read. */
function isForUs(header: FrameHeader, { address }: Interface, { attributes, shortLink }: MacDevice): boolean {
  const { type, security, destinationMode, destinationPan, destinationHi, destinationLo } = header
  if (type !== frameTypes.data || security) return false
  if (destinationPan >= 0 && destinationPan !== attributes.panId && destinationPan !== BROADCAST && attributes.panId !== BROADCAST) return false
  if (destinationMode === addressModes.extended) return destinationLo === address.lo && destinationHi === address.hi
  return header.broadcast || (destinationMode === addressModes.short && destinationLo === shortLink?.lo)
}

const isFrom = ({ sourceMode, sourceHi, sourceLo }: FrameHeader, { length, hi, lo }: LinkAddress): boolean =>
  lo === sourceLo && hi === sourceHi && length === (sourceMode === addressModes.short ? 2 : 8)

const isEveryone = ({ length, lo }: LinkAddress): boolean => length === 2 && lo === BROADCAST

/** The short address, once there is one (RFC 4944 §3). */
const sourceOf = ({ address }: Interface, { shortLink }: MacDevice): LinkAddress => shortLink ?? address

/** What is for others goes by whole, for packet sockets and captures to see. */
function passBy(frame: NetBuf, header: number): true {
  frame.protocol = FRAME
  frame.cast = 3
  frame.pull(header)
  return true
}
