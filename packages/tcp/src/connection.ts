/** One connection: the transmission control block of RFC 9293 §3.3.1, what its owner may do with it, and what time does to it. */

import type {
  IcmpError, Instant, Interface, IpInfo, NetBuf, Route, TcpConnection, TcpEndpoint, TcpKeepAlive, TcpSink, TcpState,
} from '@favonius/contract'
import { failure, type ErrorCode } from '@favonius/inet'
import { deadline, Deadlines } from './deadlines.ts'
import { Flight } from './flight.ts'
import type { Flow } from './flows.ts'
import { Input } from './input.ts'
import type { TcpLayer } from './layer.ts'
import { largestSegment, Output } from './output.ts'
import { ReceiveBuffer } from './receive-buffer.ts'
import { Recovery } from './recovery.ts'
import { RoundTrip } from './rtt.ts'
import { SendBuffer } from './send-buffer.ts'
import { transitions, type TcpEvent } from './states.ts'
import { HEADER, MAX_WINDOW_SCALE, TIMESTAMPS_SIZE, type Segment } from './wire.ts'

/** What the send buffer begins with. */
const FIRST_SEND_BUFFER = 65_536
/** The largest retransmission timeout (RFC 6298 §2.4: at least 60 s). */
const MOST_RTO = 120_000
/** Milliseconds in FIN-WAIT-2 when nobody reads any more. */
const FIN_WAIT = 60_000
/** What every IPv4 and IPv6 host takes in one segment (RFC 9293 §3.7.1). */
const LEAST_MSS = { 4: 536, 6: 1220 } as const
/** The largest MSS that can be said. */
const MOST_MSS = 65_495
/** The least that a way may leave for data, whatever is said of it (RFC 9293 §3.7.5). */
const SMALLEST_MSS = 48
/** How far behind the last number of a connection the next one begins at least: a window that is not scaled. */
const PAST_WINDOW = 65_536
/** Segments that are acknowledged at once when a connection begins, so that the peer's window grows as fast as it may. */
const QUICK = 16

/** What a connection is made of. */
export interface ConnectionParts {
  readonly local: TcpEndpoint
  readonly remote: TcpEndpoint
  readonly route: Route
  readonly sink: TcpSink
  readonly receiveBuffer: number
  /** The limit, when it is fixed. */
  readonly sendBuffer: number | undefined
  readonly now: Instant
  readonly iface: Interface | undefined
  /** Where the numbers ended of a connection in TIME-WAIT of which it takes the place. */
  readonly after: number | undefined
}

/** Who made a connection that nobody asked for. */
export interface Parent {
  /** Whether there is room for one more that is established. */
  admits(): boolean
  established(connection: Connection): void
  /** It may be given out now. */
  announce(): void
  /** A connection that was not given out is over. */
  lost(connection: Connection): void
}

/** A connection. Its fields are shared by the files of this package alone; others see `TcpConnection`. */
export class Connection implements TcpConnection, Flow {
  readonly layer: TcpLayer
  readonly local: TcpEndpoint
  readonly remote: TcpEndpoint
  state: TcpState = 'CLOSED'
  sink: TcpSink
  /** In the layer's roster, and in its table of flows. */
  place = -1
  row = -1
  /** The one that it keeps to. */
  readonly iface: Interface | undefined

  // ---- settings ----

  noDelay = false
  priority = 0
  #keepAlive: TcpKeepAlive | undefined
  #userTimeout = 0
  #hopLimit: number | undefined
  #trafficClass = 0

  // ---- the send sequence space (RFC 9293 §3.3.1, figure 3) ----

  readonly iss: number
  /** SND.UNA, SND.NXT, SND.WND in bytes, SND.WL1, SND.WL2. */
  sndUna: number
  sndNxt: number
  sndWnd = 0
  sndWl1 = 0
  sndWl2 = 0
  /** The largest window the peer has ever offered. */
  maxWindow = 0
  sndScale = 0
  /** Sequence number of the first byte in `outgoing`. */
  base: number
  /** Our owner has ended; and our FIN has gone out. */
  ending = false
  finSent = false

  // ---- the receive sequence space (figure 4) ----

  irs = 0
  rcvNxt = 0
  /** The right edge of the window as the peer knows it. */
  rcvAdv = 0
  readonly rcvScale: number
  /** What the last acknowledgement said (RFC 7323 §4.3: Last.ACK.sent). */
  lastAck = 0
  ended = false
  /** Sequence number of the peer's FIN, once it was seen, in order or not. */
  finAt: number | undefined

  // ---- what was agreed upon ----

  /** Both sides scale windows, send timestamps, say which segments they have. */
  scales = false
  timestamps = false
  selective = false
  tsRecent = 0
  /** When `tsRecent` was heard. */
  tsHeard: Instant = 0
  readonly #tsOffset: number
  /** Bytes of data in a whole segment that we send. */
  mss = 0
  /** The most in one, where the interface takes large ones. */
  largest = 0
  #peerMss: number
  /** The largest segment that has come: what «full-sized» means for acknowledgements. */
  fullSize = 1

  // ---- its parts ----

  readonly outgoing: SendBuffer
  readonly incoming: ReceiveBuffer
  readonly flight = new Flight()
  readonly times: RoundTrip
  readonly recovery: Recovery
  readonly output: Output
  readonly deadlines: Deadlines
  readonly #input: Input
  #route: Route
  #pathMtu = Infinity
  /** The send buffer's limit may grow. */
  readonly #grows: boolean

  // ---- what is under way ----

  /** Bytes in order that came since the last acknowledgement. */
  unsaid = 0
  quick = QUICK
  /** An acknowledgement must go out now. */
  mustAcknowledge = false
  /** Retransmissions of the first segment in flight, or probes of a window that is shut; and when it was probed last. */
  #retries = 0
  #askedAt: Instant = -Infinity
  /** Our SYN was sent again more than once. */
  #synLost = false
  /** When a segment was heard last, and when one was sent that begins something. */
  heardAt: Instant
  sentAt: Instant
  #keepAlives = 0
  /** A tail loss probe is out, and where it ended (RFC 8985 §7.4.1). */
  probing = false
  probeEnd = 0
  /** It repeats what had been sent. */
  probeRepeats = false
  /** What the way here says, that a connection may outlive (RFC 9293 §3.9.2.2). */
  #soft: IcmpError | undefined
  /** The way carries less than it did: what is in flight and too large for it goes out again. */
  #shrank = false
  /** A `write` took less than it was given. */
  #wants = false
  /** Nobody owns it any more. */
  orphan = false
  /** What its owner is still to be told. */
  readonly news = { established: false, readable: false, writable: false, ended: false, closed: false }
  #error: (Error & { readonly code: string }) | undefined
  /** Its owner is being told, and has written or ended meanwhile. */
  #telling = false
  #wrote = false
  /** The listener that made it, until that has given it out. */
  parent: Parent | undefined
  /** What came twice and was not said yet (RFC 2883). */
  repeatedFrom = 0
  repeatedTo = 0

  constructor(layer: TcpLayer, parts: ConnectionParts) {
    const { options, env } = layer
    this.layer = layer
    this.local = parts.local
    this.remote = parts.remote
    this.iface = parts.iface
    this.sink = parts.sink
    this.#route = parts.route
    const { after } = parts
    const iss = layer.sequences.next(parts.local.ip, parts.local.port, parts.remote.ip, parts.remote.port, parts.now)
    // RFC 9293 §3.6.1 (MAY-2): a connection that was fast may have left the clock behind.
    this.iss = this.sndUna = after !== undefined && ((iss - after) | 0) <= 0 ? (after + PAST_WINDOW) | 0 : iss
    this.#tsOffset = layer.sequences.timestampOffset
    this.sndNxt = this.base = (this.iss + 1) | 0
    this.heardAt = this.sentAt = parts.now
    this.#grows = parts.sendBuffer === undefined
    this.outgoing = new SendBuffer(layer.buffers, parts.sendBuffer ?? Math.min(FIRST_SEND_BUFFER, options.sendBuffer))
    this.incoming = new ReceiveBuffer(layer.buffers, parts.receiveBuffer)
    this.rcvScale = scaleFor(parts.receiveBuffer)
    this.#peerMss = LEAST_MSS[parts.route.family]
    this.mss = this.#mssOf(parts.route)
    this.times = new RoundTrip(options.initialRto, options.minRto, MOST_RTO)
    this.recovery = new Recovery(this.flight, this.times, layer.congestion)
    this.output = new Output(this)
    this.#input = new Input(this)
    this.deadlines = new Deadlines(env.clock, (now) => this.#tick(now))
    this.flight.reset(this.iss)
  }

  // ---- its beginning ----

  /** Sends a SYN: ours, or the answer to the one that it was told of by `synchronize`. */
  open(event: 'open' | 'SYN', now: Instant): void {
    this.go(event)
    this.flight.push(this.iss, this.sndNxt, now)
    this.output.syn(now)
    this.deadlines.set(deadline.retransmit, now + this.times.rto)
    if (this.#userTimeout > 0) this.deadlines.set(deadline.userTimeout, now + this.#userTimeout)
  }

  synchronize(segment: Segment, now: Instant): void {
    this.#input.synchronize(segment, now)
  }

  // ---- the way ----

  /** The way to the peer, found anew when it is not true any more. */
  route(): Route | undefined {
    if (this.#route.valid()) return this.#route
    const route = this.layer.routeOf(this)
    if (route === undefined) return undefined
    this.#route = route
    this.#fit()
    return route
  }

  get hopLimit(): number | undefined { return this.#hopLimit }
  set hopLimit(value: number | undefined) { this.#hopLimit = value; this.#reroute() }
  get trafficClass(): number { return this.#trafficClass }
  set trafficClass(value: number) { this.#trafficClass = value; this.#reroute() }

  #reroute(): void {
    const route = this.layer.routeOf(this)
    if (route !== undefined) this.#route = route
  }

  /** What is left of the way's MTU for data. */
  #mssOf(route: Route): number {
    const headers = route.headroom - route.iface.headroom + HEADER
    return Math.max(Math.min(route.mtu, this.#pathMtu) - headers, SMALLEST_MSS)
  }

  /** The MSS that we say we take: what the interface carries, whatever the path does (RFC 9293 §3.7.1). */
  announcedMss(route: Route): number {
    return Math.min(route.mtu - (route.headroom - route.iface.headroom + HEADER), MOST_MSS)
  }

  /** Works out the size of segments anew. */
  #fit(): void {
    this.mss = Math.min(this.#peerMss, this.#mssOf(this.#route)) - (this.timestamps ? TIMESTAMPS_SIZE : 0)
    this.largest = largestSegment(this.mss, this.#route.iface.offload.segmentation)
    this.recovery.fit(this.mss)
  }

  // ---- what was agreed upon ----

  /** Takes the options of the peer's SYN (RFC 7323 §1.3, RFC 2018 §2, RFC 9293 §3.7.1). */
  agree(segment: Segment): void {
    if (segment.mss > 0) this.#peerMss = Math.max(segment.mss, SMALLEST_MSS)
    this.scales = segment.windowScale >= 0
    this.sndScale = this.scales ? Math.min(segment.windowScale, MAX_WINDOW_SCALE) : 0
    this.selective = segment.sackPermitted
    this.timestamps = segment.hasTimestamps
    this.#fit()
  }

  /** Our clock as the peer sees it: milliseconds, from somewhere (RFC 7323 §5.4, §7.1). */
  timestamp(now: Instant): number {
    return (Math.floor(now) + this.#tsOffset) | 0
  }

  // ---- the receive window ----

  /** Bytes that may still be put into the receive buffer. */
  get space(): number {
    const { incoming } = this
    return Math.max(0, incoming.limit - incoming.available - incoming.outOfOrder)
  }

  /** The window field of the next segment, and the right edge that it promises (RFC 9293 §3.8.6.2.2: no silly windows; §3.8.6: none shrinks). */
  advertise(): number {
    const scale = this.scales ? this.rcvScale : 0
    const most = Math.min(this.space, 0xffff << scale)
    const edge = (this.rcvNxt + (most >> scale << scale)) | 0
    const gain = (edge - this.rcvAdv) | 0
    if (gain >= Math.min(this.fullSize, this.incoming.limit >> 1)) this.rcvAdv = edge
    return ((this.rcvAdv - this.rcvNxt) | 0) >> scale
  }

  /** A segment has told the peer how far we are. */
  acknowledged(): void {
    this.unsaid = 0
    this.mustAcknowledge = false
    this.lastAck = this.rcvNxt
    this.deadlines.clear(deadline.acknowledge)
  }

  /** Its owner took something: the peer is told when that opens the window by much. */
  #consumed(): void {
    if (!this.#receives()) return
    // What a window can say: without scaling less than there is room for.
    const most = 0xffff << (this.scales ? this.rcvScale : 0)
    const half = Math.min(this.incoming.limit, most) >> 1
    // While it may send much as it is, the next acknowledgement is soon enough.
    if (((this.rcvAdv - this.rcvNxt) | 0) > half) return
    const gain = (this.rcvNxt + Math.min(this.space, most) - this.rcvAdv) | 0
    if (gain < Math.min(2 * this.fullSize, half)) return
    this.mustAcknowledge = true
    this.output.acknowledge(this.layer.env.clock.now())
  }

  #receives(): boolean {
    return this.state === 'ESTABLISHED' || this.state === 'FIN-WAIT-1' || this.state === 'FIN-WAIT-2'
  }

  // ---- its owner writes ----

  get room(): number {
    return this.#sends() ? this.outgoing.room : 0
  }

  get unacknowledged(): number {
    return this.outgoing.length
  }

  #sends(): boolean {
    return !this.ending && (this.state === 'ESTABLISHED' || this.state === 'CLOSE-WAIT' || this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED')
  }

  #mustSend(): void {
    if (this.#sends()) return
    throw failure('EPIPE', this.ending ? 'the stream was ended: nothing can be written behind its end' : 'the connection is over: nothing can be written any more')
  }

  write(data: Uint8Array): number {
    this.#mustSend()
    const taken = this.outgoing.write(data)
    if (taken < data.length) this.#want()
    if (taken > 0) this.#push()
    return taken
  }

  lend(length: number): NetBuf | undefined {
    this.#mustSend()
    const size = Math.min(length, this.outgoing.room)
    const packet = size > 0 ? this.layer.buffers.alloc(size) : undefined
    if (packet === undefined) this.#want()
    return packet
  }

  writeBuffer(packet: NetBuf): void {
    if (!this.#sends()) packet.unref()
    this.#mustSend()
    this.outgoing.append(packet)
    this.#push()
  }

  /** Its owner has more: it is told when there is room; or, when it was buffers that were short, after a while. */
  #want(): void {
    this.#wants = true
    if (this.outgoing.room > 0) this.output.noBuffer(this.layer.env.clock.now())
  }

  /** Sends what may go; when its owner is done, while it is being told. */
  #push(): void {
    if (this.#telling) this.#wrote = true
    else this.output.push(this.layer.env.clock.now())
  }

  end(): void {
    if (this.ending || this.state === 'CLOSED') return
    this.ending = true
    // While it is still being opened, the FIN follows the handshake (RFC 9293 §3.10.4).
    if (this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED') return
    this.go('close')
    this.#push()
  }

  // ---- its owner reads ----

  get readable(): number {
    return this.incoming.available
  }

  take(): NetBuf | undefined {
    const packet = this.incoming.take()
    if (packet !== undefined) this.#consumed()
    return packet
  }

  read(into: Uint8Array): number {
    const size = this.incoming.read(into)
    if (size > 0) this.#consumed()
    return size
  }

  // ---- its owner leaves ----

  close(): void {
    if (this.orphan) return
    this.orphan = true
    const unread = this.incoming.available > 0
    this.incoming.clear()
    if (this.state === 'CLOSED') return this.layer.forget(this)
    // RFC 2525 §2.17: who does not read what came, must not let the peer believe that it did.
    if (unread || this.state === 'SYN-SENT') return this.abort()
    if (!this.ending) this.end()
    if ((this.state as TcpState) === 'FIN-WAIT-2') this.deadlines.set(deadline.finWait, this.layer.env.clock.now() + FIN_WAIT)
  }

  abort(): void {
    this.orphan = true
    if (this.state !== 'CLOSED') {
      if (this.state !== 'SYN-SENT') this.output.reset(this.layer.env.clock.now())
      this.finish(undefined)
    }
    this.incoming.clear()
    this.layer.forget(this)
  }

  // ---- settings ----

  get keepAlive(): TcpKeepAlive | undefined { return this.#keepAlive }
  set keepAlive(value: TcpKeepAlive | undefined) {
    this.#keepAlive = value
    // One that is over is in no roster.
    if (value === undefined || this.place < 0) this.deadlines.clear(deadline.keepAlive)
    else this.deadlines.set(deadline.keepAlive, this.heardAt + value.idle)
  }

  get userTimeout(): number { return this.#userTimeout }
  set userTimeout(value: number) {
    this.#userTimeout = value
    if (value === 0) this.deadlines.clear(deadline.userTimeout)
    else if (this.flight.count > 0) this.deadlines.set(deadline.userTimeout, this.layer.env.clock.now() + value)
  }

  // ---- segments ----

  arrive(segment: Segment, packet: NetBuf, ip: IpInfo): void {
    this.#input.arrive(segment, packet, ip)
  }

  count(counter: number, by = 1): void {
    this.#route.iface.count(counter, by)
  }

  /** Moves to where `event` leads. */
  go(event: TcpEvent): void {
    const next = transitions[this.state][event]
    if (next === undefined) return
    this.state = next
    if (next === 'ESTABLISHED') {
      this.news.established = true
      this.times.doubt()
      this.recovery.established(this.mss, this.#synLost)
      this.parent?.established(this)
      if (this.ending) this.go('close')
    } else if (next === 'TIME-WAIT') this.#wait()
    else if (next === 'CLOSED') this.finish(undefined)
    else if (next === 'FIN-WAIT-2' && this.orphan) this.deadlines.set(deadline.finWait, this.layer.env.clock.now() + FIN_WAIT)
  }

  /** New data is acknowledged: timers begin anew (RFC 6298 §5.3), and there may be room to write. */
  progressed(now: Instant): void {
    this.#retries = 0
    this.#soft = undefined
    const { deadlines, flight } = this
    if (flight.count === 0) {
      deadlines.clear(deadline.retransmit)
      deadlines.clear(deadline.probe)
      deadlines.clear(deadline.userTimeout)
    } else {
      deadlines.set(deadline.retransmit, now + this.times.rto)
      if (this.#userTimeout > 0) deadlines.set(deadline.userTimeout, now + this.#userTimeout)
    }
    if (this.#grows) {
      // Twice the window: so much leaves before the first of it is acknowledged and made room for.
      const wanted = Math.min(2 * this.recovery.control.window, this.layer.options.sendBuffer)
      if (wanted > this.outgoing.limit) this.outgoing.limit = wanted
    }
    if (this.#wants && this.outgoing.room > 0) {
      this.#wants = false
      this.news.writable = true
    }
  }

  /** Something came that had come before. */
  repeated(from: number, to: number): void {
    this.repeatedFrom = from
    this.repeatedTo = to
  }

  /** Something was heard: an idle connection is not idle any more. */
  heard(now: Instant): void {
    this.heardAt = now
    this.#keepAlives = 0
  }

  // ---- its owner is told ----

  /** Tells its owner what is new. Its owner may do anything meanwhile, abort among it. */
  tell(): void {
    const { news } = this
    if (this.#telling) return
    this.#telling = true
    try {
      if (news.established) {
        news.established = false
        if (this.parent !== undefined) this.parent.announce()
        else if (!this.orphan) this.sink.established?.()
      }
      if (news.readable) {
        news.readable = false
        if (!this.orphan) this.sink.readable()
      }
      if (news.ended) {
        news.ended = false
        if (!this.orphan) this.sink.ended()
      }
      if (news.writable) {
        news.writable = false
        if (!this.orphan && this.#sends()) this.sink.writable()
      }
    } finally {
      // An owner that throws is told the next time all the same.
      this.#telling = false
    }
    if (this.#wrote) {
      this.#wrote = false
      if (this.state !== 'CLOSED') this.output.push(this.layer.env.clock.now())
    }
    if (news.closed) {
      news.closed = false
      if (this.orphan) this.layer.forget(this)
      else this.sink.closed(this.#error)
    }
  }

  // ---- its end ----

  /** Over, with an error or without. What waits to be read may still be taken. */
  finish(error: (Error & { readonly code: string }) | undefined): void {
    if (this.state === 'CLOSED' && this.news.closed) return
    this.state = 'CLOSED'
    this.#release()
    this.layer.remove(this)
    this.parent?.lost(this)
    this.parent = undefined
    this.#error = error
    this.news.closed = true
    if (this.incoming.available > 0 && !this.orphan) this.layer.keep(this)
  }

  /** Over with an error, of which its owner is told at once. */
  fail(code: ErrorCode, message: string): void {
    this.finish(failure(code, `${this.remote.ip} port ${this.remote.port}: ${message}`))
    this.tell()
  }

  /** RFC 9293 §3.6.1: what remains of it is small, and answers for a while. */
  #wait(): void {
    this.layer.wait(this)
    this.finish(undefined)
  }

  #release(): void {
    this.deadlines.end()
    this.outgoing.clear()
    this.incoming.abandon()
    this.flight.reset(this.sndNxt)
    this.layer.await(this, false)
  }

  // ---- what time does ----

  #tick(now: Instant): void {
    const { deadlines } = this
    if (deadlines.take(deadline.acknowledge, now)) this.output.acknowledge(now)
    if (deadlines.take(deadline.buffer, now)) this.#again(now)
    if (deadlines.take(deadline.reorder, now)) {
      this.recovery.late(now)
      this.recovery.found(this.sndNxt, now)
      this.output.push(now)
    }
    if (deadlines.take(deadline.probe, now)) this.#probe(now)
    if (deadlines.take(deadline.persist, now)) this.#persist(now)
    if (deadlines.take(deadline.retransmit, now)) this.#retransmit(now)
    if (deadlines.take(deadline.keepAlive, now)) this.#alive(now)
    if (deadlines.take(deadline.userTimeout, now) && this.outgoing.length + this.flight.count > 0) this.#timedOut('it did not acknowledge data within the user timeout')
    if (deadlines.take(deadline.finWait, now)) this.finish(undefined)
    this.tell()
  }

  /** There may be buffers again, or smaller segments to be sent. */
  #again(now: Instant): void {
    if (this.#shrank) {
      this.#shrank = false
      // Where what went out too large ends: all of it before that goes out again, in as many pieces as it takes.
      let end = this.sndUna
      for (let i = 0; i < this.flight.count; i++) {
        const sent = this.flight.at(i)
        if (((sent.end - sent.start) | 0) > this.mss) end = sent.end
        if (!sent.sacked && ((sent.start - end) | 0) < 0) this.output.retransmit(sent, now)
      }
    }
    this.output.push(now)
    if (this.mustAcknowledge || this.unsaid > 0) this.output.acknowledge(now)
    if (this.#wants && this.outgoing.room > 0) {
      this.#wants = false
      this.news.writable = true
    }
  }

  #probe(now: Instant): void {
    if (this.flight.count === 0 || this.probing) return
    const before = this.sndNxt
    const end = this.output.probe(now)
    if (end === undefined) return
    this.probing = true
    this.probeEnd = end
    this.probeRepeats = end === before
    this.deadlines.set(deadline.retransmit, now + this.times.rto)
  }

  /** RFC 9293 §3.8.6.1: a window may be shut for as long as the peer answers; but who has left does not wait for ever (RFC 6429 §3). */
  #persist(now: Instant): void {
    if (this.sndWnd === 0) {
      if (this.heardAt >= this.#askedAt && !this.orphan) this.#retries = 0
      if (++this.#retries > this.layer.options.retryCount) return this.#timedOut('its window stays shut')
      this.#askedAt = now
      if (this.#userTimeout > 0 && this.deadlines.at(deadline.userTimeout) === Infinity) this.deadlines.set(deadline.userTimeout, now + this.#userTimeout)
    }
    this.output.persist(now)
  }

  /** RFC 6298 §5.4 to §5.7. */
  #retransmit(now: Instant): void {
    if (this.flight.count === 0) return
    const { options } = this.layer
    const opening = this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED'
    if (++this.#retries > (opening ? options.synRetryCount : options.retryCount)) {
      return this.#timedOut(opening ? 'it does not answer' : 'it does not acknowledge what it was sent')
    }
    this.times.backOff()
    this.probing = false
    if (opening) {
      this.#synLost = this.#retries > 1
      const sent = this.flight.at(0)
      this.output.retransmit(sent, now)
    } else {
      this.recovery.timedOut(this.sndNxt, now)
      this.output.push(now)
    }
    this.deadlines.set(deadline.retransmit, now + this.times.rto)
  }

  #timedOut(why: string): void {
    const soft = this.#soft
    if (soft !== undefined) this.finish(failure(soft.code, `${this.remote.ip} port ${this.remote.port}: ${soft.message}, says ${soft.from}`))
    else this.finish(failure('ETIMEDOUT', `${this.remote.ip} port ${this.remote.port}: ${why}`))
  }

  #alive(now: Instant): void {
    const keepAlive = this.#keepAlive
    if (keepAlive === undefined) return
    const { idle, interval, count } = keepAlive
    if (this.heardAt + idle > now) return this.deadlines.set(deadline.keepAlive, this.heardAt + idle)
    if (this.#keepAlives >= count) return this.#timedOut('it does not answer keep-alive probes')
    this.#keepAlives++
    // What is in flight asks for itself.
    if (this.flight.count === 0) this.output.keepAlive(now)
    this.deadlines.set(deadline.keepAlive, now + interval)
  }

  // ---- what the way says ----

  /** An ICMP error about a segment of ours that began with `sequence`. False when none in flight did (RFC 5927 §4.1). */
  unreachable(error: IcmpError, sequence: number): boolean {
    if (((sequence - this.sndUna) | 0) < 0 || ((sequence - this.sndNxt) | 0) >= 0) return false
    if (error.code === 'EMSGSIZE') {
      const before = this.mss
      // A lie may make segments small, but not smaller than every host must take (RFC 5927 §7.2).
      this.#pathMtu = Math.min(this.#pathMtu, Math.max(error.mtu ?? 0, LEAST_MSS[this.#route.family] + 60))
      this.#reroute()
      this.#fit()
      if (this.mss < before) {
        // Not now: whoever tells of it still holds the packet that says so.
        this.#shrank = true
        this.deadlines.set(deadline.buffer, this.layer.env.clock.now())
      }
    } else if (this.state === 'SYN-SENT') this.fail(error.code, `${error.message}, says ${error.from}`)
    // RFC 5461 §3, RFC 9293 §3.9.2.2: a connection that works may outlive it.
    else this.#soft = error
    return true
  }
}

/** The smallest scale with which a window of `size` can be said (RFC 7323 §2.2). */
function scaleFor(size: number): number {
  let scale = 0
  while (scale < MAX_WINDOW_SCALE && size >> scale > 0xffff) scale++
  return scale
}
