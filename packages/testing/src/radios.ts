/** What every `Radio` must do, whatever its air is. */

import * as assert from 'uvu/assert'
import type { BufferPool, BufferSource, LinkAddress, NetBuf, Radio, RadioOutcome, RadioSink } from '@favonius/contract'
import { suite } from './suite.ts'

/** Two radios that hear each other, and how time passes for them. */
export interface RadioWorld {
  readonly radio: Radio
  readonly other: Radio
  /** For the frames of both; in debug mode, so that a frame given back twice throws. */
  readonly buffers: BufferPool
  /** Two channels that it can be tuned to. Undefined where there are none, as on a line. */
  readonly channels?: readonly [number, number]
  /** Breaks `radio`, or repairs it. Undefined where that cannot be. */
  work?(working: boolean): void | Promise<void>
  /** Resolves when `done` says so, letting time pass. */
  until(done: () => boolean): Promise<void>
  /** Lets what is under way arrive, however long that takes. */
  settle(): Promise<void>
  /** Runs a test's body, in virtual time where that is how time passes. */
  run(body: () => Promise<void>): Promise<void>
  /** Ends the air, once both radios are stopped. */
  stop(): Promise<void>
}

const PAN = 0xabcd
/** The channel of a radio that has no other. */
const CHANNEL = 26
/** The longest frame, without its FCS. */
const LONGEST = 125
const HEADER = 21
const EVERYONE = 0xffff

/** A data frame of 2006 within a PAN, to an EUI-64 or a short address. */
function dataTo(
  to: LinkAddress | number, from: LinkAddress, sequence: number, payload = 'hello', { acknowledge = false, panId = PAN } = {},
): Uint8Array {
  const short = typeof to === 'number'
  const header = short ? HEADER - 6 : HEADER
  const bytes = new Uint8Array(header + payload.length)
  const dv = new DataView(bytes.buffer)
  dv.setUint16(0, 0xc000 | 0x1000 | (short ? 0x0800 : 0x0c00) | 0x0041 | (acknowledge ? 0x0020 : 0), true)
  dv.setUint8(2, sequence)
  dv.setUint16(3, panId, true)
  if (short) dv.setUint16(5, to, true)
  else {
    dv.setInt32(5, to.lo, true)
    dv.setInt32(9, to.hi, true)
  }
  dv.setInt32(header - 8, from.lo, true)
  dv.setInt32(header - 4, from.hi, true)
  for (let i = 0; i < payload.length; i++) bytes[header + i] = payload.charCodeAt(i)
  return bytes
}

/** A radio's sink, which keeps what it is told, and a way to send. */
class Ear implements RadioSink, BufferSource {
  readonly radio: Radio
  readonly buffers: BufferPool
  readonly heard: { readonly bytes: Uint8Array; readonly rssi: number; readonly lqi: number }[] = []
  readonly ended: RadioOutcome[] = []
  readonly carriers: boolean[] = []
  readonly losses: string[] = []
  /** No buffer is to be had. */
  dry = false
  deaf = false
  /** Within a call of any `transmit`, when nobody may be told anything. */
  static transmitting = 0

  constructor(radio: Radio, buffers: BufferPool) {
    this.radio = radio
    this.buffers = buffers
  }

  alloc(length: number, headroom?: number): NetBuf | undefined {
    return this.dry ? undefined : this.buffers.alloc(length, headroom)
  }

  frame(frame: NetBuf, rssi: number, lqi: number): void {
    this.#told()
    assert.is(frame.next, undefined, 'a frame is one run of bytes')
    this.heard.push({ bytes: frame.view().slice(), rssi, lqi })
    // Whoever hears it may do with it what they like.
    frame.u8.fill(0, frame.offset, frame.offset + frame.length)
    frame.unref()
  }

  transmitted(outcome: RadioOutcome): void {
    this.#told()
    this.ended.push(outcome)
  }

  carrier(up: boolean): void {
    this.carriers.push(up)
  }

  lost(reason: string): void {
    this.losses.push(reason)
  }

  #told(): void {
    assert.is(Ear.transmitting, 0, 'it was told from within transmit')
    assert.not(this.deaf, 'it was told after stop')
  }

  async start(channel: number, filter: { readonly shortAddress?: number; readonly promiscuous?: boolean } = {}): Promise<void> {
    this.radio.tune(channel)
    this.filter(filter)
    await this.radio.start(this, this)
  }

  filter({ shortAddress = EVERYONE, promiscuous = false }: { readonly shortAddress?: number; readonly promiscuous?: boolean }): void {
    this.radio.filter({ address: this.radio.address, panId: PAN, shortAddress, promiscuous })
  }

  async stop(): Promise<void> {
    await this.radio.stop()
    this.deaf = true
  }

  /** Hands a frame over; returns its buffer, with a reference of the caller's own when it is to be `kept`. */
  send(bytes: Uint8Array, kept = false): NetBuf {
    const frame = this.buffers.alloc(bytes.length)!
    frame.write(bytes)
    this.give(kept ? frame.ref() : frame)
    return frame
  }

  give(frame: NetBuf): void {
    Ear.transmitting++
    try {
      this.radio.transmit(frame)
    } finally {
      Ear.transmitting--
    }
  }
}

/** Runs the suite of the `Radio` contract. */
export function radioConformance(name: string, make: () => Promise<RadioWorld>): void {
  const test = suite(`Radio: ${name}`)
  /** Each body gets two radios that are started on one channel; no buffer may be live when both are stopped. */
  const check = (title: string, body: (world: RadioWorld, one: Ear, two: Ear) => Promise<void>): void => test(title, async () => {
    const world = await make()
    const [one, two] = [new Ear(world.radio, world.buffers), new Ear(world.other, world.buffers)]
    try {
      await world.run(async () => {
        for (const ear of [one, two]) await ear.start(world.channels?.[0] ?? CHANNEL)
        await body(world, one, two)
      })
    } finally {
      for (const ear of [one, two]) if (!ear.deaf) await ear.stop()
      await world.stop()
    }
    assert.is(world.buffers.live, 0, `buffers were not given back: ${world.buffers.owners().join('; ')}`)
  })

  check('its address is an EUI-64, and a symbol takes time', async (_world, { radio }) => {
    assert.is(radio.address.length, 8)
    assert.ok(radio.symbol > 0 && radio.symbol < 1, `${radio.symbol} ms`)
  })

  check('frames of every length arrive as they were, with strength and quality, and each is told of once', async ({ until, settle }, one, two) => {
    for (const [from, to] of [[one, two], [two, one]] as const) {
      let sequence = 0
      for (const size of [HEADER, HEADER + 1, 40, 80, LONGEST - 1, LONGEST]) {
        const bytes = dataTo(to.radio.address, from.radio.address, sequence++, 'x'.repeat(size - HEADER))
        from.send(bytes)
        await until(() => from.ended.length === sequence && to.heard.length === sequence)
        assert.equal(to.heard.at(-1)!.bytes, bytes)
        const { rssi, lqi } = to.heard.at(-1)!
        assert.ok(Number.isNaN(rssi) || (rssi > -128 && rssi < 64), `${rssi} dBm`)
        assert.ok(Number.isInteger(lqi) && lqi >= 0 && lqi <= 255, `quality ${lqi}`)
      }
      await settle()
      assert.is(to.heard.length, sequence)
      assert.ok(from.ended.every((outcome) => outcome === 'sent' || outcome === 'acknowledged'))
      from.ended.length = to.heard.length = 0
    }
  })

  check('a frame of which others hold a reference stays as it is, and can be sent again', async ({ until }, one, two) => {
    const bytes = dataTo(two.radio.address, one.radio.address, 7)
    const frame = one.send(bytes, true)
    await until(() => one.ended.length === 1 && two.heard.length === 1)
    assert.equal([frame.references, frame.view().slice()], [1, bytes])
    one.give(frame)
    await until(() => one.ended.length === 2 && two.heard.length === 2)
    assert.equal(two.heard.map(({ bytes }) => bytes), [bytes, bytes])
  })

  check('it hears what is for its EUI-64, for its short address and for everyone, in its PAN and in all', async ({ until, settle }, one, two) => {
    two.filter({ shortAddress: 0x1234 })
    const frames = [
      dataTo(two.radio.address, one.radio.address, 1), dataTo(0x1234, one.radio.address, 2), dataTo(EVERYONE, one.radio.address, 3),
      dataTo(EVERYONE, one.radio.address, 4, 'all', { panId: EVERYONE }),
    ]
    for (const [i, frame] of frames.entries()) {
      one.send(frame)
      await until(() => one.ended.length === i + 1)
    }
    await settle()
    assert.equal(two.heard.map(({ bytes }) => bytes[2]), [1, 2, 3, 4])
  })

  check('promiscuous, it hears everything', async ({ until, settle }, one, two) => {
    two.filter({ promiscuous: true })
    const frames = [
      dataTo(0x7777, one.radio.address, 1), dataTo(one.radio.address, one.radio.address, 2), dataTo(0x7777, one.radio.address, 3, 'x', { panId: 1 }),
      Uint8Array.of(2, 0, 4),
    ]
    for (const [i, frame] of frames.entries()) {
      one.send(frame)
      await until(() => one.ended.length === i + 1)
    }
    await settle()
    assert.equal(two.heard.map(({ bytes }) => bytes[2]), [1, 2, 3, 4])
  })

  check('an acknowledgment comes to who waits for it', async ({ radio, other, until }, one, two) => {
    if (radio.abilities.acknowledge || other.abilities.acknowledge || radio.abilities.retransmit) return
    one.send(dataTo(two.radio.address, one.radio.address, 77, 'please', { acknowledge: true }))
    await until(() => two.heard.length === 1)
    two.send(Uint8Array.of(2, 0, 77))
    await until(() => one.heard.length === 1)
    assert.equal(one.heard[0]!.bytes, Uint8Array.of(2, 0, 77))
  })

  check('what it does by itself it tells', async ({ radio, other, until }, one, two) => {
    if (!radio.abilities.retransmit || !other.abilities.acknowledge) return
    one.send(dataTo(two.radio.address, one.radio.address, 77, 'please', { acknowledge: true }))
    await until(() => one.ended.length === 1)
    assert.equal([one.ended, two.heard.length], [['acknowledged'], 1])
  })

  check('channels are apart', async ({ channels, until, settle }, one, two) => {
    if (channels === undefined) return
    two.radio.tune(channels[1])
    one.send(dataTo(EVERYONE, one.radio.address, 1))
    await until(() => one.ended.length === 1)
    await settle()
    assert.is(two.heard.length, 0)
    one.radio.tune(channels[1])
    one.send(dataTo(EVERYONE, one.radio.address, 2))
    await until(() => two.heard.length === 1)
  })

  check('a quiet channel is clear, and has less energy than a signal', async ({ until, settle }, one, two) => {
    assert.ok(one.radio.clear() && two.radio.clear())
    one.send(dataTo(two.radio.address, one.radio.address, 1))
    await until(() => two.heard.length === 1)
    await settle()
    assert.not(two.radio.energy() >= two.heard[0]!.rssi)
  })

  check('without a buffer a frame is lost; later ones arrive', async ({ until, settle }, one, two) => {
    two.dry = true
    one.send(dataTo(two.radio.address, one.radio.address, 1))
    await until(() => one.ended.length === 1)
    await settle()
    const late = two.heard.length
    // By reference it may come all the same; where it was copied it may not.
    assert.is(late + two.losses.length, 1)
    two.dry = false
    one.send(dataTo(two.radio.address, one.radio.address, 2))
    await until(() => two.heard.length === late + 1)
  })

  check('its carrier goes and comes', async ({ work, until, settle }, one, two) => {
    if (work === undefined) return
    assert.ok(one.carriers.at(-1) ?? true)
    await work(false)
    await until(() => one.carriers.at(-1) === false)
    two.send(dataTo(one.radio.address, two.radio.address, 1))
    await settle()
    assert.is(one.heard.length, 0)
    await work(true)
    await until(() => one.carriers.at(-1) === true)
    two.send(dataTo(one.radio.address, two.radio.address, 2))
    await until(() => one.heard.length === 1)
  })

  check('after stop() nobody is told anything, and what was under way is given back', async ({ buffers, settle }, one, two) => {
    one.send(dataTo(two.radio.address, one.radio.address, 1))
    await one.stop()
    two.send(dataTo(one.radio.address, two.radio.address, 2))
    await settle()
    await two.stop()
    await settle()
    assert.is(buffers.live, 0)
  })

  test.run()
}
