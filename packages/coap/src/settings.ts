/** Settings of messages and of clients, and the times of RFC 7252 §4.8.2 that follow from them. Their meaning is told in `options.ts`. */

/** RFC 7252 §4.8, in milliseconds and bytes, and our limits. */
export const defaults = {
  /** ACK_TIMEOUT. */
  ackTimeout: 2000,
  /** ACK_RANDOM_FACTOR. */
  ackRandomPercent: 150,
  backoffPercent: 200,
  /** MAX_RETRANSMIT. */
  maxRetransmit: 4,
  /** NSTART. */
  nstart: 1,
  /** PROBING_RATE, bytes a second. */
  probingRate: 1,
  /** MAX_LATENCY. */
  maxLatency: 100_000,
  /** MAX_TRANSMIT_WAIT. */
  responseTimeout: 93_000,
  maxPeers: 1024,
  maxRemembered: 4096,
  maxWaiting: 64,
  blockSize: 1024,
  maxBody: 1 << 20,
  maxNotifications: 16,
} as const

/** Those that whoever speaks CoAP has. */
export type MessageSettings = { readonly [K in keyof typeof defaults]: number }

/** RFC 7252 §4.8.2. */
export interface Times {
  /** For which the id of a confirmable message is not used again. */
  readonly exchangeLifetime: number
  /** For which the id of a non-confirmable message is not used again. */
  readonly nonLifetime: number
}

export function timesOf({ ackTimeout, ackRandomPercent, backoffPercent, maxRetransmit, maxLatency }: MessageSettings): Times {
  const longest = ackTimeout * ackRandomPercent / 100
  // MAX_TRANSMIT_SPAN: from the first to the last sending of a confirmable message.
  let span = 0
  for (let i = 0; i < maxRetransmit; i++) span += longest * (backoffPercent / 100) ** i
  return {
    // PROCESSING_DELAY is ACK_TIMEOUT.
    exchangeLifetime: span + 2 * maxLatency + ackTimeout,
    nonLifetime: span + maxLatency,
  }
}
