/** A layer with an interface that leads nowhere: what it sends is kept, and frames' payloads are given to it by hand. */

import type { AdaptationLink, L2, LinkAddress, NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { ETHERTYPE_IPV6, eui48, eui64, linkAddress, NO_LINK_ADDRESS } from '@favonius/inet'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sixlowpan } from '@favonius/sixlowpan'
import { compose } from '@favonius/stack'
import * as assert from 'uvu/assert'

export type Bytes = Uint8Array<ArrayBuffer>

export const hex = (text: string): Bytes => Uint8Array.from(text.replace(/[^0-9a-f]/gi, '').match(/../g) ?? [], (digits) => parseInt(digits, 16))
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Two stations, by the length of their addresses. */
export const stations: Readonly<Record<2 | 6 | 8, readonly [LinkAddress, LinkAddress]>> = {
  2: [linkAddress(2, 0, 0x0001), linkAddress(2, 0, 0xbeef)],
  6: [eui48('00:00:5e:00:53:01'), eui48('c0:00:5e:00:53:02')],
  8: [eui64('02:00:5e:ff:fe:00:53:01'), eui64('00:12:4b:00:14:b5:d9:8c')],
}
export const [A, B] = stations[8]

const nowhere: L2 = {
  name: 'nowhere', medium: 'ieee802154', flags: { multicast: true, promiscuous: false, pointToPoint: false },
  headroom: () => 24, receive: () => false, send: () => false, multicast: () => NO_LINK_ADDRESS, enable() {},
}

interface Settings {
  readonly sixlowpan?: Parameters<typeof sixlowpan>[0]
  readonly quota?: number
  /** Bytes before the data of what is received, and after them. */
  readonly headroom?: number
  readonly tailroom?: number
  /** Of these, the link header's. */
  readonly link?: number
}

export function world({ sixlowpan: settings, quota = 16 << 20, headroom = 64, tailroom = 0, link = 11 }: Settings = {}) {
  const env = virtual({ seed: 6 })
  const stack = compose(env, netbufIn(new Arena({ limit: 32 << 20 }), { debug: true, quota }), sixlowpan(settings))
  const { iface } = stack.netif.addVirtual({ name: 'wpan0', l2: nowhere, address: B, mtu: 1280 })
  const layer = stack.sixlowpan

  const packetOf = (bytes: Uint8Array, before: number, after = 0): NetBuf => {
    const packet = stack.netbuf.alloc(bytes.length + after, before)!
    packet.write(bytes)
    return packet
  }
  const bytesOf = (packet: NetBuf): Bytes => {
    const bytes = new Uint8Array(packet.total())
    packet.copyTo(bytes)
    return bytes
  }

  return {
    env, stack, iface, layer, packetOf, bytesOf,
    /** What goes out for an IPv6 packet: one payload, or several. Empty when it was dropped. */
    send(bytes: Uint8Array, { from = A, to = B, room = 2047, prepare }: {
      readonly from?: LinkAddress; readonly to?: LinkAddress; readonly room?: number; readonly prepare?: (packet: NetBuf) => void
    } = {}): Bytes[] {
      const sent: Bytes[] = []
      const out: AdaptationLink = {
        room: () => room,
        send(_iface, payload) {
          assert.ok(payload.total() <= room, `${payload.total()} bytes do not fit into ${room}`)
          assert.ok(payload.headroom() >= 24, 'the link header has no room')
          sent.push(bytesOf(payload))
          payload.unref()
          return true
        },
      }
      const packet = packetOf(bytes, 24 + layer.headroom)
      packet.protocol = ETHERTYPE_IPV6
      prepare?.(packet)
      assert.is(layer.send(iface, packet, from, to, out), sent.length > 0)
      return sent
    },
    /** The packet that comes of a payload, if one does. */
    receive(bytes: Uint8Array, { from = A, to = B }: { readonly from?: LinkAddress; readonly to?: LinkAddress } = {}): Bytes | undefined {
      const header = Uint8Array.from({ length: link }, (_, i) => 0xa0 + i)
      const frame = packetOf(Uint8Array.from([...header, ...bytes]), headroom, tailroom)
      frame.link = frame.offset
      frame.pull(link)
      const packet = layer.receive(iface, frame, from, to)
      if (packet === undefined) return undefined
      assert.is(packet.protocol, ETHERTYPE_IPV6)
      assert.is(packet.iface, iface)
      // The link header of the frame, or of the first fragment that came, is still there.
      assert.is(textOf(packet.u8.subarray(packet.link, packet.link + link)), textOf(header))
      assert.ok(packet.link + link <= packet.offset)
      const made = bytesOf(packet)
      packet.unref()
      return made
    },
    /** What was dropped, and how often, without the layer's name. */
    drops: (): Record<string, number> => Object.fromEntries(Object.entries(stack.netif.statistics().drops).map(([text, n]) => [text.replace(/^\w+: /, ''), n])),
    counters: () => stack.netif.statistics().counters['sixlowpan']!,
    async end(): Promise<void> {
      await stack.stop()
      assert.is(stack.netbuf.live, 0, `buffers are left: ${stack.netbuf.owners().join('; ')}`)
      assert.is(env.armed, 0, 'timers are left')
    },
  }
}
