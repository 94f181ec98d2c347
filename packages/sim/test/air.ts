/** MACs on an air, and what each of them heard and when. */

import type { BufferPool, DeviceSink, LinkAddress } from '@favonius/contract'
import { virtual, type VirtualEnv } from '@favonius/clock'
import { Mac, type MacSettings } from '@favonius/ieee802154'
import { EVERYONE, readFrame, writeFrame } from '@favonius/ieee802154/wire'
import { Arena } from '@favonius/netbuf'
import { Air, type AirLoss, type AirOptions, type AirRadio, type Place } from '../src/index.ts'

export const PAN = 0xabcd
/** Milliseconds: turning round, a byte, and a frame of `payload` bytes between two EUI-64s, with all that is before and behind it. */
export const TURNAROUND = 0.192
export const BYTE = 0.032
export const airtime = (payload: number): number => (6 + 21 + payload + 2) * BYTE

export interface Node {
  readonly radio: AirRadio
  readonly mac: Mac
  readonly buffers: BufferPool
  /** The payload of each frame. */
  readonly heard: string[]
  readonly lost: string[]
  /** `<attempts> <ok>` of each frame that was acknowledged, or was to be. */
  readonly sent: string[]
  carriers: boolean[]
}

/** A MAC at each place. */
export function onAir(places: readonly Place[], options: AirOptions = {}, settings: Partial<MacSettings> = {}, seed = 3) {
  const env: VirtualEnv = virtual({ seed })
  const air = new Air(env, options)
  const arena = new Arena({ chunkSize: 1 << 20 })
  const losses: string[] = []
  air.trace((loss: AirLoss) => void losses.push(tell(loss)))
  const nodes = places.map((at): Node => {
    const radio = air.radio({ at })
    const node: Node = { radio, mac: new Mac(env, radio, settings), buffers: arena.pool({ debug: true }), heard: [], lost: [], sent: [], carriers: [] }
    const sink: DeviceSink = {
      frame(frame) {
        const header = readFrame(frame.dv, frame.offset, frame.length)
        if ('malformed' in header) throw new Error(header.malformed)
        frame.pull(header.length)
        node.heard.push(new TextDecoder().decode(frame.view()))
        frame.unref()
      },
      ready() {},
      carrier: (up) => void node.carriers.push(up),
      lost: (reason) => void node.lost.push(reason),
      sent: (_to, attempts, ok) => void node.sent.push(`${attempts} ${ok}`),
    }
    void node.mac.start(sink, node.buffers)
    return node
  })
  /** Sends a payload to a node, or to all. */
  const send = (from: number, to: number | 'all', text: string, acknowledge = true): void => {
    const { mac, buffers } = nodes[from]!
    const destination: LinkAddress = to === 'all' ? EVERYONE : nodes[to]!.mac.address
    const frame = buffers.alloc(text.length, 40)!
    frame.write(new TextEncoder().encode(text))
    const header = new Uint8Array(40)
    const length = writeFrame({
      type: 1, sequence: mac.nextSequence(), acknowledge: acknowledge && to !== 'all', destinationPan: PAN, destination, source: mac.address,
    }, new DataView(header.buffer), 0)
    frame.u8.set(header.subarray(0, length), frame.push(length))
    if (!mac.transmit(frame)) frame.unref()
  }
  const settle = (): void => { while (env.step()); }
  const end = (): void => {
    for (const { mac } of nodes) void mac.stop()
    air.stop()
    for (const { buffers } of nodes) if (buffers.live > 0) throw new Error(`not given back: ${buffers.owners().join('; ')}`)
    if (env.armed > 0) throw new Error('a timer is still armed')
  }
  return { env, air, nodes, losses, send, settle, end }
}

/** `2 > 0: collision (1)`. */
export const tell = ({ from, to, why, by }: AirLoss): string => `${from.number} > ${to?.number ?? '?'}: ${why}${by === undefined ? '' : ` (${by.number})`}`
