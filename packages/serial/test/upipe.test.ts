import { simulate } from '@favonius/sim'
import { show as showFrame } from '@favonius/ieee802154/wire'
import { ieee802154 } from '@favonius/ieee802154'
import { linkAddress } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sixlowpan } from '@favonius/sixlowpan'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { RadioFilter } from '@favonius/contract'
import { UpipeRadio } from '../src/upipe/index.ts'
import { MARK, UpipeReader } from '../src/upipe/wire.ts'
import { AT, connect, data, EVERYONE, FILTER, mac, OURS, THEIRS, world, type Plain, type World } from './world.ts'

const test = suite('serial: UPIPE')

interface It extends World {
  readonly radio: UpipeRadio
  readonly told: string[]
  /** Who is at the other end. */
  readonly peer: Plain
  /** The peer sends a frame. */
  say(frame: Uint8Array): void
  send(frame: Uint8Array<ArrayBuffer>): void
  hear(changes: Partial<RadioFilter>): void
  /** What the peer heard, as frames. */
  seen(): string[]
}

/** A radio that listens, and a plain connection to it. */
const radioWorld = (body: (it: It) => Promise<void>): Promise<void> => world(async (world) => {
  const { env, here, there, buffers, settle } = world
  const told: string[] = []
  const radio = new UpipeRadio(env, here, { local: AT, address: OURS })
  await radio.start(mac(told), buffers)
  radio.filter(FILTER)
  assert.equal(told.splice(0), ['no carrier'])
  const peer = await connect(there)
  await settle()
  assert.equal(told.splice(0), ['carrier'])
  await body({
    ...world, radio, told, peer,
    say: (frame) => peer.say(MARK, frame.length, ...frame),
    send(frame) {
      const buffer = buffers.alloc(frame.length)!
      buffer.write(frame)
      radio.transmit(buffer)
    },
    hear: (changes) => radio.filter({ ...FILTER, ...changes }),
    seen: () => frames(peer.heard),
  })
  radio.stop()
  peer.leave()
})

/** Frames in bytes, shown; reasons for what was none. */
function frames(bytes: Uint8Array): string[] {
  const out: string[] = []
  const reader = new UpipeReader()
  reader.take(bytes, { frame: (length) => void out.push(showFrame(reader.bytes.slice(0, length))), lost: (reason) => void out.push(reason) })
  return out
}

test('a frame for us is acknowledged at once, and given to the MAC', () => radioWorld(async ({ told, seen, say, settle }) => {
  say(data())
  await settle()
  assert.equal(seen(), ['802.15.4 acknowledgment (2003), seq 7, length 0'])
  assert.equal(told, ['802.15.4 data (2006), pan abcd, 02:00:00:00:00:00:00:02 > 02:00:00:00:00:00:00:01, seq 7, ack requested, length 1, rssi NaN, lqi 255'])
}))

test('frames for others are not heard; broadcasts are, and are not acknowledged', () => radioWorld(async ({ told, seen, say, hear, settle }) => {
  say(data(THEIRS))
  say(data(OURS, { panId: 0x1234 }))
  await settle()
  assert.equal(told, [])
  say(data(EVERYONE))
  hear({ shortAddress: 0x0a0b })
  await settle()
  say(data(linkAddress(2, 0, 0x0a0b), { acknowledge: false }))
  await settle()
  assert.equal([told.length, seen()], [2, []])
}))

test('in promiscuous mode everything is heard, and nothing acknowledged', () => radioWorld(async ({ told, seen, say, hear, settle }) => {
  hear({ promiscuous: true })
  for (const frame of [data(THEIRS), data(), Uint8Array.of(2, 0, 99), Uint8Array.of(0x61)]) say(frame)
  await settle()
  assert.equal([told.length, seen()], [4, []])
}))

test('a frame goes out, the MAC is told on a later turn, and hears its acknowledgment alone', () => radioWorld(async ({ told, seen, say, send, settle }) => {
  send(data(THEIRS, { from: OURS }))
  assert.equal(told, [])
  await settle()
  assert.equal(told.splice(0), ['sent 1'])
  assert.equal(seen(), ['802.15.4 data (2006), pan abcd, 02:00:00:00:00:00:00:01 > 02:00:00:00:00:00:00:02, seq 7, ack requested, length 1'])
  say(Uint8Array.of(2, 0, 8))
  say(Uint8Array.of(2, 0, 7))
  await settle()
  assert.equal(told, ['802.15.4 acknowledgment (2003), seq 7, length 0, rssi NaN, lqi 255'])
}))

test('noise before a frame, and a mark that was none, are skipped and told of once', () => radioWorld(async ({ told, say, peer, settle }) => {
  peer.say(1, 2, 3)
  say(data(OURS, { acknowledge: false }))
  await settle()
  assert.equal([told[0], told.length], ['upipe: no frame', 2])
  told.length = 0
  // A mark, and another: the second one counts. Lengths of 0 and of more than a frame has are none.
  peer.say(MARK, 0, 5, 6, MARK, 126, MARK)
  say(data(OURS, { acknowledge: false }))
  await settle()
  assert.equal(told.slice(0, 3), ['upipe: a length that is none', 'upipe: a length that is none', 'upipe: a length that is none'])
  assert.is(told.length, 4)
}))

test('a line that is lost takes the carrier, and what was cut; who comes next has it', () => radioWorld(async ({ told, peer, send, settle, there, seen }) => {
  peer.say(MARK, 10, 1, 2)
  await settle()
  peer.leave()
  await settle()
  assert.equal(told.splice(0), ['upipe: cut short', 'no carrier'])
  send(data(THEIRS))
  await settle()
  assert.equal(told.splice(0), ['upipe: not sent', 'sent 1'])
  const next = await connect(there)
  await settle()
  const last = await connect(there)
  await settle(200)
  assert.equal([told.splice(0), next.closed], [['carrier', 'no carrier', 'carrier'], true])
  send(data(THEIRS))
  await settle()
  assert.equal([frames(last.heard).length, seen()], [1, []])
  last.leave()
}))

test('who connects tries again when the line is lost', () => world(async ({ env, here, there, buffers, settle }) => {
  const radio = new UpipeRadio(env, there, { remote: AT })
  const told: string[] = []
  const refused = await radio.start(mac(told), buffers).catch((error: Error & { code: string }) => error.code)
  assert.is(refused, 'ECONNREFUSED')
  radio.stop()
  const lines: { close(): void }[] = []
  const listen = () => here.listen(AT, (stream) => {
    lines.push(stream)
    return { receive: () => {}, closed: () => {} }
  })
  const first = await listen()
  told.length = 0
  await radio.start(mac(told), buffers)
  await settle()
  first.close()
  lines.pop()!.close()
  await settle(5000)
  assert.equal(told, ['no carrier', 'carrier', 'no carrier'])
  const second = await listen()
  await settle(2000)
  assert.is(told.at(-1), 'carrier')
  radio.stop()
  for (const line of lines) line.close()
  second.close()
}))

test('what the stream does not take waits; when there is no more room, frames are lost and the MAC goes on', () => radioWorld(async ({ env, told, buffers, settle }) => {
  let room = 10
  const written: number[] = []
  let drained = (): void => {}
  const radio = new UpipeRadio(env, {
    listen: () => Promise.reject(new Error('it connects')),
    connect: (_to, sink) => {
      drained = () => sink.drained!()
      return Promise.resolve({
        local: AT, remote: AT, pause() {}, resume() {}, end() {}, configure() {}, close() {}, abort() {},
        write(chunk: Uint8Array) {
          const taken = Math.min(room, chunk.length)
          room -= taken
          written.push(...chunk.subarray(0, taken))
          return taken
        },
      })
    },
  }, { remote: AT })
  await radio.start(mac(told), buffers)
  told.length = 0
  const send = (): void => {
    const buffer = buffers.alloc(22)!
    buffer.write(data())
    radio.transmit(buffer)
  }
  send()
  await settle()
  assert.equal([told, written.length], [[], 10])
  room = 1000
  drained()
  assert.equal([told, written.length], [['sent 1'], 24])
  room = 0
  for (let i = 0; i < 100; i++) send()
  assert.is(told.filter((one) => one === 'upipe: not sent').length, 100 - Math.floor(2048 / 24))
  radio.stop()
}))

test('it needs one of two places, and its address is a EUI-64', () => {
  const { env } = simulate()
  const nobody = { connect: () => Promise.reject(new Error('no')), listen: () => Promise.reject(new Error('no')) }
  assert.throws(() => new UpipeRadio(env, nobody, {}), /give `remote` to connect, or `local` to listen/)
  assert.throws(() => new UpipeRadio(env, nobody, { remote: AT, local: {} }), /not both/)
  assert.throws(() => new UpipeRadio(env, nobody, { remote: AT, address: linkAddress(2, 0, 1) }), /give it an EUI-64/)
})

test('two stacks ping each other over a line, in fragments too', () => world(async ({ env, here, there }) => {
  const stackOf = () => compose(env, netbufIn(new Arena(), { debug: true }), ieee802154(), sixlowpan(), ipv6(), udp(), sockets())
  const [a, b] = [stackOf(), stackOf()]
  const [wa, wb] = [a.ieee802154.add(new UpipeRadio(env, here, { local: AT })), b.ieee802154.add(new UpipeRadio(env, there, { remote: AT }))]
  a.ipv6.addAddress(wa, '2001:db8:1::1/64')
  b.ipv6.addAddress(wb, '2001:db8:1::2/64')
  const up = wa.up()
  await wb.up()
  await up
  for (const size of [56, 1200]) assert.is((await b.ipv6.ping('2001:db8:1::1', { count: 3, interval: 20, size })).received, 3, `${size} bytes`)
  assert.is(a.netif.statistics(wa).drops['ieee802154: heard before'] ?? 0, 0)
  await Promise.all([a.stop(), b.stop()])
  assert.equal([a.netif.buffers.live, b.netif.buffers.live], [0, 0])
}))

test('no bytes make it throw, and each frame is one', () => {
  const some = fc.array(fc.oneof(fc.constantFrom(MARK, 0, 1, 2, 125, 126), fc.nat(255)), { maxLength: 600 })
  fc.assert(fc.property(some, (bytes) => {
    const reader = new UpipeReader()
    reader.take(Uint8Array.from(bytes), { frame: (length) => assert.ok(length > 0 && length <= 125), lost: () => {} })
    // Whatever came, the longest frame later it is in step again.
    reader.take(new Uint8Array(127), { frame: () => {}, lost: () => {} })
    let heard = 0
    reader.take(Uint8Array.of(MARK, 3, 2, 0, 7), { frame: () => { heard++ }, lost: () => {} })
    assert.is(heard, 1)
  }), { numRuns: 2000 })
})

test('whatever comes to a radio, nothing is thrown or leaks', () => radioWorld(async ({ peer, told, settle, hear }) => {
  const { random } = simulate({ seed: 9 }).env
  for (let round = 0; round < 50; round++) {
    hear({ promiscuous: round % 2 === 1 })
    peer.say(Uint8Array.from({ length: 400 }, (_, i) => (random.uint32() % 8 === 0 ? [MARK, 20, 0x61, 0xdc][random.uint32() % 4]! : i % 7 === 0 ? MARK : random.uint32() & 0xff)))
    await settle(5)
  }
  assert.ok(told.length > 100)
}))

test.run()
