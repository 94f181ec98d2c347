/** The receiving side: what a segment does to a connection. Read RFC 9293 §3.10.7, RFC 5961 and RFC 7323 §5 before changing this file. */

import type { Instant, IpInfo, NetBuf } from '@favonius/contract'
import type { Connection } from './connection.ts'
import { deadline } from './deadlines.ts'
import { ACK, FIN, RST, SYN, type Segment } from './wire.ts'

/** A timestamp that is older than this says nothing (RFC 7323 §5.5: 24 days). */
const TIMESTAMP_LASTS = 24 * 86_400_000
/** Full-sized segments that are acknowledged together, when they come together. */
const COALESCED = 16
/** RFC 5961 §7: so many challenges in so many milliseconds. Each connection has its own: a common limit would tell strangers of others (§7, CVE-2016-5696). */
const CHALLENGES = 10
const CHALLENGE_TIME = 5000
/** Whether one of the flags is set. */
const bit = (flags: number, mask: number): boolean => (flags & mask) !== 0

/** Takes the segments of one connection. */
export class Input {
  readonly #c: Connection
  #challenges = 0
  #challengedAt: Instant = -Infinity

  constructor(connection: Connection) {
    this.#c = connection
  }

  /** A segment whose checksum is right; `packet` begins with its header. Takes the reference. */
  arrive(segment: Segment, packet: NetBuf, ip: IpInfo): void {
    const c = this.#c
    const now = packet.timestamp
    c.heard(now)
    if (c.state === 'SYN-SENT') this.#opening(segment, packet, ip, now)
    else this.#synchronized(segment, packet, ip, now)
    if (c.mustAcknowledge && c.state !== 'CLOSED') c.output.acknowledge(now)
    c.tell()
  }

  // ---- SYN-SENT (§3.10.7.3) ----

  #opening(segment: Segment, packet: NetBuf, ip: IpInfo, now: Instant): void {
    const c = this.#c
    const { drops } = c.layer
    const { flags, acknowledgment } = segment
    const answers = bit(flags, ACK)
    if (answers && (((acknowledgment - c.iss) | 0) <= 0 || ((acknowledgment - c.sndNxt) | 0) > 0)) {
      if (!bit(flags, RST)) c.layer.refuse(segment, ip)
      return ip.iface.drop(packet, drops.acknowledgment)
    }
    if (bit(flags, RST)) {
      // A reset that does not answer our SYN may be anybody's.
      ip.iface.drop(packet, answers ? drops.reset : drops.badReset)
      if (answers) c.fail('ECONNREFUSED', 'nobody listens there')
      return
    }
    if (!bit(flags, SYN)) return ip.iface.drop(packet, drops.noSyn)
    this.synchronize(segment, now)
    if (!answers) {
      // Both asked at once (§3.5, figure 8).
      c.go('SYN')
      c.output.syn(now)
      return packet.unref()
    }
    this.#newlyAcknowledged(segment, now)
    this.#window(segment)
    c.go('SYN-ACK')
    c.mustAcknowledge = true
    this.#text(segment, packet, ip)
    // What its owner writes when it is told goes with the acknowledgement (§3.10.7.3, fourth).
    c.tell()
    if ((c.state as string) !== 'CLOSED') c.output.push(now)
  }

  /** Learns from a SYN where the peer begins, and what it agrees to. */
  synchronize(segment: Segment, now: Instant): void {
    const c = this.#c
    c.irs = segment.sequence
    c.rcvNxt = (segment.sequence + 1) | 0
    c.rcvAdv = (c.rcvNxt + Math.min(c.space, 0xffff)) | 0
    c.lastAck = c.rcvNxt
    c.agree(segment)
    if (segment.hasTimestamps) {
      c.tsRecent = segment.timestamp
      c.tsHeard = now
    }
    // The window of a SYN is never scaled (RFC 7323 §2.2).
    c.sndWnd = c.maxWindow = segment.window
    c.sndWl1 = segment.sequence
    c.sndWl2 = segment.acknowledgment
  }

  // ---- all other states (§3.10.7.4) ----

  #synchronized(segment: Segment, packet: NetBuf, ip: IpInfo, now: Instant): void {
    const c = this.#c
    const { flags } = segment
    if (!this.#isTimely(segment, now)) {
      c.mustAcknowledge = true
      return ip.iface.drop(packet, c.layer.drops.old)
    }
    if (!this.#isInWindow(segment)) {
      // RFC 2883 §4: so that the peer knows what it sent in vain.
      if (segment.length > 0 && ((segment.sequence - c.rcvNxt) | 0) < 0) c.repeated(segment.sequence, (segment.sequence + segment.length) | 0)
      ip.iface.drop(packet, c.layer.drops.window)
      // RFC 9293 §3.10.7.4: it is told how far we are; unless it is a reset. RFC 5961 §7: not more often than is good.
      if (!bit(flags, RST)) this.#challenge(now, segment.length > 0)
      return
    }
    if (bit(flags, RST)) return this.#reset(segment, packet, ip, now)
    if (bit(flags, SYN)) {
      // RFC 5961 §4.2: the peer, if it has begun anew, answers this with a reset that is in its place.
      ip.iface.drop(packet, c.layer.drops.syn)
      return this.#challenge(now, false)
    }
    if (!bit(flags, ACK)) return ip.iface.drop(packet, c.layer.drops.noAck)
    if (segment.hasTimestamps && c.timestamps && ((segment.sequence - c.lastAck) | 0) <= 0 && ((segment.timestamp - c.tsRecent) | 0) >= 0) {
      c.tsRecent = segment.timestamp
      c.tsHeard = now
    }
    if (!this.#acknowledgment(segment, packet, ip, now)) return
    if ((c.state as string) === 'CLOSED') return packet.unref()
    this.#text(segment, packet, ip)
    if ((c.state as string) === 'CLOSED') return
    this.#delay(now)
    // What its owner writes when it is told goes with the acknowledgement.
    c.tell()
    if ((c.state as string) !== 'CLOSED') c.output.push(now)
  }

  /** RFC 7323 §5.3 R1: an old duplicate shows itself by its timestamp. */
  #isTimely(segment: Segment, now: Instant): boolean {
    const c = this.#c
    if (!c.timestamps || !segment.hasTimestamps || bit(segment.flags, RST)) return true
    return ((segment.timestamp - c.tsRecent) | 0) >= 0 || now - c.tsHeard > TIMESTAMP_LASTS
  }

  /** RFC 9293 §3.10.7.4, first: the four cases of which the table there speaks. */
  #isInWindow({ sequence, length, flags }: Segment): boolean {
    const c = this.#c
    const window = (c.rcvAdv - c.rcvNxt) | 0
    const from = (sequence - c.rcvNxt) | 0
    const size = length + (bit(flags, SYN) ? 1 : 0) + (bit(flags, FIN) ? 1 : 0)
    if (size === 0) return window > 0 ? from >= 0 && from < window : from === 0
    // A window that is shut lets acknowledgements, resets and urgent pointers pass all the same; its text is cut off below.
    if (window === 0) return from === 0
    return from < window && from + size > 0
  }

  /** RFC 5961 §3.2: a reset counts when it is exactly where the next byte is; elsewhere in the window the peer is asked whether it means it. */
  #reset(segment: Segment, packet: NetBuf, ip: IpInfo, now: Instant): void {
    const c = this.#c
    const exact = segment.sequence === c.rcvNxt
    ip.iface.drop(packet, exact ? c.layer.drops.reset : c.layer.drops.badReset)
    if (!exact) return this.#challenge(now, false)
    // Who knocked and went away leaves nothing; who answered our own SYN so refuses it (RFC 9293 §3.10.7.4, second).
    if (c.parent !== undefined) return c.finish(undefined)
    c.fail(c.state === 'SYN-RECEIVED' ? 'ECONNREFUSED' : 'ECONNRESET', 'the peer reset the connection')
  }

  /** RFC 5961 §5, §7: says how far we are, to who may be a stranger; within the stack's limit. */
  #challenge(now: Instant, data: boolean): void {
    const c = this.#c
    if (now - this.#challengedAt > CHALLENGE_TIME) {
      this.#challengedAt = now
      this.#challenges = 0
    }
    if (data || this.#challenges++ < CHALLENGES) c.output.acknowledge(now)
    else c.count(c.layer.counters.limited)
  }

  // ---- the acknowledgement (fifth) ----

  /** False when the segment was dropped. */
  #acknowledgment(segment: Segment, packet: NetBuf, ip: IpInfo, now: Instant): boolean {
    const c = this.#c
    const { acknowledgment } = segment
    const ahead = (acknowledgment - c.sndNxt) | 0
    const advanced = (acknowledgment - c.sndUna) | 0
    if (c.state === 'SYN-RECEIVED') {
      if (advanced <= 0 || ahead > 0) {
        c.layer.refuse(segment, ip)
        ip.iface.drop(packet, c.layer.drops.acknowledgment)
        return false
      }
      // The handshake ends when there is somebody to have it; the peer sends again until then.
      if (c.parent?.admits() === false) {
        ip.iface.drop(packet, c.layer.drops.backlog)
        return false
      }
      this.#newlyAcknowledged(segment, now)
      this.#window(segment)
      c.go('ACK of SYN')
      return true
    }
    // RFC 5961 §5.2: what nobody sent, and what is older than any window was, is an attack or a mistake.
    if (ahead > 0 || advanced < -c.maxWindow) {
      this.#challenge(now, false)
      ip.iface.drop(packet, c.layer.drops.acknowledgment)
      return false
    }
    if (advanced > 0) this.#newlyAcknowledged(segment, now)
    else this.#repeated(segment, now)
    this.#window(segment)
    return true
  }

  /** It acknowledges something that was not, or tells of segments that arrived out of order. */
  #newlyAcknowledged(segment: Segment, now: Instant): void {
    const c = this.#c
    const { flight, recovery, times } = c
    const una = segment.acknowledgment
    const advanced = (una - c.sndUna) | 0
    const { limited } = c.output
    if (segment.hasTimestamps && c.timestamps && recovery.answered(segment.echo)) c.probing = false
    flight.listen()
    flight.acknowledge(una)
    this.#selective(segment)
    c.sndUna = una
    // SYN and FIN count, and are no bytes of the buffer.
    const bytes = Math.min((una - c.base) | 0, c.outgoing.length)
    if (bytes > 0) {
      c.outgoing.acknowledge(bytes)
      c.base = (c.base + bytes) | 0
    }
    const { told } = flight
    // Karn's algorithm (RFC 6298 §3): of what was sent again nobody knows which one is acknowledged, unless its timestamp says that it is the last. An
    // echo of an earlier one measures how long the acknowledgement was lost, and not the way.
    const last = told.again && c.timestamps && segment.hasTimestamps && ((segment.echo - c.timestamp(told.at)) | 0) >= 0
    if (told.at === told.at && (last || !told.again)) times.sample(now - told.at, now)
    if (c.probing && ((una - c.probeEnd) | 0) >= 0) {
      c.probing = false
      // RFC 8985 §7.4.2: the probe arrived, and only once; so what it repeated had been lost.
      if (c.probeRepeats && segment.blockCount === 0 && recovery.state === 'open') recovery.control.lost(flight.outstanding + advanced, now)
    }
    recovery.acknowledged(una, c.sndNxt, advanced, c.selective, limited, now)
    c.progressed(now)
    if (c.finSent && una === c.sndNxt) c.go('ACK of FIN')
  }

  /** It acknowledges what was acknowledged before (RFC 5681 §2). */
  #repeated(segment: Segment, now: Instant): void {
    const c = this.#c
    if (segment.blockCount > 0 && c.selective) {
      c.flight.listen()
      this.#selective(segment)
      if (c.flight.told.delivered > 0) c.recovery.acknowledged(c.sndUna, c.sndNxt, 0, true, c.output.limited, now)
      return
    }
    const same = ((segment.window << c.sndScale) | 0) === c.sndWnd
    // What answers the probe of a window that is shut is no sign of loss.
    if (!c.selective && c.sndWnd > 0 && segment.length === 0 && !bit(segment.flags, FIN) && same && segment.acknowledgment === c.sndUna) c.recovery.duplicate(c.sndNxt, now)
  }

  /** The blocks that it tells of (RFC 2018 §3); one below what is acknowledged is a duplicate that arrived there (RFC 2883 §4). */
  #selective({ blocks, blockCount, acknowledgment }: Segment): void {
    const c = this.#c
    if (!c.selective) return
    for (let i = 0; i < blockCount; i++) {
      const left = blocks[2 * i]!
      const right = blocks[2 * i + 1]!
      // What was never sent is a lie.
      if (((right - left) | 0) <= 0 || ((right - c.sndNxt) | 0) > 0) continue
      if (((right - acknowledgment) | 0) > 0) c.flight.sack(left, right)
      else if (i === 0) c.recovery.spurious()
    }
  }

  /** RFC 9293 §3.10.7.4: the window, when this segment is newer than the one that told of it last. */
  #window({ sequence, acknowledgment, window, flags }: Segment): void {
    const c = this.#c
    const newer = (sequence - c.sndWl1) | 0
    if (newer < 0 || (newer === 0 && ((acknowledgment - c.sndWl2) | 0) < 0)) return
    const was = c.sndWnd
    c.sndWnd = window << (bit(flags, SYN) ? 0 : c.sndScale)
    c.sndWl1 = sequence
    c.sndWl2 = acknowledgment
    if (c.sndWnd > c.maxWindow) c.maxWindow = c.sndWnd
    if (was === 0 && c.sndWnd > 0) c.output.opened(c.heardAt)
  }

  // ---- the text and the FIN (seventh, eighth) ----

  /** Takes the reference. An urgent pointer changes nothing: its bytes are bytes like others (RFC 6093 §6). */
  #text(segment: Segment, packet: NetBuf, ip: IpInfo): void {
    const c = this.#c
    const fin = bit(segment.flags, FIN)
    const start = (segment.sequence + (bit(segment.flags, SYN) ? 1 : 0)) | 0
    let distance = (start - c.rcvNxt) | 0
    let length = segment.length
    if (length === 0 && !fin) return packet.unref()
    if (c.state !== 'ESTABLISHED' && c.state !== 'FIN-WAIT-1' && c.state !== 'FIN-WAIT-2') {
      // The peer has ended already: this came again.
      c.mustAcknowledge = true
      return ip.iface.drop(packet, c.layer.drops.ended)
    }
    packet.pull(segment.dataOffset)
    if (distance < 0) {
      const known = Math.min(-distance, length)
      if (known > 0) c.repeated(start, (start + known) | 0)
      packet.pull(Math.min(known, packet.length))
      length -= known
      distance = Math.min(0, distance + known)
      c.mustAcknowledge = true
    }
    const room = (c.rcvAdv - c.rcvNxt) | 0
    let ends = fin
    if (distance + length > room) {
      // What is outside of the window is not taken, and so is not the end.
      length = Math.max(0, room - distance)
      packet.trim(length)
      ends = false
      c.mustAcknowledge = true
    }
    if (c.orphan && length > 0) {
      // RFC 9293 §3.10.4, RFC 1122 §4.2.2.13: data for nobody.
      ip.iface.drop(packet, c.layer.drops.orphan)
      return c.abort()
    }
    if (length === 0) packet.unref()
    else if (distance === 0) this.#append(packet, length)
    else {
      // A hole before it: whoever sends is told at once (RFC 5681 §4.2).
      c.mustAcknowledge = true
      if (!c.incoming.insert(packet, distance)) c.count(c.layer.counters.outOfOrderDropped)
      if (ends) c.finAt = (start + segment.length) | 0
      return
    }
    if (ends) c.finAt = (start + segment.length) | 0
    if (c.finAt !== undefined && c.finAt === c.rcvNxt) this.#fin()
  }

  #append(packet: NetBuf, length: number): void {
    const c = this.#c
    if (length > c.fullSize) c.fullSize = length
    c.incoming.append(packet)
    let moved = length
    if (c.incoming.outOfOrder > 0) {
      moved += c.incoming.advance()
      // It fills a hole, or a part of one (RFC 5681 §4.2).
      c.mustAcknowledge = true
    }
    c.rcvNxt = (c.rcvNxt + moved) | 0
    c.unsaid += moved
    c.news.readable = true
    c.count(c.layer.counters.bytesReceived, moved)
  }

  #fin(): void {
    const c = this.#c
    c.rcvNxt = (c.rcvNxt + 1) | 0
    if (((c.rcvAdv - c.rcvNxt) | 0) < 0) c.rcvAdv = c.rcvNxt
    c.ended = true
    c.news.ended = true
    c.mustAcknowledge = true
    // Our own end may go with the acknowledgement when it is still to come; otherwise that is said before the state is left in which it can be.
    if (c.state !== 'ESTABLISHED') c.output.acknowledge(c.heardAt)
    c.go('FIN')
  }

  /**
   * RFC 9293 §3.8.6.3: every second full-sized segment is acknowledged, and any other after a while; at the beginning each one. Segments that
   * come in one turn of the event loop count as one (receive coalescing), up to a bound, as after a device that puts them together.
   */
  #delay(now: Instant): void {
    const c = this.#c
    if (c.unsaid === 0 || c.mustAcknowledge) return
    if (c.quick > 0) {
      c.quick--
      c.mustAcknowledge = true
    } else if (c.unsaid >= COALESCED * c.fullSize) c.mustAcknowledge = true
    else if (c.unsaid >= 2 * c.fullSize) {
      if (c.deadlines.at(deadline.acknowledge) > now) c.deadlines.set(deadline.acknowledge, now)
    } else if (c.deadlines.at(deadline.acknowledge) === Infinity) c.deadlines.set(deadline.acknowledge, now + c.layer.options.ackDelay)
  }
}
