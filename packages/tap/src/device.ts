/** The driver: frames between a descriptor and a stack. */

import { closeSync } from 'node:fs'
import type { BufferSource, Device, DeviceSink, LinkAddress, Medium, NetBuf, Offload } from '@favonius/contract'
import type { HostInterface } from './interface.ts'
import { errors, type Kernel } from './kernel.ts'
import { watchByPipe, watchByPoll, type Stop, type Watcher } from './wakeup.ts'
import { HEADER, readHeader, writeHeader } from './wire.ts'

/** A TUN or TAP device. */
export interface TapDevice extends Device {
  readonly medium: 'ethernet' | 'ip'
  /** The interface's name in the kernel: `fav0`. */
  readonly name: string
}

/** The most frames that one turn of the event loop takes. */
const BATCH = 256
/**
 * The longest that one turn takes frames, in milliseconds; looked at after every few. Where frames are worked on as they come it ends the
 * turn. Where they are only sorted (traffic classes) `BATCH` does, and so many are more than come meanwhile: then what waits in the
 * kernel, in whatever order, is little.
 */
const SLICE = 1
const FEW = 8
/** Headroom of a received frame: for the kernel's header, and for a link header when it is forwarded. */
const HEADROOM = 32
/** Bytes of an Ethernet header with a VLAN tag. */
const LINK_HEADER = 18
/** The largest IP packet, and so the largest segment that the kernel gives or takes. */
const LARGEST = 65_535
/** How often the host's side is looked at, in milliseconds. */
const CARRIER_INTERVAL = 250
/** When to try again after the kernel had no room, in milliseconds. */
const RETRY = 1

/** What the driver is made of. */
export interface Parts {
  readonly kernel: Kernel
  readonly host: HostInterface
  readonly medium: 'ethernet' | 'ip'
  readonly address: LinkAddress
  readonly mtu: number
  readonly offload: boolean
  /** Wait by `poll(2)` though there is a faster way. */
  readonly poll: boolean
}

export class TapDriver implements TapDevice, Watcher {
  readonly name: string
  readonly medium: Medium & ('ethernet' | 'ip')
  readonly address: LinkAddress
  readonly mtu: number
  readonly offload: Offload
  readonly #kernel: Kernel
  readonly #host: HostInterface
  readonly #poll: boolean
  /** Bytes of the kernel's header before each frame. */
  readonly #header: number
  /** Bytes of the longest frame, and of the longest that is no large segment. */
  readonly #most: number
  readonly #usual: number
  /** Where a frame goes that has no slot of its own: the one that comes with a wake-up, one that is in fragments, one to throw away. */
  readonly #scratch: Uint8Array<ArrayBuffer>
  readonly #scratchView: DataView
  /** −1 when frames can neither be read nor written any more. */
  #fd: number
  #stopped = false
  #sink: DeviceSink | undefined
  #buffers: BufferSource | undefined
  #stopWatching: Stop | undefined
  #carrier = false
  #carrierTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  /** Addresses of the chunks seen so far, and the last one again. */
  readonly #addresses = new WeakMap<Uint8Array, number>()
  #lastChunk: Uint8Array | undefined
  /** Where the next frame is read to, while frames are read. */
  #landing: NetBuf | undefined
  #lastAddress = 0

  constructor({ kernel, host, medium, address, mtu, offload, poll }: Parts) {
    this.#kernel = kernel
    this.#host = host
    this.#fd = host.fd
    this.#poll = poll
    this.#header = offload ? HEADER : 0
    this.#most = (offload ? LARGEST : mtu) + (medium === 'ethernet' ? LINK_HEADER : 0)
    this.name = host.name
    this.medium = medium
    this.address = address
    this.mtu = mtu
    this.#usual = mtu + (medium === 'ethernet' ? LINK_HEADER : 0)
    this.offload = { transmitChecksum: offload, receiveChecksum: offload, segmentation: offload ? LARGEST : 0 }
    // One byte more than the longest frame, so that a longer one shows itself.
    this.#scratch = new Uint8Array(new ArrayBuffer(this.#header + this.#most + 1))
    this.#scratchView = new DataView(this.#scratch.buffer)
  }

  start(sink: DeviceSink, buffers: BufferSource): void {
    if (this.#sink) throw new Error(`${this.name} is started already: a device serves one interface`)
    if (this.#stopped) throw new Error(`${this.name} is stopped: open it again with openTap()`)
    this.#sink = sink
    this.#buffers = buffers
    this.#stopWatching = (this.#poll ? undefined : watchByPipe(this.#fd, this.#scratch, this)) ?? watchByPoll(this.#kernel, this.#fd, this)
    this.#carrier = this.#host.up
    sink.carrier(this.#carrier)
    this.#carrierTimer = setInterval(() => this.#setCarrier(this.#host.up), CARRIER_INTERVAL).unref()
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#fd = -1
    clearInterval(this.#carrierTimer)
    clearTimeout(this.#retryTimer)
    this.#host.close()
    if (this.#stopWatching) await this.#stopWatching()
    else closeSync(this.#host.fd)
  }

  readable(size: number): void {
    if (this.#fd < 0) return
    if (size >= 0) this.#received(size)
    const end = performance.now() + SLICE
    for (let n = 1; n <= BATCH && this.#fd >= 0; n++) {
      if (!this.#read() || (n % FEW === 0 && performance.now() > end)) break
    }
    this.#landing?.unref()
    this.#landing = undefined
  }

  /** The interface was deleted. It will not come back: what is left is to be stopped. */
  gone(): void {
    if (this.#fd < 0) return
    this.#fd = -1
    clearInterval(this.#carrierTimer)
    this.#setCarrier(false)
  }

  /** A frame that was read into the scratch with the wake-up. */
  #received(size: number): void {
    const length = size - this.#header
    const frame = length > this.#most ? undefined : this.#buffers!.alloc(length, HEADROOM)
    if (frame === undefined) return this.#sink!.lost(length > this.#most ? 'too long' : 'no buffer')
    const at = frame.add(length)
    frame.u8.set(this.#scratch.subarray(this.#header, size), at)
    if (this.#header) readHeader(this.#scratchView, 0, frame)
    this.#deliver(frame, length)
  }

  /** Only a large segment may be longer than the MTU. */
  #deliver(frame: NetBuf, length: number): void {
    if (length <= this.#usual || frame.segmentSize > 0) return this.#sink!.frame(frame)
    frame.unref()
    this.#sink!.lost('too long')
  }

  /** Reads one frame, straight into a slot that holds the longest; one that is much shorter moves to a slot of its size. False when there is none. */
  #read(): boolean {
    const header = this.#header
    const landing = (this.#landing ??= this.#buffers!.alloc(this.#most + 1, HEADROOM))
    const size = landing === undefined
      ? this.#kernel.read(this.#fd, this.#addressOf(this.#scratch), this.#scratch.length)
      : this.#kernel.read(this.#fd, this.#addressOf(landing.u8) + landing.offset - header, header + this.#most + 1)
    if (size <= header) return size >= 0 || this.#kernel.errno() === errors.EINTR
    const length = size - header
    const moves = this.#most > this.#usual && length <= this.#usual
    const frame = moves && landing !== undefined ? this.#buffers!.alloc(length, HEADROOM) : landing
    if (frame === undefined || length > this.#most) {
      this.#sink!.lost(frame === undefined ? 'no buffer' : 'too long')
      return true
    }
    const at = frame.add(length)
    if (moves) {
      if (frame.u8 === landing!.u8) frame.u8.copyWithin(at, landing!.offset, landing!.offset + length)
      else frame.u8.set(landing!.u8.subarray(landing!.offset, landing!.offset + length), at)
    } else this.#landing = undefined
    if (header) readHeader(landing!.dv, landing!.offset - header, frame)
    this.#deliver(frame, length)
    return true
  }

  transmit(frame: NetBuf): boolean {
    if (this.#fd < 0) return this.#lose(frame, 'no device')
    const result = frame.next === undefined && frame.headroom() >= this.#header ? this.#write(frame) : this.#gather(frame)
    if (result < 0) {
      const errno = this.#kernel.errno()
      if (errno === errors.EAGAIN) {
        this.#retryTimer ??= setTimeout(() => {
          this.#retryTimer = undefined
          this.#sink?.ready()
        }, RETRY)
        return false
      }
      if (errno !== errors.EIO) return this.#lose(frame, errno === errors.EINVAL ? 'refused by the kernel' : 'kernel error')
      this.#setCarrier(false)
      return this.#lose(frame, 'host side down')
    }
    frame.unref()
    return true
  }

  /** Writes a frame from where it is, with the kernel's header in its headroom. Negative: `errno` says why. */
  #write(frame: NetBuf): number {
    const { offset } = frame
    const start = offset - this.#header
    if (this.#header) writeHeader(frame.dv, start, frame, offset)
    return this.#kernel.write(this.#fd, this.#addressOf(frame.u8) + start, this.#header + frame.length)
  }

  /** The same for a frame that has fragments, or no headroom: by way of a copy. */
  #gather(frame: NetBuf): number {
    const size = this.#header + frame.total()
    const whole = size <= this.#scratch.length ? this.#scratch : new Uint8Array(new ArrayBuffer(size))
    if (this.#header) writeHeader(whole === this.#scratch ? this.#scratchView : new DataView(whole.buffer), 0, frame, frame.offset)
    frame.copyTo(whole.subarray(this.#header))
    return this.#kernel.write(this.#fd, this.#addressOf(whole), size)
  }

  #lose(frame: NetBuf, reason: string): true {
    frame.unref()
    this.#sink?.lost(reason)
    return true
  }

  #setCarrier(up: boolean): void {
    if (up === this.#carrier) return
    this.#carrier = up
    this.#sink?.carrier(up)
  }

  #addressOf(u8: Uint8Array): number {
    if (u8 === this.#lastChunk) return this.#lastAddress
    let address = this.#addresses.get(u8)
    if (address === undefined) this.#addresses.set(u8, (address = this.#kernel.addressOf(u8)))
    this.#lastChunk = u8
    this.#lastAddress = address
    return address
  }
}
