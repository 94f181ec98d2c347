/** TCP of one stack: connections and listeners, and whose each segment is. */

import type {
  Address, BufferPool, Env, IcmpError, Instant, Interface, Ip, IpInfo, NetBuf, NetworkLayer, Route, RouteOptions, Tcp, TcpBinding, TcpConnection, TcpConnectOptions, TcpEndpoint,
  TcpListener, TcpSink, Timer, Transport,
} from '@favonius/contract'
import type { Settings } from '@favonius/kconfig'
import { dynamicPort, failure, fold, isUnspecified, PROTOCOL_TCP, sameAddress } from '@favonius/inet'
import type { Congestion } from './congestion/congestion.ts'
import { cubic } from './congestion/cubic.ts'
import { Connection } from './connection.ts'
import { FlowTable } from './flows.ts'
import { InitialSequence } from './isn.ts'
import { Listener } from './listener.ts'
import type { tcpOptions } from './options.ts'
import { Roster } from './roster.ts'
import { TimeWait } from './time-wait.ts'
import { ACK, at, FIN, HEADER, readSegment, RST, Segment, SYN, TIMESTAMPS_SIZE, writeHeader, writeTimestamps } from './wire.ts'


const reasons = {
  short: ['tcp: shorter than its header', 'tcp.drop'],
  malformed: ['tcp: malformed', 'tcp.drop'],
  checksum: ['tcp: bad checksum', 'tcp.drop', 'tcp.chkerr'],
  group: ['tcp: to a group', 'tcp.drop'],
  port: ['tcp: port 0', 'tcp.drop'],
  noListener: ['tcp: no listener', 'tcp.drop', 'tcp.connrst'],
  full: ['tcp: no room for another connection', 'tcp.drop', 'tcp.conndrop'],
  backlog: ['tcp: too many wait to be accepted', 'tcp.drop', 'tcp.conndrop'],
  acknowledgment: ['tcp: acknowledges what was not sent', 'tcp.drop', 'tcp.ackerr'],
  reset: ['tcp: reset', 'tcp.rst'],
  badReset: ['tcp: reset that is out of place', 'tcp.drop', 'tcp.rsterr'],
  noSyn: ['tcp: neither SYN nor reset', 'tcp.drop'],
  noAck: ['tcp: acknowledges nothing', 'tcp.drop'],
  old: ['tcp: timestamp of the past', 'tcp.drop'],
  window: ['tcp: outside of the window', 'tcp.drop'],
  syn: ['tcp: SYN in a connection', 'tcp.drop'],
  ended: ['tcp: behind the end', 'tcp.drop'],
  orphan: ['tcp: data for nobody', 'tcp.drop'],
  timeWait: ['tcp: after the end', 'tcp.drop'],
} as const

/** TCP. `tcp()` makes one; so does whoever wires a stack by hand. */
export class TcpLayer implements Tcp, Transport {
  readonly env: Env
  readonly ip: Ip
  readonly buffers: BufferPool
  readonly options: Settings<typeof tcpOptions>
  /** @internal */
  readonly sequences: InitialSequence
  /** @internal */
  readonly drops
  /** @internal */
  readonly counters
  /** Of connections that begin from now on. */
  congestion: Congestion = cubic
  readonly #flows: FlowTable<Connection | TimeWait>
  readonly #connections = new Roster<Connection>()
  readonly #listeners: Listener[] = []
  /** Those that wait for an interface to have room. */
  readonly #blocked = new Set<Connection>()
  /** Those that are over, and hold what was not read yet. */
  readonly #kept = new Set<Connection>()
  /** In the order in which they expire, from `#firstWait` on; those among them that are gone already count no more. */
  #waiting: TimeWait[] = []
  #firstWait = 0
  #waits = 0
  readonly #waitTimer: Timer
  /** @internal Blocks of a SACK option, filled anew for each. */
  readonly blocks = new Int32Array(8)
  /** The one record that every segment is read into. */
  readonly #segment = new Segment()
  /** The way found last, to whoever it was; and whether its source was for the network layer to choose. */
  #lastWay: Route | undefined
  #lastChosen = false
  readonly #withdraw: (() => void)[]
  #stopped = false

  constructor(env: Env, ip: Ip, options: Settings<typeof tcpOptions>) {
    const { netif } = ip
    this.env = env
    this.ip = ip
    this.buffers = netif.buffers
    this.options = options
    this.sequences = new InitialSequence(env.random)
    this.drops = netif.reasons(reasons)
    this.counters = {
      received: netif.counter('tcp.recv'),
      sent: netif.counter('tcp.sent'),
      bytesReceived: netif.counter('tcp.bytes.received'),
      bytesSent: netif.counter('tcp.bytes.sent'),
      resent: netif.counter('tcp.resent'),
      retransmitted: netif.counter('tcp.rexmit'),
      outOfOrderDropped: netif.counter('tcp.seg_drop'),
      resets: netif.counter('tcp.rst_sent'),
      limited: netif.counter('tcp.limited'),
    }
    this.#flows = new FlowTable(env.random.uint32(), options.maxConnections + options.maxTimeWait)
    this.#waitTimer = env.clock.timer((now) => this.#expire(now))
    this.#withdraw = [
      ip.registerTransport(PROTOCOL_TCP, this),
      netif.listen((event) => {
        if (event.type === 'ready') this.#ready(event.iface)
      }),
    ]
  }

  get connections(): readonly TcpConnection[] {
    return [...this.#connections.members]
  }

  get listeners(): readonly TcpListener[] {
    return this.#listeners
  }

  /** Connections that are over and answer for a while. */
  get timeWaiting(): number {
    return this.#waits
  }

  /** Resets what there is, tells its owners, and gives everything back. */
  stop(): void {
    this.#stopped = true
    for (const listener of [...this.#listeners]) listener.close()
    for (const connection of [...this.#connections.members]) {
      connection.output.reset(this.env.clock.now())
      connection.fail('ECANCELED', 'the stack was stopped')
    }
    for (const connection of [...this.#kept]) connection.incoming.clear()
    this.#kept.clear()
    this.#waiting = []
    this.#waitTimer.cancel()
    for (const withdraw of this.#withdraw) withdraw()
  }

  /** Owners are told while it stops, and may begin anew. */
  #mustRun(): void {
    if (this.#stopped) throw failure('ECANCELED', 'the stack was stopped: nothing begins on it any more')
  }

  // ---- beginning ----

  connect(to: Address, port: number, sink: TcpSink, options: TcpConnectOptions = {}): TcpConnection {
    this.#mustRun()
    checkPort(port, 1)
    const { source, iface, hopLimit, trafficClass, sourcePort = 0 } = options
    checkPort(sourcePort, 0)
    if (this.#connections.size >= this.options.maxConnections) {
      throw failure('ENOBUFS', `there are ${this.options.maxConnections} connections: close some, or raise tcp({ maxConnections })`)
    }
    const layer = this.ip.layer(to.family)
    if (layer === undefined) throw failure('EAFNOSUPPORT', `${to} needs ipv${to.family}() in the composition`)
    if (layer.isMulticast(to)) throw failure('EINVAL', `${to} is a group: TCP is between two`)
    const any = source === undefined || isUnspecified(source)
    if (!any && !layer.owns(source)) throw failure('EADDRNOTAVAIL', `${source} is no address of this stack: add it first, or leave it out`)
    const route = this.#way(layer, to, { protocol: PROTOCOL_TCP, iface, source: any ? undefined : source, hopLimit, trafficClass })
    if (route === undefined) throw failure('ENETUNREACH', `there is no way to ${to}: is the interface up, with an address, and a route or a gateway?`)
    const local = { ip: route.source, port: sourcePort || this.#freePort(route.source, route.destination, port) }
    const remote = { ip: route.destination, port }
    const after = sourcePort === 0 ? undefined : this.#vacate(local, remote)
    const connection = this.#make(local, remote, route, sink, options, after)
    const { noDelay, keepAlive, userTimeout, priority } = options
    connection.noDelay = noDelay ?? false
    connection.priority = priority ?? 0
    if (hopLimit !== undefined) connection.hopLimit = hopLimit
    if (trafficClass !== undefined) connection.trafficClass = trafficClass
    connection.keepAlive = keepAlive
    connection.userTimeout = userTimeout ?? 0
    connection.open('open', this.env.clock.now())
    return connection
  }

  #make(local: TcpEndpoint, remote: TcpEndpoint, route: Route, sink: TcpSink, options: Pick<TcpConnectOptions, 'receiveBuffer' | 'sendBuffer' | 'iface'>, after: number | undefined): Connection {
    const receiveBuffer = options.receiveBuffer ?? this.options.receiveBuffer
    const now = this.env.clock.now()
    const connection = new Connection(this, { local, remote, route, sink, receiveBuffer, sendBuffer: options.sendBuffer, now, iface: options.iface, after })
    this.#connections.add(connection)
    this.#flows.add(connection)
    return connection
  }

  /**
   * The way to `to`: the one that was found last, when it leads there from the same address and is still true, as nearly always between a client and
   * its server.
   */
  #way(layer: NetworkLayer, to: Address, options: RouteOptions): Route | undefined {
    const { iface, source, hopLimit, trafficClass } = options
    if (iface !== undefined || hopLimit !== undefined || trafficClass !== undefined) return layer.route(to, options)
    const last = this.#lastWay
    if (last !== undefined && last.valid() && sameEnd(last.destination, to) && (source === undefined ? this.#lastChosen : sameEnd(last.source, source))) return last
    const route = layer.route(to, options)
    this.#lastWay = route
    this.#lastChosen = source === undefined
    return route
  }

  /** Where the numbers ended of a connection in TIME-WAIT that makes room for one from the same port. EADDRINUSE when the old one is not over. */
  #vacate(local: TcpEndpoint, remote: TcpEndpoint): number | undefined {
    const old = this.#flows.find(local.ip, local.port, remote.ip, remote.port)
    if (old === undefined) return undefined
    if (!(old instanceof TimeWait)) throw failure('EADDRINUSE', `there is a connection from port ${local.port} to ${remote.ip} port ${remote.port} already`)
    this.#forgetWait(old)
    return old.sndNxt
  }

  #freePort(local: Address, remote: Address, remotePort: number): number {
    const port = dynamicPort(this.env.random, (one) => this.#flows.find(local, one, remote, remotePort) === undefined && !this.#listeners.some((listener) => listener.port === one))
    if (port === undefined) throw failure('EADDRINUSE', `every dynamic port (49152 to 65535) has a connection to ${remote} port ${remotePort}`)
    return port
  }

  listen(binding: TcpBinding, acceptable: () => void): TcpListener {
    const { address, iface } = binding
    this.#mustRun()
    checkPort(binding.port, 0)
    if (this.#listeners.length >= this.options.maxListeners) {
      throw failure('ENOBUFS', `${this.options.maxListeners} ports are listened on: close some, or raise tcp({ maxListeners })`)
    }
    const layer = this.ip.layer(address.family)
    if (!isUnspecified(address) && !layer?.owns(address, iface)) {
      throw failure('EADDRNOTAVAIL', `${address} is no address of this stack${iface ? ` on ${iface.name}` : ''}: add it first, or listen on ${address.family === 6 ? '::' : '0.0.0.0'}`)
    }
    const port = binding.port || this.#freeListenPort(binding)
    if (this.#listeners.some((other) => other.port === port && overlap(other, binding))) {
      throw failure('EADDRINUSE', `TCP port ${port} is listened on already: choose another`)
    }
    const listener = new Listener(this, binding, port, acceptable)
    this.#listeners.push(listener)
    return listener
  }

  #freeListenPort(binding: TcpBinding): number {
    const port = dynamicPort(this.env.random, (one) => !this.#listeners.some((other) => other.port === one && overlap(other, binding)))
    if (port === undefined) throw failure('EADDRINUSE', 'every dynamic TCP port (49152 to 65535) is listened on')
    return port
  }

  /** @internal */
  unlisten(listener: Listener): void {
    this.#listeners.splice(this.#listeners.indexOf(listener), 1)
  }

  /** @internal A connection that somebody asks us for, in the place of one whose numbers ended at `after`; undefined when there is no room, or no way back. */
  welcome(segment: Segment, ip: IpInfo, binding: TcpBinding, after: number | undefined): Connection | undefined {
    if (this.#connections.size >= this.options.maxConnections) return undefined
    const { layer, iface, source, destination } = ip
    const only = binding.iface ?? (source.zone !== 0 ? iface : undefined)
    const route = this.#way(layer, source, { protocol: PROTOCOL_TCP, iface: only, source: destination })
    if (route === undefined) return undefined
    const local = { ip: route.source, port: segment.destinationPort }
    const remote = { ip: route.destination, port: segment.sourcePort }
    const connection = this.#make(local, remote, route, nobody, { ...binding, iface: only }, after)
    const now = this.env.clock.now()
    connection.synchronize(segment, now)
    connection.open('SYN', now)
    return connection
  }

  // ---- what connections ask of it ----

  /** @internal */
  routeOf({ remote, local, iface, hopLimit, trafficClass }: Connection): Route | undefined {
    return this.ip.layer(remote.ip.family)?.route(remote.ip, { protocol: PROTOCOL_TCP, iface, source: local.ip, hopLimit, trafficClass })
  }

  /** @internal A connection waits for its interface to have room, or no longer. */
  await(connection: Connection, waits = true): void {
    if (waits) this.#blocked.add(connection)
    else this.#blocked.delete(connection)
  }

  #ready(iface: Interface): void {
    const now = this.env.clock.now()
    for (const connection of [...this.#blocked]) {
      if (connection.route()?.iface !== iface) continue
      this.#blocked.delete(connection)
      connection.output.push(now)
    }
  }

  /** @internal It is over: no segment is its any more. */
  remove(connection: Connection): void {
    if (this.#connections.delete(connection)) this.#flows.remove(connection)
  }

  /** @internal It is over, and holds what was not read yet. */
  keep(connection: Connection): void {
    this.#kept.add(connection)
  }

  /** @internal It holds nothing any more. */
  forget(connection: Connection): void {
    this.#kept.delete(connection)
    connection.incoming.clear()
  }

  // ---- TIME-WAIT ----

  /** @internal */
  wait(connection: Connection): void {
    const { maxTimeWait, timeWaitDelay } = this.options
    if (maxTimeWait === 0 || timeWaitDelay === 0) return this.remove(connection)
    this.#connections.delete(connection)
    while (this.#waits >= maxTimeWait) this.#forgetWait(this.#nextWait())
    const waiting = new TimeWait(connection, this.env.clock.now(), timeWaitDelay)
    if (!this.#flows.replace(connection, waiting)) return
    this.#queueWait(waiting)
    if (this.#waitTimer.due === undefined) this.#waitTimer.schedule(waiting.expires)
  }

  #queueWait(waiting: TimeWait): void {
    this.#waiting.push(waiting)
    this.#waits++
  }

  /** Takes the first out of the queue. */
  #nextWait(): TimeWait {
    const waiting = this.#waiting[this.#firstWait]!
    this.#waiting[this.#firstWait++] = undefined as never
    // The front is cut off now and then, not each time: that would move all the others.
    if (this.#firstWait >= 1024 || this.#firstWait === this.#waiting.length) {
      this.#waiting.splice(0, this.#firstWait)
      this.#firstWait = 0
    }
    return waiting
  }

  /** @internal The peer's FIN came again. */
  waitAnew(waiting: TimeWait): void {
    waiting.expires = this.env.clock.now() + this.options.timeWaitDelay
  }

  #forgetWait(waiting: TimeWait): void {
    if (waiting.gone) return
    waiting.gone = true
    this.#waits--
    this.#flows.remove(waiting)
  }

  #expire(now: Instant): void {
    while (this.#firstWait < this.#waiting.length) {
      const first = this.#waiting[this.#firstWait]!
      if (!first.gone && first.expires > now && first.queued + this.options.timeWaitDelay > now) return this.#waitTimer.schedule(first.queued + this.options.timeWaitDelay)
      const waiting = this.#nextWait()
      if (waiting.gone || waiting.expires <= now) this.#forgetWait(waiting)
      else {
        // Its time began anew meanwhile.
        waiting.queued = waiting.expires - this.options.timeWaitDelay
        this.#waiting.push(waiting)
      }
    }
  }

  // ---- the way up ----

  receive(packet: NetBuf, ip: IpInfo): void {
    const { iface } = ip
    const { drops } = this
    const { dv, offset, length } = packet
    iface.count(this.counters.received)
    if (length < HEADER) return iface.drop(packet, drops.short)
    // RFC 9293 §3.9.2.3: nobody can have a connection with many.
    if (ip.multicast) return iface.drop(packet, drops.group)
    const total = packet.total()
    if (packet.checksum === 0 && packet.sum(offset, ip.pseudo + total) !== 0xffff) return iface.drop(packet, drops.checksum)
    const segment = this.#segment
    if (readSegment(dv, offset, offset + length, total, segment) !== undefined) return iface.drop(packet, drops.malformed)
    packet.transport = offset
    const flow = this.#flows.find(ip.destination, segment.destinationPort, ip.source, segment.sourcePort)
    if (flow === undefined) return this.#unknown(segment, packet, ip)
    if (!(flow instanceof TimeWait && this.#gives(flow, segment, ip))) return flow.arrive(segment, packet, ip)
    this.#unknown(segment, packet, ip, flow.sndNxt)
  }

  /** RFC 9293 §3.6.1 (MAY-2): only where somebody listens. Elsewhere any SYN would end the wait. */
  #gives(waiting: TimeWait, segment: Segment, ip: IpInfo): boolean {
    if (!waiting.gives(segment) || this.#listenerOf(segment.destinationPort, ip) === undefined) return false
    this.#forgetWait(waiting)
    return true
  }

  /** RFC 9293 §3.10.7.1, §3.10.7.2: it belongs to no connection. */
  #unknown(segment: Segment, packet: NetBuf, ip: IpInfo, after?: number): void {
    const { iface } = ip
    const { drops } = this
    const { flags, destinationPort, sourcePort } = segment
    if ((flags & RST) !== 0) return iface.drop(packet, drops.badReset)
    if (destinationPort === 0 || sourcePort === 0) return iface.drop(packet, drops.port)
    const listener = this.#listenerOf(destinationPort, ip)
    if (listener !== undefined && (flags & (SYN | ACK)) === SYN) {
      if (!listener.knock(segment, ip, after)) return iface.drop(packet, drops.full)
      return packet.unref()
    }
    this.refuse(segment, ip)
    iface.drop(packet, drops.noListener)
  }

  #listenerOf(port: number, { destination, iface }: IpInfo): Listener | undefined {
    let best: Listener | undefined
    let most = -1
    for (const listener of this.#listeners) {
      if (listener.port !== port) continue
      const rank = listener.rank(destination, iface)
      if (rank > most) {
        most = rank
        best = listener
      }
    }
    return best
  }

  /** @internal RFC 9293 §3.10.7.1: a reset that whoever sent the segment takes for an answer to it. */
  refuse(segment: Segment, ip: IpInfo): void {
    const { flags, acknowledgment, sequence, length } = segment
    if ((flags & RST) !== 0 || !this.options.rejectWithRst) return
    const answers = (flags & ACK) !== 0
    const size = length + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0)
    ip.iface.count(this.counters.resets)
    this.#bare(segment.destinationPort, segment.sourcePort, answers ? acknowledgment : 0, answers ? 0 : (sequence + size) | 0, answers ? RST : RST | ACK, 0, ip)
  }

  /** @internal An acknowledgement without a connection. */
  answer(waiting: TimeWait, sequence: number, acknowledgment: number, window: number, ip: IpInfo): void {
    this.#bare(waiting.local.port, waiting.remote.port, sequence, acknowledgment, ACK, window, ip, waiting.timestamps ? waiting : undefined)
  }

  /** A segment without data, back to where one came from. */
  #bare(from: number, to: number, sequence: number, acknowledgment: number, flags: number, window: number, ip: IpInfo, stamps?: TimeWait): void {
    const { layer, iface, source, destination } = ip
    const size = HEADER + (stamps === undefined ? 0 : TIMESTAMPS_SIZE)
    const route = layer.route(source, { protocol: PROTOCOL_TCP, iface: source.zone !== 0 ? iface : undefined, source: destination })
    const packet = route && this.buffers.alloc(size, route.headroom)
    if (route === undefined || packet === undefined) return
    const start = packet.add(size)
    writeHeader(packet.dv, start, from, to, sequence, acknowledgment, size, flags, window)
    if (stamps !== undefined) writeTimestamps(packet.dv, start + HEADER, (Math.floor(this.env.clock.now()) + stamps.tsOffset) | 0, stamps.tsRecent)
    this.send(packet, route, size)
  }

  /** @internal Sends a segment of `length` bytes: its checksum is left to whoever is last (RFC 9293 §3.1), and counts the pseudo-header alone so far. */
  send(packet: NetBuf, route: Route, length: number): void {
    const { dv, offset } = packet
    dv.setUint16(offset + at.checksum, fold(route.pseudo + length))
    packet.checksum = 1
    packet.checksumStart = offset
    packet.checksumAt = offset + at.checksum
    packet.transport = offset
    route.iface.count(this.counters.sent)
    // What is dropped on its way down is lost as on any way, and sent again.
    route.send(packet)
  }

  unreachable(error: IcmpError, quoted: NetBuf, source: Address, destination: Address): boolean {
    // Ports and sequence number: as much as every router quotes (RFC 792).
    if (quoted.length < at.acknowledgment) return false
    const { dv, offset } = quoted
    const flow = this.#flows.find(source, dv.getUint16(offset + at.source), destination, dv.getUint16(offset + at.destination))
    return flow !== undefined && flow.unreachable(error, dv.getInt32(offset + at.sequence))
  }
}

/** Whoever is told before there is an owner. */
const nobody: TcpSink = { readable() {}, writable() {}, ended() {}, closed() {} }

function checkPort(port: number, least: 0 | 1): void {
  if (Number.isInteger(port) && port >= least && port <= 65_535) return
  throw failure('EINVAL', `port ${port}: give a whole number from ${least === 0 ? '0 (any free port)' : '1'} to 65535`)
}

/** The same address, in the same zone. */
function sameEnd(a: Address, b: Address): boolean {
  return sameAddress(a, b) && a.zone === b.zone
}

/** Whether two listeners would hear the same SYN. */
function overlap(a: Listener, b: TcpBinding): boolean {
  if (a.iface !== undefined && b.iface !== undefined && a.iface !== b.iface) return false
  if (a.address.family !== b.address.family) {
    const six = a.address.family === 6 ? a : b
    return !six.v6only && isUnspecified(six.address)
  }
  return isUnspecified(a.address) || isUnspecified(b.address) || sameAddress(a.address, b.address)
}
