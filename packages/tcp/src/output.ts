/** The sending side: what goes out, and when. Read RFC 9293 §3.7.4, §3.8.4 to §3.8.6 before changing this file. */

import type { Instant, NetBuf, Route } from '@favonius/contract'
import type { Connection } from './connection.ts'
import { deadline } from './deadlines.ts'
import type { Sent } from './flight.ts'
import {
  ACK, FIN, HEADER, PSH, RST, SYN, synOptionsSize, TIMESTAMPS_SIZE, writeHeader, writeSack, writeSynOptions, writeTimestamps,
} from './wire.ts'

/** The largest window that is not scaled. */
const MOST_WINDOW = 0xffff
/** Milliseconds until it is tried again when there was no buffer. */
const BUFFER_RETRY = 10
/** The longest time between probes of a window that is shut (RFC 9293 §3.8.6.1: it may grow as retransmissions do). */
const MOST_PERSIST = 60_000
/** A large segment is no longer than an IP packet may be, with room for its headers. */
const MOST_SEGMENT = 65_160

/** Makes the segments of one connection. */
export class Output {
  /** The window was what ended the last `push`: it may grow (RFC 9293 has no word for it; RFC 7661 §4.1 calls it cwnd-limited). */
  limited = false
  readonly #c: Connection
  #persists = 0

  constructor(connection: Connection) {
    this.#c = connection
  }

  // ---- what may be sent ----

  /** Sends what the windows, Nagle's algorithm and the interface let pass: first what was lost, then what is new. */
  push(now: Instant): void {
    const c = this.#c
    if (c.state === 'SYN-SENT' || c.state === 'SYN-RECEIVED' || c.state === 'CLOSED') return
    this.limited = false
    while (this.#next(now));
    this.#arm(now)
  }

  /** Sends one segment. False when nothing more may go now. */
  #next(now: Instant): boolean {
    const c = this.#c
    const { flight, recovery } = c
    const lost = flight.firstLost()
    if (lost !== undefined) {
      // One that is outside of the window by now waits for it (RFC 9293 §3.8.6: a window may shrink).
      if (((lost.start - c.sndUna) | 0) >= c.sndWnd && c.sndWnd > 0) return false
      if (recovery.pipe + Math.min(lost.end - lost.start | 0, c.mss) > recovery.window && recovery.pipe > 0) {
        this.limited = true
        return false
      }
      return this.retransmit(lost, now)
    }
    const sent = (c.sndNxt - c.base) | 0
    const unsent = c.outgoing.length - sent
    if (unsent <= 0) return c.ending && !c.finSent && this.#sendFin(now)
    const window = c.sndWnd - ((c.sndNxt - c.sndUna) | 0)
    const room = recovery.window - recovery.pipe
    const { mss } = c
    let size = Math.min(unsent, window)
    if (size <= 0) return false
    if (size > room) {
      this.limited = true
      if (room < mss && recovery.pipe > 0) return false
      size = Math.max(Math.min(size, room), Math.min(size, mss))
    }
    const most = c.largest
    if (size > most) size = most
    // Whole segments, unless it is the end of what there is.
    if (size > mss) size -= size < unsent ? size % mss : 0
    else if (size < mss && !this.#mayBeSmall(size, unsent)) return false
    return this.#sendNew(size, unsent, now)
  }

  /** Nagle's algorithm (RFC 9293 §3.7.4), and silly windows (§3.8.6.2.1). */
  #mayBeSmall(size: number, unsent: number): boolean {
    const c = this.#c
    if (size < unsent) return size >= c.maxWindow / 2
    return c.noDelay || c.ending || c.sndNxt === c.sndUna
  }

  #sendNew(size: number, unsent: number, now: Instant): boolean {
    const c = this.#c
    const last = size === unsent
    const fin = last && c.ending && !c.finSent
    const flags = ACK | (last ? PSH : 0) | (fin ? FIN : 0)
    if (c.flight.count === 0 && now - c.sentAt > c.times.rto) c.recovery.control.idled(now)
    if (!this.emit(c.sndNxt, size, flags, now)) return false
    const end = (c.sndNxt + size + (fin ? 1 : 0)) | 0
    c.flight.push(c.sndNxt, end, now)
    c.recovery.sent(size)
    c.count(c.layer.counters.bytesSent, size)
    c.sndNxt = end
    if (fin) c.finSent = true
    this.#began(now)
    return true
  }

  #sendFin(now: Instant): boolean {
    const c = this.#c
    if (!this.emit(c.sndNxt, 0, ACK | FIN, now)) return false
    const end = (c.sndNxt + 1) | 0
    c.flight.push(c.sndNxt, end, now)
    c.sndNxt = end
    c.finSent = true
    this.#began(now)
    return true
  }

  /** Something is in flight now: its timers begin (RFC 6298 §5.1). */
  #began(now: Instant): void {
    const c = this.#c
    if (c.deadlines.at(deadline.retransmit) === Infinity) {
      c.deadlines.set(deadline.retransmit, now + c.times.rto)
      if (c.userTimeout > 0) c.deadlines.set(deadline.userTimeout, now + c.userTimeout)
    }
    c.deadlines.clear(deadline.persist)
    this.#persists = 0
    c.sentAt = now
  }

  /** Sends a segment again, cut to what its way carries by now. */
  retransmit(sent: Sent, now: Instant): boolean {
    const c = this.#c
    const { flight } = c
    if (sent.start === c.iss && (c.state === 'SYN-SENT' || c.state === 'SYN-RECEIVED')) {
      if (!this.syn(now)) return false
      flight.resent(sent, now)
      return true
    }
    const dataEnd = (c.base + c.outgoing.length) | 0
    if (((sent.end - sent.start) | 0) > c.mss && ((dataEnd - sent.start) | 0) > c.mss) flight.cut(sent, c.mss)
    const fin = ((sent.end - dataEnd) | 0) > 0
    const size = ((fin ? dataEnd : sent.end) - sent.start) | 0
    if (!this.emit(sent.start, size, ACK | PSH | (fin ? FIN : 0), now)) return false
    c.count(c.layer.counters.retransmitted)
    c.count(c.layer.counters.resent, size)
    flight.resent(sent, now)
    c.recovery.sent(size, c.timestamps ? c.timestamp(now) : undefined)
    if (c.deadlines.at(deadline.retransmit) === Infinity) c.deadlines.set(deadline.retransmit, now + c.times.rto)
    return true
  }

  /** RFC 8985 §7.3: new data, or the last segment once more, to be told what became of the others. Returns where it ends. */
  probe(now: Instant): number | undefined {
    const c = this.#c
    const unsent = c.outgoing.length - ((c.sndNxt - c.base) | 0)
    const window = c.sndWnd - ((c.sndNxt - c.sndUna) | 0)
    if (unsent > 0 && window > 0) {
      return this.#sendNew(Math.min(unsent, window, c.mss), unsent, now) ? c.sndNxt : undefined
    }
    const last = c.flight.at(c.flight.count - 1)
    return this.retransmit(last, now) ? c.sndNxt : undefined
  }

  /**
   * Nothing moves though there is data. Into a window that is shut goes one byte, as often as a retransmission would come (RFC 9293 §3.8.6.1);
   * into one that is merely small goes what fits (§3.8.6.2.1, override timeout).
   */
  persist(now: Instant): void {
    const c = this.#c
    const unsent = c.outgoing.length - ((c.sndNxt - c.base) | 0)
    if (c.flight.count > 0) this.retransmit(c.flight.at(0), now)
    else if (unsent > 0) {
      const size = Math.max(1, Math.min(unsent, c.sndWnd, c.mss))
      if (this.emit(c.sndNxt, size, ACK | PSH, now)) {
        const end = (c.sndNxt + size) | 0
        c.flight.push(c.sndNxt, end, now)
        c.sndNxt = end
        if (c.sndWnd > 0) this.#began(now)
      }
    }
    this.#persists++
    this.#arm(now)
  }

  /** The window is open again: what was asked of it while it was shut is sent once more, and what it holds up follows. */
  opened(now: Instant): void {
    const c = this.#c
    this.#persists = 0
    if (c.flight.count > 0 && c.deadlines.at(deadline.retransmit) === Infinity) this.retransmit(c.flight.at(0), now)
  }

  /** What is waited for after this: a window that is shut or small, or the acknowledgement of what is in flight. */
  #arm(now: Instant): void {
    const c = this.#c
    const { deadlines, flight } = c
    if (flight.count > 0 ? c.sndWnd === 0 : c.outgoing.length > ((c.sndNxt - c.base) | 0)) {
      // While the window is shut the peer may take as long as it likes; so these have no end (RFC 9293 §3.8.6.1).
      deadlines.clear(deadline.retransmit)
      deadlines.clear(deadline.probe)
      deadlines.clear(deadline.reorder)
      if (deadlines.at(deadline.persist) === Infinity) {
        deadlines.set(deadline.persist, now + Math.min(c.times.rto * 2 ** Math.min(this.#persists, 16), MOST_PERSIST))
      }
      return
    }
    deadlines.clear(deadline.persist)
    if (flight.count === 0) return
    this.#armProbe(now)
    if (c.recovery.reorderDue < Infinity) deadlines.set(deadline.reorder, c.recovery.reorderDue)
    else deadlines.clear(deadline.reorder)
  }

  /** RFC 8985 §7.2: two round trips after the last segment went out, and so much later as an acknowledgement may wait for another. */
  #armProbe(now: Instant): void {
    const c = this.#c
    const { smoothed } = c.times
    if (!c.selective || c.recovery.state !== 'open' || c.probing || smoothed < 0) return c.deadlines.clear(deadline.probe)
    const wait = 2 * smoothed + (c.flight.count === 1 ? c.layer.options.ackDelay : 0)
    const due = c.sentAt + Math.max(wait, 2)
    if (due < c.deadlines.at(deadline.retransmit)) c.deadlines.set(deadline.probe, Math.max(due, now))
    else c.deadlines.clear(deadline.probe)
  }

  // ---- segments ----

  /** A segment without data that says how far we are. */
  acknowledge(now: Instant): void {
    this.emit(this.#bareSequence(), 0, ACK, now)
  }

  /** RFC 9293 §3.8.4: one that is answered, and tells nothing. */
  keepAlive(now: Instant): void {
    this.emit((this.#c.sndUna - 1) | 0, 0, ACK, now)
  }

  /** RFC 9293 §3.10.5. */
  reset(now: Instant): void {
    this.emit(this.#bareSequence(), 0, RST | ACK, now)
  }

  /**
   * Where a segment without data stands: a peer takes none from beyond its window, where probes of a shut one lead, and where we are when it has shrunk.
   * A window that is scaled is rounded, and seems to shrink by that much.
   */
  #bareSequence(): number {
    const c = this.#c
    const from = c.sndUna === c.iss ? c.base : c.sndUna
    const beyond = (c.sndNxt - from - c.sndWnd) | 0
    return beyond > 0 && (c.sndWnd === 0 || beyond >= 1 << c.sndScale) ? (from + c.sndWnd) | 0 : c.sndNxt
  }

  /** Our SYN, or the answer to the peer's. */
  syn(now: Instant): boolean {
    const c = this.#c
    const route = c.route()
    if (route === undefined) return false
    const answers = c.state === 'SYN-RECEIVED'
    const scale = answers && !c.scales ? -1 : c.rcvScale
    const permits = !answers || c.selective
    const stamps = !answers || c.timestamps
    const size = HEADER + synOptionsSize(scale, permits, stamps)
    const packet = c.layer.buffers.alloc(0, route.headroom + size)
    if (packet === undefined) return this.noBuffer(now)
    const start = packet.push(size)
    const { dv } = packet
    c.rcvAdv = (c.rcvNxt + Math.min(c.space, MOST_WINDOW)) | 0
    writeHeader(dv, start, c.local.port, c.remote.port, c.iss, answers ? c.rcvNxt : 0, size, answers ? SYN | ACK : SYN, Math.min(c.space, MOST_WINDOW))
    writeSynOptions(dv, start + HEADER, c.announcedMss(route), scale, permits, stamps, c.timestamp(now), c.tsRecent)
    this.#send(packet, route, size)
    return true
  }

  /** A segment of `size` bytes from `sequence` on. False when there is no way, or no room; something will call `push` then. */
  emit(sequence: number, size: number, flags: number, now: Instant): boolean {
    const c = this.#c
    const route = c.route()
    if (route === undefined) return false
    if (size > 0 && route.iface.isFull(c.priority)) {
      c.layer.await(c)
      return false
    }
    const selects = c.selective && (c.incoming.outOfOrder > 0 || c.repeatedFrom !== c.repeatedTo)
    // What data leaves room for (RFC 9293 §3.7.1, MUST-16: options count). What cannot be said with it is said after it.
    const fit = selects ? (size > 0 ? (c.mss - size - 4) >> 3 : 4) : 0
    const blocks = fit > 0 ? this.#sackBlocks(fit) : 0
    const unsaid = selects && blocks === 0 && c.mustAcknowledge
    const options = (c.timestamps ? TIMESTAMPS_SIZE : 0) + (blocks > 0 ? 4 + blocks * 8 : 0)
    const before = HEADER + options
    const packet = c.layer.buffers.alloc(size, route.headroom + before)
    if (packet === undefined) return this.noBuffer(now)
    if (size > 0) c.outgoing.copyTo(packet, (sequence - c.base) | 0, size)
    const start = packet.push(before)
    const { dv } = packet
    writeHeader(dv, start, c.local.port, c.remote.port, sequence, c.rcvNxt, before, flags, c.advertise())
    let to = start + HEADER
    if (c.timestamps) to = writeTimestamps(dv, to, c.timestamp(now), c.tsRecent)
    if (blocks > 0) writeSack(dv, to, c.layer.blocks, blocks)
    if (size > c.mss) packet.segmentSize = c.mss
    this.#send(packet, route, before + size)
    c.acknowledged()
    c.mustAcknowledge = unsaid
    return true
  }

  /** At most `fit` blocks of a SACK option: what came twice first (RFC 2883 §4), then what waits for what is before it. */
  #sackBlocks(fit: number): number {
    const c = this.#c
    const { blocks } = c.layer
    let count = c.incoming.outOfOrder > 0 ? c.incoming.sackBlocks(blocks, c.rcvNxt) : 0
    if (c.repeatedFrom !== c.repeatedTo) {
      blocks.copyWithin(2, 0, 6)
      blocks[0] = c.repeatedFrom
      blocks[1] = c.repeatedTo
      c.repeatedFrom = c.repeatedTo
      count = Math.min(count + 1, 4)
    }
    // RFC 2018 §3: with timestamps there is room for three.
    return Math.min(count, c.timestamps ? 3 : 4, fit)
  }

  #send(packet: NetBuf, route: Route, length: number): void {
    packet.priority = this.#c.priority
    this.#c.layer.send(packet, route, length)
  }

  /** It is tried again after a while. */
  noBuffer(now: Instant): false {
    const c = this.#c
    c.deadlines.set(deadline.buffer, now + BUFFER_RETRY)
    return false
  }
}

/** The most data in one segment over an interface that takes large ones. */
export function largestSegment(mss: number, segmentation: number): number {
  const most = Math.min(segmentation, MOST_SEGMENT)
  return most <= mss ? mss : most - most % mss
}
