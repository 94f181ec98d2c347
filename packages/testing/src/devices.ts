/** What every `Device` must do, whatever is behind it. */

import * as assert from 'uvu/assert'
import type { BufferPool, BufferSource, ChecksumState, Device, DeviceSink, NetBuf } from '@favonius/contract'
import { suite } from './suite.ts'

/** A device, the one at the other end of its link, and how time passes for them. */
export interface DeviceWorld {
  readonly device: Device
  /** Hears what `device` sends, and is heard by it. The same one where it hears itself, as loopback does. */
  readonly other: Device
  /** For the frames of both; in debug mode, so that a frame given back twice throws. */
  readonly buffers: BufferPool
  /** Frames pass by reference, in this memory: what arrives is the buffer that was sent, and none is allocated. */
  readonly byReference: boolean
  /** It refuses frames while it has enough to do, and so loses none. False for one that leaves queueing to a kernel. */
  readonly refuses: boolean
  /** Pulls the cable of `device`, or puts it back. Undefined where there is none. */
  plug?(plugged: boolean): void | Promise<void>
  /** Resolves when `done` says so, letting time pass. */
  until(done: () => boolean): Promise<void>
  /** Lets what is under way arrive, however long that takes. */
  settle(): Promise<void>
  /** Runs a test's body, in virtual time where that is how time passes. */
  run(body: () => Promise<void>): Promise<void>
  /** Ends the link, once both devices are stopped. */
  stop(): Promise<void>
}

/** IEEE 802's local experimental EtherType: no kernel has anything to say to it. */
const EXPERIMENTAL = 0x88b5
/** Frames shorter than this may arrive padded to it (IEEE 802.3 §3.2.8). */
const ETHERNET_MINIMUM = 60
/** More frames than any device takes at once, if it ever refuses one. */
const MANY = 5000

/** A frame as it arrived. */
interface Heard {
  readonly buffer: NetBuf
  readonly bytes: Uint8Array
  readonly checksum: ChecksumState
  /** Relative to the frame's first byte, when the checksum is partial. */
  readonly checksumStart: number
  readonly checksumAt: number
}

/** One end of the link: a device's sink, which keeps what it is told, and a way to send. */
class End implements DeviceSink, BufferSource {
  readonly device: Device
  readonly buffers: BufferPool
  readonly heard: Heard[] = []
  readonly carriers: boolean[] = []
  readonly losses: string[] = []
  readies = 0
  allocated = 0
  /** No buffer is to be had. */
  dry = false
  /** After `stop()`. */
  deaf = false
  /** What else is done with a frame that arrives. */
  onFrame: (() => void) | undefined
  /** Frames that the device was not ready for. */
  readonly #waiting: NetBuf[] = []
  /** Of the next frame, where frames are numbered. */
  #number = 0
  /** Within a call of any `transmit`, when no frame may be delivered. */
  static transmitting = 0

  constructor(device: Device, buffers: BufferPool) {
    this.device = device
    this.buffers = buffers
  }

  alloc(length: number, headroom?: number): NetBuf | undefined {
    if (this.dry) return undefined
    this.allocated++
    return this.buffers.alloc(length, headroom)
  }

  frame(frame: NetBuf): void {
    assert.is(End.transmitting, 0, 'a frame was delivered from within transmit')
    assert.not(this.deaf, 'a frame was delivered after stop')
    assert.ok(frame.references > 0, 'a frame comes with a reference')
    const bytes = new Uint8Array(frame.total())
    frame.copyTo(bytes)
    const { offset, checksum } = frame
    // What a kernel sends of its own accord is not ours to judge.
    const ours = this.device.medium !== 'ethernet' || (bytes[12]! << 8 | bytes[13]!) === EXPERIMENTAL
    if (ours) this.heard.push({ buffer: frame, bytes, checksum, checksumStart: frame.checksumStart - offset, checksumAt: frame.checksumAt - offset })
    frame.unref()
    if (ours) this.onFrame?.()
  }

  ready(): void {
    this.readies++
    while (this.#waiting.length > 0 && this.transmit(this.#waiting[0]!)) this.#waiting.shift()
  }

  carrier(up: boolean): void {
    this.carriers.push(up)
  }

  lost(reason: string): void {
    this.losses.push(reason)
  }

  async start(): Promise<void> {
    await this.device.start(this, this)
  }

  async stop(): Promise<void> {
    await this.device.stop()
    this.deaf = true
    for (const frame of this.#waiting.splice(0)) frame.unref()
  }

  /** Hands a frame over, now or when the device is ready for it. */
  give(frame: NetBuf): void {
    if (this.#waiting.length > 0 || !this.transmit(frame)) this.#waiting.push(frame)
  }

  transmit(frame: NetBuf): boolean {
    End.transmitting++
    try {
      return this.device.transmit(frame)
    } finally {
      End.transmitting--
    }
  }

  /** The bytes of a frame to the other end, with a payload of `size` bytes that differs from one `seed` to the next. */
  compose(to: End, wanted: number, seed = wanted): Uint8Array {
    const { medium, mtu } = this.device
    const size = Math.min(wanted, mtu)
    const header = medium === 'ethernet' ? 14 : medium === 'ieee802154' ? 21 : 0
    const bytes = new Uint8Array(header + size)
    for (let i = 0; i < size; i++) bytes[header + i] = Math.imul(i + seed, 0x9e3779b1) >>> 24
    if (size > 0) bytes[header] = 0x60 // where there is no header, the version of IP is read here
    if (header === 0) return bytes
    const dv = new DataView(bytes.buffer)
    if (medium === 'ieee802154') {
      // A data frame of 2006 within a PAN, between EUI-64s, which asks for nothing. The number tells it from the one before.
      dv.setUint16(0, 0x41dc)
      dv.setUint8(2, this.#number++)
      dv.setUint16(3, 0xcdab)
      for (const [at, { hi, lo }] of [[5, to.device.address], [13, this.device.address]] as const) {
        dv.setInt32(at, lo, true)
        dv.setInt32(at + 4, hi, true)
      }
      return bytes
    }
    for (const [at, { hi, lo }] of [[0, to.device.address], [6, this.device.address]] as const) {
      dv.setUint16(at, hi)
      dv.setInt32(at + 2, lo)
    }
    dv.setUint16(12, EXPERIMENTAL)
    return bytes
  }

  /** A buffer with these bytes; without headroom unless some is asked for, and cut in two at `cut`. */
  buffer(bytes: Uint8Array, { headroom = 0, cut = bytes.length } = {}): NetBuf {
    const whole = this.buffers.alloc(bytes.length, headroom)!
    whole.write(bytes.subarray(0, cut))
    if (cut < bytes.length) {
      const rest = this.buffers.alloc(bytes.length - cut)!
      rest.write(bytes.subarray(cut))
      whole.append(rest)
    }
    return whole
  }

  /** Sends a frame, as soon as it is taken. Returns its bytes. */
  send(to: End, size: number, seed?: number): Uint8Array {
    const bytes = this.compose(to, size, seed)
    this.give(this.buffer(bytes, { headroom: 32 }))
    return bytes
  }
}

/** The frame is `sent`, padded at most. */
function assertArrived({ bytes }: Heard, sent: Uint8Array): void {
  assert.ok(bytes.length === sent.length || (bytes.length > sent.length && bytes.length <= ETHERNET_MINIMUM), `${sent.length} bytes came as ${bytes.length}`)
  assert.equal(bytes.subarray(0, sent.length), sent)
}

/** Runs the suite of the `Device` contract. */
export function deviceConformance(name: string, make: () => Promise<DeviceWorld>): void {
  const test = suite(`Device: ${name}`)
  /** Each body gets a link whose ends are both started, unless it does that itself; no buffer may be live when all is stopped. */
  const check = (title: string, body: (world: DeviceWorld, one: End, two: End) => Promise<void>, { start = true } = {}): void => test(title, async () => {
    const world = await make()
    const one = new End(world.device, world.buffers)
    const two = world.other === world.device ? one : new End(world.other, world.buffers)
    const ends = new Set([one, two])
    try {
      await world.run(async () => {
        if (start) for (const end of ends) await end.start()
        await body(world, one, two)
      })
    } finally {
      for (const end of ends) if (!end.deaf) await end.stop()
      await world.stop()
    }
    assert.is(world.buffers.live, 0, `buffers were not given back: ${world.buffers.owners().join('; ')}`)
  })
  const ways = (one: End, two: End): readonly (readonly [End, End])[] => (one === two ? [[one, one]] : [[one, two], [two, one]])

  check('frames of every size arrive whole, once and in order, both ways', async ({ until, settle }, one, two) => {
    for (const [from, to] of ways(one, two)) {
      const { mtu } = from.device
      const sent = [1, 2, 3, 45, 46, 47, 511, 1000, mtu - 1, mtu].filter((size) => size <= mtu).map((size) => from.send(to, size))
      await until(() => to.heard.length >= sent.length)
      await settle()
      assert.is(to.heard.length, sent.length)
      for (const [i, bytes] of sent.entries()) assertArrived(to.heard[i]!, bytes)
      to.heard.length = 0
    }
  })

  check('a frame may be in fragments, and without headroom', async ({ until }, one, two) => {
    for (const [from, to] of ways(one, two)) {
      const sent = [14, 15, 200, 414].map((cut) => {
        const bytes = from.compose(to, 401)
        from.give(from.buffer(bytes, { cut: Math.min(cut, bytes.length) }))
        return bytes
      })
      await until(() => to.heard.length === 4)
      for (const [i, heard] of to.heard.entries()) assertArrived(heard, sent[i]!)
      to.heard.length = 0
    }
  })

  check('an answer from within frame() arrives on a later turn: two ends do not recurse', async ({ until }, one, two) => {
    const ROUNDS = 50
    let left = ROUNDS
    // `frame` of an end fails when it is entered from a `transmit` that has not returned.
    for (const [from, to] of ways(one, two)) to.onFrame = () => { if (--left > 0) to.send(from, 100, left) }
    one.send(two, 100)
    await until(() => left === 0)
    assert.is(new Set([...one.heard, ...two.heard]).size, ROUNDS)
  })

  check('a frame that is taken is the device\'s, one that is refused the caller\'s, and ready() follows', async ({ buffers, refuses, until, settle }, one, two) => {
    let taken = 0
    const taking: Uint8Array[] = []
    let refused: NetBuf | undefined
    while (taken < MANY && refused === undefined) {
      taking.push(one.compose(two, 20, taken))
      const frame = one.buffer(taking.at(-1)!, { headroom: 32 })
      if (one.transmit(frame)) taken++
      else refused = frame
    }
    if (refused === undefined) assert.not(refuses, `it took ${MANY} frames, and was to refuse some`)
    else {
      assert.is(refused.references, 1)
      assert.is(one.readies, 0, 'there was nothing to be ready for')
      await until(() => one.readies > 0)
      assert.ok(one.transmit(refused), 'it is taken after ready()')
      taken++
    }
    await settle()
    assert.is(buffers.live, 0, 'all were given back')
    if (refuses) {
      assert.is(two.heard.length, taken)
      for (const [i, heard] of two.heard.entries()) assertArrived(heard, taking[i]!)
    }
  })

  check('received frames are allocated from the pool that start() was given, unless they come by reference', async ({ byReference, until }, one, two) => {
    for (const [from, to] of ways(one, two)) {
      const bytes = from.compose(to, 300)
      const buffer = from.buffer(bytes, { headroom: 32 })
      assert.ok(from.transmit(buffer))
      await until(() => to.heard.length === 1)
      if (byReference) assert.is(to.heard[0]!.buffer, buffer)
      else assert.ok(to.allocated > 0)
      assert.is(byReference, to.allocated === 0)
      to.heard.length = 0
    }
  })

  check('without a buffer a frame is lost, and told of; later ones arrive', async ({ byReference, until }, one, two) => {
    if (byReference) return
    for (const [from, to] of ways(one, two)) {
      to.dry = true
      for (let n = 0; n < 3; n++) from.send(to, 100)
      await until(() => to.losses.length >= 3)
      assert.equal([to.losses, to.heard.length], [['no buffer', 'no buffer', 'no buffer'], 0])
      to.dry = false
      const sent = from.send(to, 100)
      await until(() => to.heard.length === 1)
      assertArrived(to.heard[0]!, sent)
      to.heard.length = 0
    }
  })

  check('a partial checksum is finished or passed on as one, as the device offers', async ({ until }, one, two) => {
    for (const [from, to] of ways(one, two)) {
      // What is summed stands behind a network header: a kernel takes no other.
      const bytes = from.compose(to, 40 + 64)
      const start = bytes.length - 64
      const field = start + 6
      const buffer = from.buffer(bytes, { headroom: 32 })
      // The complement of the whole sum, of which the field's seed is a part.
      const finished = ~buffer.sum(buffer.offset + start) & 0xffff
      const offered = from.device.offload.transmitChecksum
      if (offered) Object.assign(buffer, { checksum: 1, checksumStart: buffer.offset + start, checksumAt: buffer.offset + field })
      assert.ok(from.transmit(buffer))
      await until(() => to.heard.length === 1)
      const [heard] = to.heard.splice(0)
      if (!to.device.offload.receiveChecksum) assert.is(heard!.checksum, 0, 'who verifies nothing vouches for nothing')
      if (offered && heard!.checksum !== 1) new DataView(bytes.buffer).setUint16(field, finished)
      assertArrived(heard!, bytes)
      if (heard!.checksum === 1) assert.equal([offered, heard!.checksumStart, heard!.checksumAt], [true, start, field])
    }
  })

  check('the carrier follows the cable; what is sent without it is lost, and not kept', async ({ buffers, plug, until, settle }, one, two) => {
    if (plug === undefined) return
    assert.ok(one.carriers.at(-1) ?? true)
    await plug(false)
    await until(() => one.carriers.at(-1) === false)
    for (const [from, to] of ways(one, two)) from.send(to, 100)
    await settle()
    assert.equal([one.heard.length, two.heard.length, buffers.live], [0, 0, 0])
    await plug(true)
    await until(() => one.carriers.at(-1) === true)
    for (const [from, to] of ways(one, two)) {
      const sent = from.send(to, 200)
      await until(() => to.heard.length === 1)
      assertArrived(to.heard[0]!, sent)
    }
  })

  check('a frame for a device that is not started yet does no harm', async ({ until, settle }, one, two) => {
    if (one === two) return
    await two.start()
    two.send(one, 100)
    await settle()
    await one.start()
    await settle()
    // A queue before the device may have kept the first one.
    const before = one.heard.length
    assert.ok(before <= 1)
    const sent = two.send(one, 200)
    await until(() => one.heard.length > before)
    assertArrived(one.heard.at(-1)!, sent)
  }, { start: false })

  check('after stop() nothing is delivered and nothing leaves, and what was under way is given back', async ({ buffers, settle }, one, two) => {
    for (let n = 0; n < 10; n++) for (const [from, to] of ways(one, two)) from.send(to, 100)
    await one.stop()
    await settle()
    const heard = two.heard.length
    // `frame` of an end fails when it is stopped.
    for (const [from, to] of ways(one, two)) {
      const late = from.buffer(from.compose(to, 200), { headroom: 32 })
      if (!from.transmit(late)) late.unref()
    }
    await settle()
    assert.is(two.heard.length, heard)
    if (one !== two) await two.stop()
    assert.is(buffers.live, 0)
  })

  test.run()
}
