/** A radio of IEEE 802.15.4: what it does on the air, and what of the MAC's work it does by itself. */

import type { LinkAddress } from './address.ts'
import type { BufferSource } from './device.ts'
import type { NetBuf } from './netbuf.ts'

/** What of the MAC's work need not be done in software: `enum ieee802154_hw_caps`. */
export interface RadioAbilities {
  /** It listens before it sends; or its medium knows no collisions. */
  readonly csma: boolean
  /** It acknowledges what passes its filter and asks for it. */
  readonly acknowledge: boolean
  /** It waits for acknowledgements, and sends again. */
  readonly retransmit: boolean
}

/** Which frames a radio hears. Others it need not deliver, and does not acknowledge. */
export interface RadioFilter {
  /** The EUI-64 that the MAC goes by; the radio's own unless it was given another. */
  readonly address: LinkAddress
  /** 0xffff for none: then every PAN's frames are heard. */
  readonly panId: number
  /** 0xffff, or 0xfffe, when there is none. */
  readonly shortAddress: number
  /** Everything that is on the air is delivered, and nothing acknowledged. */
  readonly promiscuous: boolean
}

/** How a transmission ended. `no-ack` and `busy` only from a radio that has the ability. */
export type RadioOutcome = 'sent' | 'acknowledged' | 'no-ack' | 'busy'

/**
 * Moves frames without their FCS, one at a time, and is half-duplex where its medium is. It never calls its sink from within `transmit`.
 *
 * An acknowledgment has no address to be filtered by: it is delivered to who sent the frame with its number last, and others need not hear it.
 */
export interface Radio {
  /** Its EUI-64. */
  readonly address: LinkAddress
  readonly abilities: RadioAbilities
  /** Milliseconds that a symbol takes: 0.016 at 2.4 GHz. The MAC's times are symbols. */
  readonly symbol: number
  /** Symbols until an acknowledgment is overdue, where that is more than the standard's 54: a program or a network is between the radios. */
  readonly ackWait?: number
  start(sink: RadioSink, buffers: BufferSource): void | Promise<void>
  stop(): void | Promise<void>
  /**
   * Turns round to sending, and sends a frame; takes its reference. `transmitted` follows, and the next frame may come after that. What is being
   * heard meanwhile is lost. Turning round takes the twelve symbols after which an acknowledgment is due (aTurnaroundTime), where that takes time
   * at all. The frame is one fragment, and must be left as it is while others hold references: it may have to be sent again.
   */
  transmit(frame: NetBuf): void
  /** Clear channel assessment (IEEE 802.15.4-2015 §10.2.8), asked at its end: nobody was heard in the last eight symbols, and we do not send. */
  clear(): boolean
  /** What is on the channel now, in dBm. */
  energy(): number
  /** These three may be called at any time, before `start` too. */
  tune(channel: number): void
  /** Transmit power in dBm. */
  power(dBm: number): void
  filter(filter: RadioFilter): void
}

/** What a radio tells its MAC. */
export interface RadioSink {
  /** A frame with a good FCS, without it. Its reference passes to the sink. Strength in dBm, NaN where it cannot tell; link quality 0 to 255. */
  frame(frame: NetBuf, rssi: number, lqi: number): void
  /** The last frame has left, after so many attempts. `pending`: its acknowledgement said that more waits for us. */
  transmitted(outcome: RadioOutcome, attempts: number, pending: boolean): void
  carrier(up: boolean): void
  /** A frame that was lost in the radio: `no buffer`, `bad FCS`. */
  lost(reason: string): void
}
