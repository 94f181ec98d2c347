/** A capture of a stack: every frame of its interfaces, and why packets were dropped. */

import type { Clock, Interface, NetBuf, Netif, Tap } from '@favonius/contract'
import { PcapngWriter, type WriteBlock } from './writer.ts'
import { linkTypeOf, linkTypes } from './wire.ts'

/** What is captured. */
export interface CaptureOptions {
  /** Bytes kept of each frame; all unless given. */
  readonly snapLength?: number
  /** Only interfaces for which it is true; all unless given. */
  readonly only?: (iface: Interface) => boolean
}

/** A capture under way. */
export interface Capture {
  /** Writes the frame that is kept back for a comment. */
  flush(): void
  /** Detaches from the stack, and writes what is kept back and the statistics. Harmless when done already. */
  close(): void
}

/** EtherTypes of what link type `raw` may hold. */
const IPV4 = 0x0800
const IPV6 = 0x86dd

/**
 * Writes every frame that the stack's interfaces receive and send to `write` as pcapng, one block at a time.
 *
 * A drop is a comment on its frame: on the frame's own block when it is dropped while it is handled, and on a block of its
 * own when it had been parked or queued before. An outgoing packet that never got a link header appears on a second
 * interface of the same name, with link type `raw`.
 *
 * ```ts
 * const done = capture(stack.netif, env.clock, (block) => blocks.push(block))
 * ```
 */
export function capture(netif: Pick<Netif, 'tap'>, clock: Clock, write: WriteBlock, options: CaptureOptions = {}): Capture {
  const seen = new Recorder(clock, write, options)
  const detach = netif.tap(seen)
  let open = true
  return {
    flush: () => seen.writer.flush(),
    close() {
      if (!open) return
      open = false
      detach()
      seen.writer.close(clock.now())
    },
  }
}

class Recorder implements Tap {
  readonly writer: PcapngWriter
  readonly #clock: Clock
  readonly #only: (iface: Interface) => boolean
  /** Numbers in the file, by the interface's index and the link type. */
  readonly #ids = new Map<number, Map<number, number>>()
  /** The frame whose block is kept back: which buffer, and where it began and how long it was. */
  #packet: NetBuf | undefined
  #offset = 0
  #length = 0

  constructor(clock: Clock, write: WriteBlock, { snapLength = 0, only = () => true }: CaptureOptions) {
    this.#clock = clock
    this.#only = only
    this.writer = new PcapngWriter(write, { epoch: clock.epoch, snapLength })
  }

  frame(iface: Interface, packet: NetBuf, direction: 'in' | 'out'): void {
    if (!this.#only(iface)) return
    this.writer.packet(this.#id(iface, linkTypeOf(iface.medium)), this.#clock.now(), packet, { direction })
    this.#packet = packet
    this.#offset = packet.offset
    this.#length = packet.length
  }

  dropped(iface: Interface, packet: NetBuf, reason: string): void {
    if (!this.#only(iface)) return
    const linkType = linkTypeOf(iface.medium)
    if (this.#isHeld(packet) && this.writer.comment(reason)) {
      this.writer.drop(this.#id(iface, linkType))
      return
    }
    this.#packet = undefined
    // Bare IP: the whole packet where the medium has no link header, and what is left of it where it never got one, or has one no more.
    const ip = packet.protocol === IPV4 || packet.protocol === IPV6
    const bare = linkType === linkTypes.raw || packet.link < 0 || packet.link === packet.network || (ip && packet.link === packet.offset)
    const from = packet.link >= 0 ? packet.link : packet.network >= 0 ? packet.network : packet.offset
    const isIp = packet.network >= 0 || ip
    const id = this.#id(iface, !bare ? linkType : isIp ? linkTypes.raw : linkTypes.user0)
    this.writer.packet(id, this.#clock.now(), packet, { from, comment: reason })
    this.writer.drop(id)
  }

  /** Whether it is the frame seen last. Buffers are used again, so it must also stand where that frame stood. */
  #isHeld(packet: NetBuf): boolean {
    if (packet !== this.#packet) return false
    return packet.link >= 0 ? packet.link === this.#offset : packet.offset === this.#offset && packet.length === this.#length
  }

  #id(iface: Interface, linkType: number): number {
    let ids = this.#ids.get(iface.index)
    if (!ids) this.#ids.set(iface.index, (ids = new Map()))
    let id = ids.get(linkType)
    if (id === undefined) ids.set(linkType, (id = this.writer.addInterface(iface.name, linkType)))
    return id
  }
}
