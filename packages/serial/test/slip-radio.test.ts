import type { RadioFilter } from '@favonius/contract'
import { sleep } from '@favonius/clock'
import { ieee802154 } from '@favonius/ieee802154'
import { show as showFrame } from '@favonius/ieee802154/wire'
import { eui64, linkAddress } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { Air, simulate } from '@favonius/sim'
import { sixlowpan } from '@favonius/sixlowpan'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { SlipReader, slipRoom, writeSlip } from '../src/slip.ts'
import { SlipMote, SlipRadio } from '../src/slip-radio/index.ts'
import { commandOf, readSend, show } from '../src/slip-radio/wire.ts'
import { AT, connect, data, EVERYONE, FILTER, mac, OURS, PAN, THEIRS, world, type Plain, type World } from './world.ts'

const test = suite('serial: SLIP radio')

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0))

/** The other end of a line, which speaks in messages. */
interface Peer {
  say(...message: (number | string | Uint8Array)[]): void
  /** What it heard, shown; frames as frames. */
  seen(): string[]
}

function talk(line: Plain): Peer {
  const reader = new SlipReader(300)
  return {
    say(...parts) {
      const message = Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : typeof part === 'string' ? ascii(part) : [...part])))
      const into = new Uint8Array(slipRoom(message.length))
      line.say(into.subarray(0, writeSlip(message, message.length, into)))
    },
    seen() {
      const out: string[] = []
      reader.take(line.heard, {
        message: (length) => {
          const message = reader.bytes.slice(0, length)
          out.push(commandOf(new DataView(message.buffer), length) < 0 ? showFrame(message) : show(message).replace('slip-radio: ', ''))
        },
        lost: (reason) => void out.push(reason),
      })
      return out
    },
  }
}

test('commands and frames are told apart; what is cut short says so', () => {
  const shown = (...parts: (number | string)[]): string => show(Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : ascii(part)))))
  assert.equal([
    shown('!S', 3, 1, 10, 0, 1, 0x41, 0xd8, 5), shown('!S', 3, 2, 10, 0, 1, 0x41), shown('!S', 3, 0), shown('!R', 3, 2, 8), shown('!R', 3),
    shown('!V', 0, 1, 0, 26), shown('?V', 0, 2), shown('?V', 0), shown('!M', 2, 0, 0, 0, 0, 0, 0, 1), shown('!M', 2), shown('?M'), shown('!G'), shown(0x41, 0xd8, 5),
  ].map((line) => line.replace('slip-radio: ', '')), [
    'send, session 3, length 3', 'attributes that are cut short (8 bytes)', 'no frame, or one that is too long (4 bytes)', 'report, session 3, noAcknowledgment, transmissions 8',
    'shorter than its header (3 bytes)', 'channel is 26', 'what is panId?', 'shorter than its header (3 bytes)', 'address 02:00:00:00:00:00:00:01', 'shorter than its header (3 bytes)',
    'what is your address?', 'command !G', 'frame, length 3',
  ])
  // A data frame that asks for an acknowledgment, to and from two PANs, begins with the same byte as a command.
  assert.is(commandOf(new DataView(Uint8Array.of(0x21, 0xcc, 7).buffer), 3), -1)
})

test('no bytes make it throw, or a frame that is not there', () => {
  fc.assert(fc.property(fc.constantFrom('!S', '!R', '!V', '?V', '!M', '?M', ''), fc.uint8Array({ maxLength: 200 }), (command, rest) => {
    const message = Uint8Array.of(...ascii(command), ...rest)
    show(message)
    const send = readSend(new DataView(message.buffer), message.length)
    if (!('malformed' in send)) assert.ok(send.frame < message.length && message.length - send.frame <= 125)
  }), { numRuns: 2000 })
})

// ---- the host of a mote ----

interface HostWorld extends World {
  readonly radio: SlipRadio
  readonly told: string[]
  readonly mote: Peer
  readonly line: Plain
  send(frame: Uint8Array<ArrayBuffer>): void
}

const MOTE = ['!M', 2, 0, 0, 0, 0, 0, 0, 1] as const

/** A host that listens, and a plain connection to it, which says what a mote would. */
const hostWorld = (body: (it: HostWorld) => Promise<void>): Promise<void> => world(async (world) => {
  const { env, here, there, buffers, settle } = world
  const opening = SlipRadio.open(env, here, { local: AT })
  const line = await connect(there)
  const mote = talk(line)
  mote.say('\rStarting Contiki-NG')
  await settle(600)
  // It may have asked before anybody listened, and asks again.
  assert.ok(mote.seen().every((message) => message === 'what is your address?'))
  mote.say(...MOTE)
  const radio = await opening
  assert.is(`${radio.address}`, `${OURS}`)
  const told: string[] = []
  radio.tune(26)
  radio.power(-3)
  radio.filter(FILTER)
  await radio.start(mac(told), buffers)
  await settle()
  assert.equal(mote.seen().filter((message) => !message.endsWith('?')), ['channel is 26', 'power is 65533', 'panId is 43981', 'receiveMode is 3'])
  assert.equal(told.splice(0), ['carrier'])
  await body({
    ...world, radio, told, mote, line,
    send(frame) {
      const buffer = buffers.alloc(frame.length)!
      buffer.write(frame)
      radio.transmit(buffer)
    },
  })
  radio.stop()
  line.leave()
})

test('host: it sends, and is told how that ended', () => hostWorld(async ({ told, mote, send, settle }) => {
  for (const [frame, status, transmissions, outcome] of [
    [data(THEIRS, { from: OURS }), 0, 2, 'acknowledged 2'], [data(EVERYONE, { from: OURS, acknowledge: false, sequence: 6 }), 0, 1, 'sent 1'], [data(THEIRS), 2, 8, 'no-ack 8'],
    [data(THEIRS), 1, 4, 'busy 4'], [data(THEIRS), 6, 0, 'no-ack 1'],
  ] as const) {
    send(frame)
    await settle()
    const [seen, ...more] = mote.seen()
    assert.match(seen!, new RegExp(`^send, session \\d+, length ${frame.length}$`))
    assert.equal([more, told], [[], []])
    const session = Number(/\d+/.exec(seen!)![0])
    mote.say('!R', session + 1, status, transmissions)
    mote.say('!R', session, status, transmissions)
    await settle()
    assert.equal(told.splice(0), [outcome])
  }
}))

test('host: a report that does not come is not waited for, and counts no more when it does', () => hostWorld(async ({ told, mote, send, settle }) => {
  send(data(THEIRS))
  await settle(2500)
  assert.equal(told.splice(0), ['no-ack 1'])
  mote.say('!R', 1, 0, 1)
  await settle()
  assert.equal(told, [])
}))

test('host: frames are given to the MAC as they come', () => hostWorld(async ({ told, mote, settle }) => {
  mote.say(data())
  mote.say('!X')
  mote.say('!R', 1)
  mote.say(new Uint8Array(126).fill(0x41))
  await settle()
  assert.match(told.shift()!, /^802\.15\.4 data \(2006\), pan abcd, 02:00:00:00:00:00:00:02 > 02:00:00:00:00:00:00:01, seq 7/)
  assert.equal(told, ['slip-radio: a command that is unknown', 'slip-radio: shorter than its header', 'too long'])
}))

test('host: promiscuous is a mode of the mote; its address cannot be set', () => hostWorld(async ({ radio, mote, settle }) => {
  radio.filter({ ...FILTER, shortAddress: 0x0a0b, promiscuous: true })
  await settle()
  assert.equal(mote.seen(), ['panId is 43981', 'shortAddress is 2571', 'receiveMode is 0'])
  assert.throws(() => radio.filter({ ...FILTER, address: THEIRS }), /goes by its own address, 02:00:00:00:00:00:00:01/)
}))

test('host: a mote that comes back is told all over again', () => hostWorld(async ({ told, line, there, send, settle }) => {
  send(data(THEIRS))
  await settle()
  line.leave()
  await settle()
  assert.equal(told.splice(0), ['no-ack 1', 'no carrier'])
  const again = await connect(there)
  await settle()
  const mote = talk(again)
  assert.equal(mote.seen(), ['what is your address?', 'channel is 26', 'power is 65533', 'panId is 43981', 'receiveMode is 3'])
  mote.say('!M', 2, 0, 0, 0, 0, 0, 0, 9)
  await settle()
  assert.equal(told, ['carrier', 'slip-radio: another mote is at the other end'])
  again.leave()
}))

test('host: a mote that says nothing is given up', () => world(async ({ env, here, there }) => {
  const opening = SlipRadio.open(env, here, { local: AT, timeout: 3000 }).catch((error: Error & { code: string }) => `${error.code}: ${error.message}`)
  const line = await connect(there)
  assert.match(`${await opening}`, /^ETIMEDOUT: nobody said within 3000 ms .*is Contiki-NG's examples\/slip-radio at the other end\?/)
  assert.is(await SlipRadio.open(env, there, { remote: { ...AT, port: 9 } }).catch((error: Error & { code: string }) => error.code), 'ECONNREFUSED')
  line.leave()
}))

// ---- a mote ----

interface MoteWorld extends World {
  readonly mote: SlipMote
  readonly host: Peer
  readonly line: Plain
  /** What a plain radio on the same air hears and is told. */
  readonly told: string[]
  /** That radio acknowledges what is for THEIRS; sends a frame. */
  send(frame: Uint8Array<ArrayBuffer>): void
  hear(changes: Partial<RadioFilter>): void
}

const moteWorld = (body: (it: MoteWorld) => Promise<void>): Promise<void> => world(async (world) => {
  const { env, here, there, buffers, settle } = world
  const air = new Air(env)
  const mote = new SlipMote(env, air.radio({ address: OURS }), here, { local: AT })
  await mote.start(buffers)
  const other = compose(env, netbufIn(new Arena(), { debug: true }), ieee802154(), sixlowpan(), ipv6())
  const told: string[] = []
  const radio = air.radio({ at: [10, 0], address: THEIRS })
  const iface = other.ieee802154.add(radio)
  const stopTap = other.netif.tap({ frame: (_iface, frame, direction) => { if (direction === 'in') told.push(showFrame(Uint8Array.from(frame.view()))) }, dropped() {} })
  const line = await connect(there)
  const host = talk(line)
  await iface.up()
  await settle(2000)
  // The other station looks for whoever has its address.
  host.seen()
  await body({
    ...world, mote, host, line, told,
    send(frame) {
      const buffer = other.netif.buffers.alloc(frame.length)!
      buffer.write(frame)
      iface.transmit(buffer)
    },
    hear: (changes) => other.ieee802154.set(iface, changes),
  })
  line.leave()
  await mote.stop()
  stopTap()
  await other.stop()
  assert.is(other.netif.buffers.live, 0)
  air.stop()
})

test('mote: it says who it is, and what is set', () => moteWorld(async ({ mote, host, settle }) => {
  host.say('?M')
  host.say('?V', 0, 2)
  host.say('!V', 0, 1, 0, 15)
  host.say('!V', 0, 2, 0x12, 0x34)
  host.say('!V', 0, 6, 0xff, 0xf6)
  host.say('!V', 0, 3, 0, 5)
  for (const parameter of [1, 2, 3, 4, 6]) host.say('?V', 0, parameter)
  await settle()
  assert.equal(host.seen(), [
    'address 02:00:00:00:00:00:00:01', 'panId is 43981', 'channel is 15', 'panId is 4660', 'shortAddress is 5', 'receiveMode is 3', 'power is 65526',
  ])
  assert.equal(mote.lost, {})
  for (const bad of [['!V', 0, 1, 0, 99], ['!V', 0, 6, 0x7f, 0xff], ['!V', 0, 200, 0, 1], ['?V', 0, 200], ['!V', 0], ['!S', 1], ['!X'], [1, 2, 3]]) host.say(...bad)
  await settle()
  assert.equal([host.seen(), mote.lost], [[], {
    'slip-radio: a parameter that is unknown, or out of range': 3, 'slip-radio: a parameter that is unknown': 1, 'slip-radio: shorter than its header': 2,
    'slip-radio: a command that is unknown': 2,
  }])
}))

test('mote: what the host sends is sent, and it is told how that ended', () => moteWorld(async ({ mote, host, told, settle }) => {
  // With attributes, as a host of Contiki-NG sends them.
  host.say('!S', 0, 2, 10, 0, 3, 11, 0, 1, data(THEIRS, { from: OURS }))
  await settle()
  assert.equal(told.splice(0), ['802.15.4 data (2006), pan abcd, 02:00:00:00:00:00:00:01 > 02:00:00:00:00:00:00:02, seq 7, ack requested, length 1'])
  assert.equal(host.seen(), ['report, session 0, ok, transmissions 1'])
  host.say('!S', 1, 0, data(EVERYONE, { from: OURS, acknowledge: false, sequence: 6 }))
  host.say('!S', 2, 0, data(eui64('02:00:00:00:00:00:00:99'), { from: OURS, sequence: 8 }))
  host.say('!S', 3, 0, data(THEIRS, { from: OURS, sequence: 9 }))
  host.say('!S', 4, 0, 0x0d, 7, 7)
  await settle(500)
  assert.equal(host.seen(), ['report, session 1, ok, transmissions 1', 'report, session 4, fatal, transmissions 0', 'report, session 2, noAcknowledgment, transmissions 4', 'report, session 3, ok, transmissions 1'])
  assert.is(told.length, 2)
  assert.is(mote.lost['no acknowledgment'], 1)
}))

test('mote: what is on the air for the host goes to it, acknowledged; what is for others does not', () => moteWorld(async ({ mote, host, send, settle }) => {
  send(data(OURS))
  send(data(linkAddress(2, 0, 0x77), { acknowledge: false }))
  send(data(EVERYONE, { sequence: 8, acknowledge: false }))
  await settle()
  assert.equal(host.seen().map((frame) => /> (\S+), seq/.exec(frame)![1]), [`${OURS}`, 'everyone'])
  host.say('!V', 0, 4, 0, 0)
  await settle()
  send(data(eui64('02:00:00:00:00:00:00:99'), { acknowledge: false, sequence: 9 }))
  await settle()
  assert.equal([host.seen().length, mote.lost], [1, {}])
}))

test('mote: more than it can hold is refused; a host that leaves takes what it wanted with it', () => moteWorld(async ({ mote, host, line, settle }) => {
  for (let session = 0; session < 30; session++) host.say('!S', session, 0, data(THEIRS, { from: OURS, sequence: session }))
  await settle(1000)
  const seen = host.seen()
  assert.is(seen.length, 30)
  assert.ok(seen.filter((report) => /queueFull/.test(report)).length >= 1, seen.join('\n'))
  for (let session = 0; session < 10; session++) host.say('!S', session, 0, data(THEIRS, { from: OURS, sequence: session }))
  await settle(2)
  line.leave()
  await settle(100)
  assert.ok(mote.lost['slip-radio: too many frames to send']! >= 1)
}))

test('whatever comes to either end, nothing is thrown or leaks', () => moteWorld(async ({ host, mote, line, settle }) => {
  const { random } = simulate({ seed: 3 }).env
  const byte = (): number => (random.uint32() % 6 === 0 ? [0xc0, 0xdb, 0x21, 0x53, 0x56, 0x41][random.uint32() % 6]! : random.uint32() & 0xff)
  for (let round = 0; round < 60; round++) {
    line.say(...Array.from({ length: 1 + random.uint32() % 100 }, byte))
    host.say('!S', random.uint32() & 15, random.uint32() % 3, 0x41, 0xd8, ...Array.from({ length: random.uint32() % 60 }, byte))
    host.say('!V', 0, random.uint32() % 8, byte(), byte())
    await settle(5)
  }
  assert.ok(Object.keys(mote.lost).length > 3)
}))

test('whatever a mote says, its host lives', () => hostWorld(async ({ line, mote, told, send, settle }) => {
  const { random } = simulate({ seed: 4 }).env
  const byte = (): number => (random.uint32() % 6 === 0 ? [0xc0, 0xdb, 0x21, 0x52, 0x4d, 0x41][random.uint32() % 6]! : random.uint32() & 0xff)
  for (let round = 0; round < 60; round++) {
    line.say(...Array.from({ length: 1 + random.uint32() % 100 }, byte))
    mote.say('!R', random.uint32() & 15, byte(), byte())
    send(data(THEIRS))
    await settle(5)
  }
  assert.ok(told.length > 60)
}))

// ---- one against the other ----

test('two stacks ping each other, one of them through a mote', () => world(async ({ env, here, there, buffers }) => {
  const air = new Air(env)
  const mote = new SlipMote(env, air.radio({ address: OURS }), here, { local: AT })
  await mote.start(buffers)
  const stackOf = () => compose(env, netbufIn(new Arena(), { debug: true }), ieee802154(), sixlowpan(), ipv6(), udp(), sockets())
  const [a, b] = [stackOf(), stackOf()]
  const wa = a.ieee802154.add(await SlipRadio.open(env, there, { remote: AT }))
  const wb = b.ieee802154.add(air.radio({ at: [10, 0], address: THEIRS }))
  assert.is(`${wa.address}`, `${OURS}`)
  for (const [stack, iface] of [[a, wa], [b, wb]] as const) stack.ieee802154.set(iface, { panId: PAN - 1, channel: 20 })
  a.ipv6.addAddress(wa, '2001:db8:1::1/64')
  b.ipv6.addAddress(wb, '2001:db8:1::2/64')
  await Promise.all([wa.up(), wb.up()])
  for (const size of [56, 1200]) {
    assert.is((await a.ipv6.ping('2001:db8:1::2', { count: 3, interval: 200, size })).received, 3, `${size} bytes`)
    assert.is((await b.ipv6.ping('2001:db8:1::1', { count: 3, interval: 200, size })).received, 3, `${size} bytes back`)
  }
  await sleep(env, 100)
  assert.equal(mote.lost, {})
  await Promise.all([a.stop(), b.stop()])
  await mote.stop()
  air.stop()
  assert.equal([a.netif.buffers.live, b.netif.buffers.live], [0, 0])
}))

test.run()
