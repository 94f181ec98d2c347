import { Arena } from '@favonius/netbuf'
import { deviceConformance, type DeviceWorld } from '@favonius/testing'
import { connectQemu, listenQemu, type QemuDevice, type QemuOptions, type StreamAddress } from '../src/index.ts'
import { freshPath, pause, relay, until } from './places.ts'

const common = {
  byReference: false,
  refuses: true,
  until,
  settle: () => pause(40),
  run: (body: () => Promise<void>) => body(),
}
const buffers = () => new Arena({ chunkSize: 4 << 20 }).pool({ debug: true })

/** A device that listens, and one that connects to it. */
const pair = (at: () => StreamAddress, swap: boolean, options?: QemuOptions) => async (): Promise<DeviceWorld> => {
  let accept!: (device: QemuDevice) => void
  const accepted = new Promise<QemuDevice>((resolve) => { accept = resolve })
  const { address, close } = await listenQemu(at(), accept, options)
  const connecting = await connectQemu(address, options)
  const listening = await accepted
  const [device, other] = swap ? [listening, connecting] : [connecting, listening]
  return { ...common, device, other, buffers: buffers(), stop: close }
}

deviceConformance('a unix socket, from who connects', pair(() => ({ path: freshPath() }), false))
deviceConformance('a unix socket, from who listens', pair(() => ({ path: freshPath() }), true))
deviceConformance('TCP', pair(() => ({ port: 0 }), false))
deviceConformance('a unix socket, with large frames', pair(() => ({ path: freshPath() }), false, { mtu: 30_000 }))
deviceConformance('two that connect, and again', async () => {
  const hub = await relay()
  const device = await connectQemu(hub.at, { reconnect: [1, 5] })
  const other = await connectQemu(hub.at, { reconnect: 5 })
  return { ...common, device, other, buffers: buffers(), plug: hub.plug, stop: hub.close }
})
