/** A device in front of a device, which loses what it is told to: the same faults on a simulated wire and on a real one. */

import type { BufferSource, Device, DeviceSink, Env, NetBuf } from '@favonius/contract'

/** What goes wrong. */
export interface Faults {
  /** The share of frames that are lost in each direction, 0 … 1. */
  readonly loss: number
}

/** `device` with faults. What is lost on the way in is counted as `device: lost on purpose`. */
export function faulty(device: Device, env: Env, { loss }: Faults): Device {
  if (!(loss >= 0 && loss <= 1)) throw new RangeError(`loss is ${loss}; it must be a share from 0 to 1`)
  const below = loss * 2 ** 32
  const lost = (): boolean => below > 0 && env.random.uint32() < below
  /** The frame that was not lost, but refused: it will be tried again, and not put at risk again. */
  let spared: NetBuf | undefined
  return {
    medium: device.medium,
    address: device.address,
    mtu: device.mtu,
    offload: device.offload,
    transmit(frame: NetBuf): boolean {
      if (frame !== spared && lost()) {
        frame.unref()
        return true
      }
      const taken = device.transmit(frame)
      spared = taken ? undefined : frame
      return taken
    },
    start(sink: DeviceSink, buffers: BufferSource): void | Promise<void> {
      return device.start({
        frame(frame) {
          if (!lost()) return sink.frame(frame)
          sink.lost('lost on purpose')
          frame.unref()
        },
        ready: () => sink.ready(),
        carrier: (up) => sink.carrier(up),
        lost: (reason) => sink.lost(reason),
        sent: (to, attempts, ok) => sink.sent?.(to, attempts, ok),
      }, buffers)
    },
    stop: () => device.stop(),
  }
}
