/** What is left of a connection in TIME-WAIT: who it was with, and where the sequence numbers ended (RFC 9293 §3.10.7.4, RFC 6191, RFC 1337). */

import type { Instant, IpInfo, NetBuf, TcpEndpoint } from '@favonius/contract'
import type { Connection } from './connection.ts'
import type { Flow } from './flows.ts'
import type { TcpLayer } from './layer.ts'
import { ACK, FIN, RST, SYN, type Segment } from './wire.ts'

/** A connection that is over, and answers for a while. */
export class TimeWait implements Flow {
  readonly local: TcpEndpoint
  readonly remote: TcpEndpoint
  /** When it is forgotten. */
  expires: Instant
  /** When the time began for which it stands in the queue. */
  queued: Instant
  gone = false
  row = -1
  readonly #layer: TcpLayer
  /** Where our sequence numbers ended. */
  readonly sndNxt: number
  readonly #rcvNxt: number
  /** As the header says it. */
  readonly #window: number
  /** RFC 7323 §3.2: every segment has timestamps once they were agreed on, to the last. Ours are milliseconds from `tsOffset` on. */
  readonly timestamps: boolean
  readonly tsOffset: number
  readonly tsRecent: number

  constructor(connection: Connection, now: Instant, delay: number) {
    this.#layer = connection.layer
    this.local = connection.local
    this.remote = connection.remote
    this.queued = now
    this.expires = now + delay
    this.sndNxt = connection.sndNxt
    this.#rcvNxt = connection.rcvNxt
    this.#window = ((connection.rcvAdv - connection.rcvNxt) | 0) >> (connection.scales ? connection.rcvScale : 0)
    this.timestamps = connection.timestamps
    this.tsOffset = connection.timestamp(0)
    this.tsRecent = connection.tsRecent
  }

  /** Whether a SYN may begin a new connection in its place: it comes after all that the old one could have sent (RFC 6191 §2, RFC 9293 §3.10.7.4). */
  gives(segment: Segment): boolean {
    if ((segment.flags & (SYN | RST | ACK)) !== SYN) return false
    if (this.timestamps && segment.hasTimestamps) return ((segment.timestamp - this.tsRecent) | 0) > 0
    return ((segment.sequence - this.#rcvNxt) | 0) > 0
  }

  arrive(segment: Segment, packet: NetBuf, ip: IpInfo): void {
    const { flags, sequence } = segment
    // RFC 1337 §3: a reset would end the wait too soon.
    if ((flags & RST) !== 0) return ip.iface.drop(packet, this.#layer.drops.timeWait)
    // The peer did not hear our acknowledgement of its FIN, and the time begins anew.
    if ((flags & FIN) !== 0 && ((sequence + segment.length + 1 - this.#rcvNxt) | 0) === 0) this.#layer.waitAnew(this)
    // An acknowledgement in its place asks nothing. Were it answered, two that both wait would answer each other.
    const asks = segment.length > 0 || (flags & (SYN | FIN)) !== 0 || sequence !== this.#rcvNxt
    if (asks) this.#layer.answer(this, this.sndNxt, this.#rcvNxt, this.#window, ip)
    ip.iface.drop(packet, this.#layer.drops.timeWait)
  }

  unreachable(): boolean {
    return false
  }
}
