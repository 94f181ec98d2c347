/** Ports with pools of their own, and what each of them heard and when. */

import type { BufferPool, Device, DeviceSink, NetBuf } from '@favonius/contract'
import { virtual, type VirtualEnv } from '@favonius/clock'
import { Arena } from '@favonius/netbuf'
import { EthernetSegment, type SegmentDevice, type SegmentOptions } from '../src/index.ts'

/** A device that is listened to. */
export interface Ear<D extends Device = SegmentDevice> {
  readonly device: D
  readonly buffers: BufferPool
  /** The text of each frame, in order. */
  readonly heard: string[]
  /** `<instant> <text>`. */
  readonly times: string[]
  readonly lost: string[]
  /** How often it was told that it may go on; and what it does then. */
  readies: number
  onReady: () => void
}

/** What may be anywhere on a segment: one arena, so that frames pass by reference. */
export const arena = new Arena({ chunkSize: 1 << 20 })

/** Starts a device, and writes down what it hears. */
export function ear<D extends Device>(env: VirtualEnv, device: D): Ear<D> {
  const made: Ear<D> = { device, buffers: arena.pool({ debug: true }), heard: [], times: [], lost: [], readies: 0, onReady() {} }
  const sink: DeviceSink = {
    frame(frame) {
      const text = new TextDecoder().decode(frame.view().subarray(14)).replaceAll('\0', '')
      made.heard.push(text)
      made.times.push(`${env.clock.now()} ${text}`)
      frame.unref()
    },
    ready() {
      made.readies++
      made.onReady()
    },
    carrier() {},
    lost: (reason) => void made.lost.push(reason),
  }
  void device.start(sink, made.buffers)
  return made
}

/** A frame of `size` bytes, or as short as it can be. `to` is the number of a device; a group when it is −1. */
export function frameTo({ buffers, device }: Ear<Device>, to: number, text: string, size = 14 + text.length): NetBuf {
  const made = buffers.alloc(size, 16)!
  const at = made.add(14)
  made.dv.setUint16(at, to < 0 ? 0x0300 : 0x0200)
  made.dv.setInt32(at + 2, to)
  made.dv.setUint16(at + 6, device.address.hi)
  made.dv.setInt32(at + 8, device.address.lo)
  made.dv.setUint16(at + 12, 0x88b5)
  const bytes = new Uint8Array(size - 14)
  bytes.set(new TextEncoder().encode(text))
  made.write(bytes)
  return made
}

/** `count` devices on a segment; their numbers are 1 and following. */
export function wired(count: number, options: SegmentOptions = {}, seed = 3) {
  const env = virtual({ seed })
  const wire = new EthernetSegment(env, options)
  const ports = Array.from({ length: count }, () => ear(env, wire.device()))
  return { env, wire, ports, frame: frameTo }
}

/** Lets all that is under way arrive. */
export const settle = (env: VirtualEnv): void => {
  while (env.step());
}
