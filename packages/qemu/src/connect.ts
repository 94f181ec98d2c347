/** The connecting side. */

import { connect, type Socket } from 'node:net'
import { StreamDevice } from './device.ts'
import type { QemuDevice } from './face.ts'
import { QemuError, refusedConnect } from './error.ts'
import { partsOf, placeOf, type Parts, type Place, type QemuOptions, type StreamAddress } from './options.ts'

/** How to connect. */
export interface ConnectOptions extends QemuOptions {
  /**
   * Milliseconds to wait before each attempt to connect again, once a connection is lost or did not come about; the last one
   * is used again and again: `[100, 1000, 5000]`, or one number. Unless given it does not connect again.
   */
  readonly reconnect?: number | readonly number[]
}

/** Bytes that one read may bring. */
const CHUNK = 65_536

/** The other side is not there yet; it may come. */
const ABSENT = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

class ConnectingDevice extends StreamDevice {
  readonly #place: Place
  readonly #delays: readonly number[]
  /** What was read last. One buffer for all reads: no chunk is made for each, as for 'data' events. */
  readonly #chunk = new Uint8Array(new ArrayBuffer(CHUNK))
  #dialing: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  /** Attempts since it was connected. */
  #attempts = 0

  constructor(place: Place, parts: Parts, delays: readonly number[]) {
    super(parts)
    this.#place = place
    this.#delays = delays
  }

  /** Resolves when it is connected; rejects with a QemuError when it cannot be. */
  dial(): Promise<void> {
    return new Promise((resolve, reject) => {
      const callback = (size: number): true => {
        this.received(this.#chunk, size)
        return true
      }
      const socket = connect({ ...this.#place, noDelay: true, onread: { buffer: this.#chunk, callback } })
      this.#dialing = socket
      let failure: unknown
      socket.pause()
      socket.on('error', (error) => { failure = error })
      socket.once('close', () => reject(refusedConnect(failure, this.#place)))
      socket.once('connect', () => {
        this.#dialing = undefined
        this.#attempts = 0
        this.attach(socket)
        resolve()
      })
    })
  }

  override disconnected(): void {
    const delay = this.#delays[Math.min(this.#attempts++, this.#delays.length - 1)]
    if (delay === undefined) return super.disconnected()
    this.#timer = setTimeout(() => {
      this.dial().catch(() => { if (!this.stopped) this.disconnected() })
    }, delay)
  }

  override async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#dialing?.destroy()
    await super.stop()
  }
}

/**
 * Connects to passt, to QEMU (`-netdev stream,server=on`, `-netdev socket,listen=`) or to a `listenQemu()`. Resolves to a
 * device that is connected, for `netif.add`; with `reconnect`, also to one whose peer is not there yet. Removing the
 * interface, or stopping the stack, closes it.
 *
 * Rejects with a QemuError whose `code` and message say what to do: nobody listens, no such socket, no permission.
 *
 * ```ts no-run
 * const eth0 = stack.netif.add(await connectQemu({ path: '/tmp/passt.socket' }), { name: 'eth0' })
 * ```
 */
export async function connectQemu(to: StreamAddress, options: ConnectOptions = {}): Promise<QemuDevice> {
  const { reconnect = [] } = options
  const delays = typeof reconnect === 'number' ? [reconnect] : reconnect
  for (const delay of delays) {
    if (!(delay >= 0 && delay < 2 ** 31)) throw new QemuError('ERR_QEMU_OPTION', `reconnect is ${delay}; it must be milliseconds, 0 to ${2 ** 31 - 1}`)
  }
  const device = new ConnectingDevice(placeOf(to, 1), partsOf(options), delays)
  try {
    await device.dial()
  } catch (error) {
    if (delays.length === 0 || !ABSENT.has((error as QemuError).code)) throw error
    device.disconnected()
  }
  return device
}
