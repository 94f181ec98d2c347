/** What a driver is. */

import type { LinkAddress } from './address.ts'
import type { NetBuf } from './netbuf.ts'

/** The technology a device speaks; an L2 registers for it. `ip` is bare IP packets, as on a TUN. */
export type Medium = 'ethernet' | 'ieee802154' | 'bluetooth' | 'ip' | 'loopback' | 'can' | (string & {})

/** What the device does, so that software need not. */
export interface Offload {
  /** Takes partial checksums (`NetBuf.checksum` 1) and finishes them. */
  readonly transmitChecksum: boolean
  /** Marks what it verified (`NetBuf.checksum` 2), or hands on partial checksums. */
  readonly receiveChecksum: boolean
  /** Largest segment it splits itself, in bytes of IP packet; 0 when it splits none. */
  readonly segmentation: number
  /** Holds a frame until its instant, `NetBuf.launch`, and sends others meanwhile. Not unless it says so. */
  readonly launchTime?: boolean
}

/**
 * A driver. It moves frames, and knows nothing above them.
 *
 * It never calls `frame` from within `transmit`: what a peer answers at once arrives on a later turn. So no layer is
 * entered while it is still at work, and two stacks that answer each other do not recurse.
 */
export interface Device {
  readonly medium: Medium
  readonly address: LinkAddress
  /** Largest payload of a frame in bytes, without the link header (1500 for Ethernet). */
  readonly mtu: number
  readonly offload: Offload
  /**
   * Takes the frame and its reference: true. Not now: false, the caller still owns it, and `ready()` follows. Before `start` and
   * after `stop` nothing leaves, whichever it answers.
   */
  transmit(frame: NetBuf): boolean
  /** Begins to deliver. Called once, with the pool that received frames are to be allocated from. */
  start(sink: DeviceSink, buffers: BufferSource): void | Promise<void>
  /** Ends delivery and gives back what it holds. */
  stop(): void | Promise<void>
  /**
   * Delivers frames for other stations too, or no longer. May be called at any time, before `start` too. A device without it has no
   * filter: it delivers whatever its link brings.
   */
  promiscuous?(on: boolean): void
}

/** Where a driver gets buffers for what it receives. */
export interface BufferSource {
  alloc(length: number, headroom?: number): NetBuf | undefined
}

/** What a driver tells the interface above it. */
export interface DeviceSink {
  /** A frame from the link. Its reference passes to the sink. */
  frame(frame: NetBuf): void
  /** `transmit` may be tried again. */
  ready(): void
  carrier(up: boolean): void
  /** A frame that was lost in the driver, with its reason: `no buffer`, `too long`. */
  lost(reason: string): void
  /** Whether the frame arrived, where the link knows (acknowledgements); feeds reachability and ETX. */
  sent?(to: LinkAddress, attempts: number, ok: boolean): void
}
