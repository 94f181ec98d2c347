import type { RadioFilter, RadioSink } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet/bare'
import { FCS, fcs, frameTypes, show as showFrame, writeData, writeFrame } from '@favonius/ieee802154/wire'
import { eui64, linkAddress } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sleep } from '@favonius/clock'
import { sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'
import { ZepRadio, type ZepOptions } from '../src/index.ts'
import { HEADER, writeZep, ZEP_PORT } from '../src/wire.ts'

const test = suite('zep: radio')

const OURS = eui64('02:00:00:00:00:00:00:01')
const THEIRS = eui64('02:00:00:00:00:00:00:02')
const PAN = 0xabcd

/** A radio on host a of a simulated Ethernet, and a plain socket on host b that speaks to it. */
async function world(body: (it: {
  readonly radio: ZepRadio
  /** What the MAC is told. */
  readonly told: string[]
  /** What arrives at b, as frames without FCS. */
  readonly seen: string[]
  say(frame: Uint8Array, change?: (datagram: Uint8Array) => void): void
  raw(datagram: Uint8Array): void
  send(frame: Uint8Array<ArrayBuffer>): void
  hear(filter: Partial<RadioFilter>): void
  settle(): Promise<void>
}) => Promise<void>, options: ZepOptions = {}): Promise<void> {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet({ latency: 1 })
  const host = (name: string) => net.node(name, [ethernet(), ipv6(), udp(), sockets()], lan)
  const [a, b] = [host('a'), host('b')]
  a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
  b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true })
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    const told: string[] = []
    const seen: string[] = []
    const socket = await b.stack.sockets.open({ port: 9 }, {
      receive: (data) => void seen.push(showFrame(Uint8Array.from(data.subarray(HEADER, data.length - FCS)))),
    })
    const radio = new ZepRadio(net.env, a.stack.sockets, { address: OURS, ...options })
    const sink: RadioSink = {
      frame: (frame, rssi, lqi) => {
        told.push(`${showFrame(Uint8Array.from(frame.view()))}, rssi ${rssi}, lqi ${lqi}`)
        frame.unref()
      },
      transmitted: (outcome) => void told.push(outcome),
      carrier: () => {},
      lost: (reason) => void told.push(reason),
    }
    await radio.start(sink, buffers)
    const filter: RadioFilter = { address: OURS, panId: PAN, shortAddress: 0xffff, promiscuous: false }
    radio.filter(filter)
    const raw = (datagram: Uint8Array): void => void socket.send(datagram, { address: '2001:db8::1', port: radio.local!.port })
    await body({
      radio, told, seen, raw,
      say(frame, change) {
        const datagram = new Uint8Array(HEADER + frame.length + FCS)
        datagram.set(frame, HEADER)
        const sum = fcs(frame)
        datagram.set([sum & 0xff, sum >>> 8], HEADER + frame.length)
        writeZep({ channel: 26, device: 2, number: 7, time: 0, length: frame.length + FCS }, new DataView(datagram.buffer))
        change?.(datagram)
        raw(datagram)
      },
      send(frame) {
        const buffer = buffers.alloc(frame.length)!
        buffer.write(frame)
        radio.transmit(buffer)
      },
      hear: (changes) => radio.filter({ ...filter, ...changes }),
      settle: () => sleep(net.env, 50),
    })
    radio.stop()
    socket.close()
  })
  assert.is(buffers.live, 0, buffers.owners().join('; '))
  await net.stop()
}

function data(to = OURS, { acknowledge = true, sequence = 7, panId = PAN } = {}): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(5 + to.length + 8 + 1)
  writeData(new DataView(frame.buffer), 0, panId, sequence, THEIRS, to, acknowledge)
  return frame
}

test('a frame for us is acknowledged at once, and given to the MAC', () => world(async ({ told, seen, say, settle }) => {
  say(data())
  await settle()
  assert.equal(seen, ['802.15.4 acknowledgment (2003), seq 7, length 0'])
  assert.equal(told, ['802.15.4 data (2006), pan abcd, 02:00:00:00:00:00:00:02 > 02:00:00:00:00:00:00:01, seq 7, ack requested, length 1, rssi NaN, lqi 255'])
}))

test('a frame of 2015 is acknowledged in kind', () => world(async ({ seen, say, settle }) => {
  const frame = new Uint8Array(32)
  const length = writeFrame({ type: frameTypes.data, version: 2, acknowledge: true, sequence: 9, destination: OURS, source: THEIRS, destinationPan: PAN }, new DataView(frame.buffer), 0)
  say(frame.subarray(0, length + 1))
  await settle()
  assert.match(seen[0]!, /^802\.15\.4 acknowledgment \(2015\), pan abcd, coordinator > 02:00:00:00:00:00:00:02, seq 9/)
}))

test('neither frames for others nor those on another channel are heard; broadcasts are, and are not acknowledged', () => world(async ({ radio, told, seen, say, hear, settle }) => {
  say(data(THEIRS))
  say(data(OURS, { panId: 0x1234 }))
  say(data(linkAddress(2, 0, 0x0a0b)))
  say(data(), (datagram) => { datagram[4] = 11 })
  await settle()
  assert.equal([told, seen], [[], []])
  say(data(linkAddress(2, 0, 0xffff)))
  hear({ shortAddress: 0x0a0b })
  say(data(linkAddress(2, 0, 0x0a0b), { acknowledge: false }))
  await settle()
  radio.tune(11)
  say(data(OURS, { acknowledge: false }))
  say(data(OURS, { acknowledge: false }), (datagram) => { datagram[4] = 11 })
  // lwIP knows no channels, and writes 0.
  say(data(OURS, { acknowledge: false }), (datagram) => { datagram[4] = 0 })
  await settle()
  assert.is(told.length, 4)
  assert.equal(seen, [])
}))

test('in promiscuous mode everything is heard, and nothing acknowledged', () => world(async ({ told, seen, say, hear, settle }) => {
  hear({ promiscuous: true })
  say(data(THEIRS))
  say(data())
  say(new Uint8Array([2, 0, 99]))
  await settle()
  assert.equal([told.length, seen], [3, []])
}))

test('a frame goes out with its FCS, numbers go up, and the MAC is told on a later turn', () => world(async ({ radio, told, seen, say, send, settle }) => {
  say(data(OURS, { acknowledge: false }))
  await settle()
  told.length = 0
  send(data(THEIRS))
  assert.equal(told, [])
  await settle()
  assert.equal([told, seen.length], [['sent'], 1])
  assert.ok(radio.local!.port === ZEP_PORT)
  // Its acknowledgment is ours; others are not.
  say(new Uint8Array([2, 0, 8]))
  say(new Uint8Array([2, 0, 7]))
  await settle()
  assert.equal(told, ['sent', '802.15.4 acknowledgment (2003), seq 7, length 0, rssi NaN, lqi 255'])
}))

test('who has said nothing is told nothing; a peer that was given is', () => world(async ({ seen, send, settle }) => {
  send(data(THEIRS))
  await settle()
  assert.equal(seen, [])
}).then(() => world(async ({ radio, seen, send, settle }) => {
  assert.is.not(radio.local!.port, ZEP_PORT)
  send(data(THEIRS))
  await settle()
  assert.is(seen.length, 1)
}, { remote: { address: '2001:db8::2', port: 9 } })))

test('bad frames and datagrams are counted by reason', () => world(async ({ told, say, raw, settle }) => {
  say(data(), (datagram) => { datagram[HEADER + 3]! ^= 1 })
  say(new Uint8Array([0x61]))
  // No FCS but a radio's word for it, which says that it was bad.
  say(data(), (datagram) => { datagram[7] = 0; datagram[datagram.length - 1]! &= 0x7f })
  raw(new Uint8Array(10))
  raw(new Uint8Array(HEADER + 200).fill(0).map((_, i) => [0x45, 0x58, 2, 1, 26, 0, 0, 1][i] ?? (i === 31 ? 200 : 0)))
  await settle()
  assert.equal(told, ['bad FCS', 'shorter than its header', 'bad FCS', 'zep: no ZEP', 'too long'])
}))

test('its address is a EUI-64, and its device id two bytes', () => {
  const net = simulate()
  const nobody = { open: () => Promise.reject(new Error('not opened')) }
  assert.throws(() => new ZepRadio(net.env, nobody, { address: linkAddress(2, 0, 1) }), /give it an EUI-64/)
  assert.throws(() => new ZepRadio(net.env, nobody, { device: 70_000 }), /0 to 65535/)
  const { address } = new ZepRadio(net.env, nobody)
  assert.is(address.hi >>> 24 & 3, 2)
})

test.run()
