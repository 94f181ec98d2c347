/** The listening side. */

import { createServer, type AddressInfo } from 'node:net'
import { StreamDevice } from './device.ts'
import type { QemuDevice } from './face.ts'
import { refusedListen } from './error.ts'
import { partsOf, placeOf, type QemuOptions, type StreamAddress } from './options.ts'

/** What listens. */
export interface QemuListener {
  /** Where, in full, with the port that was found free: `connectQemu` takes it. */
  readonly address: StreamAddress
  /** Ends it, and stops the devices it has handed out. */
  close(): Promise<void>
}

/**
 * Listens for QEMU (`-netdev stream,server=off`, `-netdev socket,connect=`) or for a `connectQemu()`. Whoever connects
 * gets a device of its own, which `onDevice` is called with, and which is of no use any more when that connection ends.
 *
 * Anyone who may connect may send what frames they like: a unix socket is as open as its folder.
 *
 * Rejects with a QemuError whose `code` and message say what to do: in use, no permission.
 *
 * ```ts no-run
 * const listener = await listenQemu({ path: '/tmp/guests.socket' }, (device) => {
 *   const guest = stack.netif.add(device)
 *   void device.closed.then(() => stack.netif.remove(guest))
 * })
 * ```
 */
export async function listenQemu(on: StreamAddress, onDevice: (device: QemuDevice) => void, options: QemuOptions = {}): Promise<QemuListener> {
  const place = placeOf(on, 0)
  partsOf(options)
  const devices = new Set<QemuDevice>()
  const server = createServer({ noDelay: true }, (socket) => {
    const device = new StreamDevice(partsOf(options))
    devices.add(device)
    void device.closed.then(() => devices.delete(device))
    // 'close' follows, and says it all.
    socket.on('error', () => {})
    socket.pause()
    // A view of a plain kind: parts of a Buffer take longer to make.
    socket.on('data', (chunk: Buffer) => device.received(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), chunk.length))
    device.attach(socket)
    onDevice(device)
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', (error) => reject(refusedListen(error, place)))
    server.listen(place, resolve)
  })
  return {
    address: 'path' in place ? place : { host: place.host, port: (server.address() as AddressInfo).port },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const device of devices) await device.stop()
      await closed
    },
  }
}
