/** The least that lets IPv6 over small frames: packets that fit go as they are, behind RFC 4944's dispatch 0x41. */

import type { Adaptation, AdaptationLink, Interface, LinkAddress, NetBuf } from '@favonius/contract'

export const DISPATCH = 0x41

export class Plain implements Adaptation {
  readonly headroom = 1
  /** What it was told: `<from> > <to>` of each packet either way. */
  readonly log: string[] = []
  forgotten = 0

  send(iface: Interface, packet: NetBuf, from: LinkAddress, to: LinkAddress, link: AdaptationLink): boolean {
    this.log.push(`${from} > ${to}`)
    if (packet.total() + 1 > link.room(iface, from, to)) {
      packet.unref()
      return false
    }
    packet.u8[packet.push(1)] = DISPATCH
    return link.send(iface, packet, from, to)
  }

  /** `0x42` is half a packet; with the next one it is whole, in another buffer than either. */
  #half: NetBuf | undefined

  receive(_iface: Interface, payload: NetBuf, from: LinkAddress, to: LinkAddress): NetBuf | undefined {
    this.log.push(`${from} > ${to}`)
    const dispatch = payload.u8[payload.offset]
    payload.pull(1)
    if (dispatch === DISPATCH) return payload
    if (this.#half === undefined) {
      this.#half = payload
      return undefined
    }
    const whole = this.#half.clone()!
    this.#half.unref()
    this.#half = undefined
    whole.write(payload.view())
    payload.unref()
    return whole
  }

  forget(): void {
    this.forgotten++
    this.#half?.unref()
    this.#half = undefined
  }
}
