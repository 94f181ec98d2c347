/** One network interface: `net_if`. Packets pass through it in both directions, by reference and run to completion. */

import type {
  Address, Device, DeviceSink, DropReason, Env, Hold, Interface, InterfaceAddress, L2, LinkAddress, Medium, NetBuf, Netif, NetifEvent,
  NetworkInput, Offload, PacketHandler, Resolver, Tap, TransmitQueue, UpOptions,
} from '@favonius/contract'
import { deferred } from '@favonius/clock'
import { failure, NO_LINK_ADDRESS, sameAddress } from '@favonius/inet'
import type { Tally } from './counters.ts'
import { finishChecksum } from './offload.ts'
import { PacketRing } from './ring.ts'

/** What the interfaces of a stack share with the layer that made them. */
export interface Shared {
  readonly env: Env
  readonly netif: Netif
  readonly taps: readonly Tap[]
  readonly packetHandlers: readonly PacketHandler[]
  readonly transmitQueue: number
  readonly drops: Readonly<Record<'disabled' | 'down' | 'quota' | 'unknown' | 'unresolvable' | 'queueFull' | 'tooLong' | 'loopFull', DropReason>>
  readonly counters: Readonly<Record<'sent' | 'received', number>>
  protocol(etherType: number): NetworkInput | undefined
  resolver(iface: Interface, nextHop: Address): Resolver | undefined
  loop(packet: NetBuf): boolean
  lostReason(text: string): DropReason
  emit(event: NetifEvent): void
}

const NO_OFFLOAD: Offload = { transmitChecksum: false, receiveChecksum: false, segmentation: 0 }

/** A next hop that every station of a group, or all of them, must hear: it is mapped, not resolved. */
const isGroup = (a: Address): boolean => (a.family === 6 ? a.w0 >>> 24 === 0xff : a.w3 >>> 28 === 0xe || a.w3 === -1)

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

export interface InterfaceParts {
  readonly index: number
  readonly name: string
  readonly l2: L2
  readonly medium: Medium
  readonly address: LinkAddress
  readonly mtu: number
  readonly device?: Device
  readonly offload?: Offload
  readonly lower?: Interface
}

/** The interface itself. Made by `netif.add` and `netif.addVirtual`. */
export class NetworkInterface implements Interface {
  readonly index: number
  readonly name: string
  readonly medium: Medium
  readonly device: Device | undefined
  readonly l2: L2
  readonly address: LinkAddress
  readonly mtu: number
  readonly offload: Offload
  readonly headroom: number
  readonly addresses: InterfaceAddress[] = []
  readonly groups: Address[] = []
  enabled = false
  running = false

  readonly #shared: Shared
  readonly #tally: Tally
  /** What its device was too busy for; made when that first happens. */
  #queue: TransmitQueue | undefined
  readonly #lower: Interface | undefined
  readonly #joined: number[] = []
  readonly #waiters = new Set<Waiter>()
  readonly #holds = new Set<Hold>()
  readonly #failures = new Map<Hold, Error>()
  /** How many want frames for other stations. */
  #hearers = 0
  /** Carrier as the device last said; a device that says nothing has it. */
  #carrier = true
  #started: 'no' | 'starting' | 'yes' = 'no'
  /** It is being removed, or was. */
  #closed = false
  /** The end of the device, once that has begun. */
  #stopping: void | Promise<void> = undefined
  /** Priorities, a bit for each, that found no room behind the last frame of theirs: their senders wait for `ready`. */
  #full = 0

  constructor(shared: Shared, tally: Tally, parts: InterfaceParts) {
    this.#shared = shared
    this.#tally = tally
    this.#lower = parts.lower
    this.index = parts.index
    this.name = parts.name
    this.medium = parts.medium
    this.device = parts.device
    this.l2 = parts.l2
    this.address = parts.address
    this.mtu = parts.mtu
    this.offload = parts.offload ?? parts.device?.offload ?? NO_OFFLOAD
    this.headroom = parts.l2.headroom(this)
  }

  get carrier(): boolean {
    return this.#carrier
  }

  get promiscuous(): boolean {
    return this.#hearers > 0
  }

  isFull(priority: number): boolean {
    return this.#lower === undefined ? this.#queue?.isFull(priority) === true : this.#lower.isFull(priority)
  }

  // ---- states ----

  up(options: UpOptions = {}): Promise<void> {
    if (this.#closed) return Promise.reject(this.#removed())
    if (!this.enabled) {
      this.enabled = true
      this.#shared.emit({ type: 'enabled', iface: this })
      this.#start()
      this.#settleState()
    }
    const { env } = this.#shared
    const wait = deferred<void>(env)
    const timeout = options.timeout ?? 10_000
    const timer = env.clock.timer(() => {
      waiter.reject(failure('ETIMEDOUT', `${this.name} is not up after ${timeout} ms: ${this.#waitsFor()}`))
    })
    const end = (): void => {
      timer.cancel()
      this.#waiters.delete(waiter)
    }
    const waiter: Waiter = {
      resolve: () => { end(); wait.resolve() },
      reject: (error) => { end(); wait.reject(error) },
    }
    this.#waiters.add(waiter)
    if (timeout < Infinity) timer.schedule(env.clock.now() + timeout)
    this.#settleWaiters()
    return wait.promise
  }

  down(): void {
    if (!this.enabled) return
    this.enabled = false
    this.#settleState()
    this.#shared.emit({ type: 'disabled', iface: this })
    this.#holds.clear()
    this.#failures.clear()
    for (const waiter of [...this.#waiters]) waiter.reject(failure('ECANCELED', `${this.name} was taken down before it was up`))
  }

  /** Takes it down for good: the device is stopped. */
  async close(): Promise<void> {
    this.#closed = true
    this.down()
    if (this.#started !== 'no') {
      this.#started = 'no'
      this.#stopping = this.device?.stop()
    }
    await this.#stopping
  }

  hold(what: string): Hold {
    const hold: Hold & { readonly what: string } = {
      what,
      release: () => {
        this.#failures.delete(hold)
        if (this.#holds.delete(hold)) this.#settleWaiters()
      },
      fail: (error) => {
        if (!this.#holds.delete(hold)) return
        this.#failures.set(hold, error)
        this.#settleWaiters()
      },
    }
    this.#holds.add(hold)
    return hold
  }

  hearAll(): () => void {
    if (this.#closed) throw this.#removed()
    if (!this.l2.flags.promiscuous) {
      throw failure('EOPNOTSUPP', `${this.name} has no promiscuous mode: ${this.l2.name} knows no other stations`)
    }
    const below = this.#lower?.hearAll()
    if (++this.#hearers === 1) this.#setPromiscuous(true)
    let given = false
    return () => {
      if (given) return
      given = true
      if (--this.#hearers === 0) this.#setPromiscuous(false)
      below?.()
    }
  }

  #setPromiscuous(on: boolean): void {
    this.device?.promiscuous?.(on)
    this.#shared.emit({ type: 'promiscuous', iface: this })
  }

  #removed(): Error {
    return failure('ENODEV', `${this.name} was removed: add a device anew with netif.add()`)
  }

  /** What the device, or the L2 of an interface without one, says of the link. */
  setCarrier(up: boolean): void {
    this.#carrier = up
    this.#settleState()
  }

  #waitsFor(): string {
    if (this.#started === 'starting') return 'its device is still starting'
    if (!this.#carrier) return 'its device has no carrier (is the other side up?)'
    return `waiting for ${[...this.#holds].map((hold) => (hold as unknown as { what: string }).what).join(', ')}`
  }

  #start(): void {
    if (this.#started !== 'no') return
    const { device } = this
    if (device === undefined) {
      this.#started = 'yes'
      return
    }
    this.#started = 'starting'
    const sink: DeviceSink = {
      frame: (frame) => this.#receive(frame),
      ready: () => this.#ready(),
      carrier: (up) => this.setCarrier(up),
      lost: (reason) => this.lose(this.#shared.lostReason(reason)),
    }
    let begun: void | Promise<void>
    try {
      begun = device.start(sink, this.#shared.netif.buffers)
    } catch (error) {
      begun = Promise.reject(error as Error)
    }
    if (begun === undefined) {
      this.#started = 'yes'
      return
    }
    begun.then(
      () => {
        if (this.#closed) return
        this.#started = 'yes'
        this.#settleState()
      },
      (error: Error) => {
        this.#started = 'no'
        for (const waiter of [...this.#waiters]) waiter.reject(error)
        this.down()
      },
    )
  }

  /** Works out the operational state anew, and tells of it when it changed (RFC 2863 §3.1.13 in Zephyr's terms). */
  #settleState(): void {
    const running = this.enabled && this.#carrier && this.#started === 'yes'
    if (running === this.running) return
    this.running = running
    this.l2.enable(this, running)
    if (!running) {
      for (let packet = this.#queue?.shift(); packet !== undefined; packet = this.#queue?.shift()) this.drop(packet, this.#shared.drops.down)
    }
    this.#shared.emit({ type: running ? 'up' : 'down', iface: this })
    this.#tellRoom()
    this.#settleWaiters()
  }

  #settleWaiters(): void {
    if (this.#waiters.size === 0 || !this.running) return
    const [failed] = this.#failures.values()
    if (failed !== undefined) for (const waiter of [...this.#waiters]) waiter.reject(failed)
    else if (this.#holds.size === 0) for (const waiter of [...this.#waiters]) waiter.resolve()
  }

  // ---- addresses and groups ----

  addAddress(entry: InterfaceAddress): void {
    this.addresses.push(entry)
    this.#shared.emit({ type: 'address-added', iface: this, entry })
  }

  removeAddress(entry: InterfaceAddress): void {
    const at = this.addresses.indexOf(entry)
    if (at < 0) return
    this.addresses.splice(at, 1)
    this.#shared.emit({ type: 'address-removed', iface: this, entry })
  }

  updateAddress(entry: InterfaceAddress, changed: InterfaceAddress): void {
    const at = this.addresses.indexOf(entry)
    if (at < 0) return
    this.addresses[at] = changed
    this.#shared.emit({ type: 'address-changed', iface: this, entry: changed })
  }

  joinGroup(group: Address): boolean {
    const at = this.#groupAt(group)
    if (at >= 0) {
      this.#joined[at]!++
      return false
    }
    this.groups.push(group)
    this.#joined.push(1)
    this.#shared.emit({ type: 'group-joined', iface: this, group })
    return true
  }

  leaveGroup(group: Address): boolean {
    const at = this.#groupAt(group)
    if (at < 0 || --this.#joined[at]! > 0) return false
    this.groups.splice(at, 1)
    this.#joined.splice(at, 1)
    this.#shared.emit({ type: 'group-left', iface: this, group })
    return true
  }

  inGroup(group: Address): boolean {
    return this.#groupAt(group) >= 0
  }

  #groupAt(group: Address): number {
    for (let i = 0; i < this.groups.length; i++) if (sameAddress(this.groups[i]!, group)) return i
    return -1
  }

  // ---- the way up ----

  #receive(frame: NetBuf): void {
    const { drops, counters, netif, env, taps } = this.#shared
    const { traffic, times } = netif
    frame.iface = this
    frame.link = frame.offset
    frame.network = -1
    frame.transport = -1
    if (!this.enabled) return this.drop(frame, drops.disabled)
    if (!netif.buffers.adopt(frame)) return this.drop(frame, drops.quota)
    if (times === undefined) frame.timestamp = env.clock.now()
    else times.begin(frame)
    this.#tally.counters[counters.received]! += frame.total()
    for (let i = 0; i < taps.length; i++) taps[i]!.frame(this, frame, 'in')
    if (!this.#admit(frame)) return
    times?.queued(frame)
    if (traffic !== undefined) return traffic.receive(frame)
    times?.taken(frame)
    this.input(frame)
  }

  receive(frame: NetBuf): void {
    if (this.#admit(frame)) this.input(frame)
  }

  /** The link layer takes its header off, and packet handlers see what it lets in. False when the frame is gone. */
  #admit(frame: NetBuf): boolean {
    if (!this.l2.receive(this, frame)) return false
    const { packetHandlers } = this.#shared
    let wanted = false
    for (let i = 0; i < packetHandlers.length; i++) wanted = packetHandlers[i]!(this, frame) || wanted
    if (!wanted || this.#shared.protocol(frame.protocol) !== undefined) return true
    frame.unref()
    return false
  }

  input(packet: NetBuf): void {
    packet.iface = this
    const handler = this.#shared.protocol(packet.protocol)
    if (handler === undefined) return this.drop(packet, this.#shared.drops.unknown)
    handler(this, packet)
  }

  #ready(): void {
    const { device } = this
    const queue = this.#queue
    if (device === undefined || queue === undefined) return
    // Out of the queue first: a device that finds its link gone says so from within transmit, and the queue is emptied.
    for (let frame = queue.shift(); frame !== undefined; frame = queue.shift()) {
      if (this.#hand(device, frame)) continue
      if (this.running) queue.unshift(frame)
      else this.drop(frame, this.#shared.drops.down)
      break
    }
    this.#tellRoom()
  }

  /** Wakes senders when there is room for some that found none. */
  #tellRoom(): void {
    let full = 0
    for (let priority = 0; this.#full >> priority > 0; priority++) {
      if (this.#full >> priority & 1 && this.#queue!.isFull(priority)) full |= 1 << priority
    }
    if (full === this.#full) return
    this.#full = full
    this.#shared.emit({ type: 'ready', iface: this })
  }

  // ---- the way down ----

  output(packet: NetBuf, nextHop: Address): boolean {
    packet.iface = this
    if (!this.running) {
      this.drop(packet, this.#shared.drops.down)
      return false
    }
    const { l2 } = this
    if (isGroup(nextHop)) return l2.send(this, packet, l2.multicast(nextHop))
    if (l2.flags.pointToPoint) return l2.send(this, packet, NO_LINK_ADDRESS)
    const resolver = this.#shared.resolver(this, nextHop)
    if (resolver === undefined) {
      this.drop(packet, this.#shared.drops.unresolvable)
      return false
    }
    const to = resolver.resolve(this, nextHop, packet)
    return to === undefined || l2.send(this, packet, to)
  }

  transmit(frame: NetBuf): boolean {
    const { device } = this
    const { drops, counters, netif, taps } = this.#shared
    const { traffic, times } = netif
    const { priority } = frame
    frame.iface = this
    if (!this.running || device === undefined) {
      this.drop(frame, drops.down)
      return false
    }
    const size = frame.total()
    // One large segment is for the device to split.
    const most = frame.segmentSize > 0 && this.offload.segmentation > this.mtu ? this.offload.segmentation : this.mtu
    if (size > most + this.headroom + (this.l2.tagRoom ?? 0)) {
      this.drop(frame, drops.tooLong)
      return false
    }
    if (frame.checksum === 1 && !this.offload.transmitChecksum) finishChecksum(frame)
    for (let i = 0; i < taps.length; i++) taps[i]!.frame(this, frame, 'out')
    times?.queued(frame)
    if (this.#queue?.isNext(priority) === false || !this.#hand(device, frame)) {
      // The device may just have found its link gone.
      if (!this.running || !this.#keep(frame, priority)) {
        this.drop(frame, this.running ? drops.queueFull : drops.down)
        return false
      }
    }
    traffic?.sent(priority, size)
    this.#tally.counters[counters.sent]! += size
    return true
  }

  /** Gives a frame to the device. */
  #hand(device: Device, frame: NetBuf): boolean {
    const { times } = this.#shared.netif
    if (times === undefined) return device.transmit(frame)
    times.taken(frame)
    // What the device has taken may be gone already: a reference of our own keeps it until its time is taken.
    frame.ref()
    const took = device.transmit(frame)
    if (took) times.sent(frame)
    frame.unref()
    return took
  }

  /** Keeps a frame until the device is ready. False when there is no room. */
  #keep(frame: NetBuf, priority: number): boolean {
    const { netif, transmitQueue } = this.#shared
    const queue = (this.#queue ??= netif.traffic?.queue(transmitQueue) ?? new PacketRing(transmitQueue))
    if (!queue.push(frame)) return false
    if (queue.isFull(priority)) this.#full |= 1 << priority
    return true
  }

  loop(packet: NetBuf): boolean {
    packet.iface = this
    packet.link = -1
    packet.cast = 0
    if (!this.running) {
      this.drop(packet, this.#shared.drops.down)
      return false
    }
    if (this.#shared.loop(packet)) return true
    this.drop(packet, this.#shared.drops.loopFull)
    return false
  }

  // ---- counting ----

  drop(packet: NetBuf, reason: DropReason): void {
    const { taps } = this.#shared
    for (let i = 0; i < taps.length; i++) taps[i]!.dropped(this, packet, reason.text)
    this.lose(reason)
    packet.unref()
  }

  lose(reason: DropReason): void {
    const { counters, drops } = this.#tally
    drops[reason.index]!++
    for (let i = 0; i < reason.counters.length; i++) counters[reason.counters[i]!]!++
  }

  count(counter: number, by = 1): void {
    this.#tally.counters[counter]! += by
  }

  get tally(): Tally {
    return this.#tally
  }
}
