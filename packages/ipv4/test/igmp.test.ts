import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { address, ANY4 } from '@favonius/inet'
import { simulate } from '@favonius/sim'
import { suite } from '@favonius/testing'
import { igmp, igmpTypes, Membership, readIgmp, recordTypes, writeIgmp, writeReport3, type MembershipInput } from '../src/igmp/index.ts'
import { ipv4 } from '../src/index.ts'

const test = suite('IGMP')

const mdns = address('224.0.0.251')
const group = address('239.1.2.3')
const named: Record<number, string> = { [recordTypes.isExclude]: 'is', [recordTypes.toInclude]: 'left', [recordTypes.toExclude]: 'joined' }
const sent: Record<number, string> = { [igmpTypes.report1]: 'v1', [igmpTypes.report2]: 'v2', [igmpTypes.leave]: 'leave' }

/** A machine whose random delays are half of what they may be, and what it did. */
function member(version: 2 | 3 = 3) {
  const machine = new Membership({ fill: (into) => into, uint32: () => 0x8000_0000 }, version)
  const log: string[] = []
  let now = 0
  const drain = (): void => {
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) {
      const what = output.do === 'send' ? `${sent[output.type]} ${output.group}` : output.records.map(({ type, group }) => `${named[type]} ${group}`).join(', ')
      log.push(`${now / 1000}: ${what}`)
    }
  }
  const tell = (input: MembershipInput): void => {
    machine.handle(input, now)
    drain()
  }
  const runTo = (until: number): void => {
    for (let due = machine.deadline(); due !== undefined && due <= until; due = machine.deadline()) {
      now = Math.max(due, now)
      machine.tick(now)
      drain()
    }
    now = until
  }
  const query = (version: 1 | 2 | 3, of = ANY4, maxResponse = 10_000): void =>
    tell({ type: 'message', message: { type: 'query', version, group: of, maxResponse, robustness: undefined } })
  tell({ type: 'link', up: true })
  return { machine, log, tell, runTo, query, now: () => now }
}

test('RFC 3376 §5.1: a change is told at once and once more within a second', () => {
  const m = member()
  m.tell({ type: 'join', group })
  m.runTo(5000)
  m.tell({ type: 'leave', group })
  m.runTo(10_000)
  assert.equal(m.log, ['0: joined 239.1.2.3', '0.5: joined 239.1.2.3', '5: left 239.1.2.3', '5.5: left 239.1.2.3'])
})

test('RFC 3376 §5.2: a general query has one answer, one of a group its own', () => {
  const m = member()
  m.tell({ type: 'join', group })
  m.tell({ type: 'join', group: mdns })
  m.runTo(10_000)
  m.log.length = 0
  m.query(3)
  m.runTo(20_000)
  m.query(3, group, 1000)
  m.query(3, address('239.9.9.9'), 1000)
  m.runTo(30_000)
  assert.equal(m.log, ['15: is 239.1.2.3, is 224.0.0.251', '20.5: is 239.1.2.3'])
})

test('RFC 3376 §7.2.1: older queriers are spoken to in their version, for 260 seconds', () => {
  const m = member()
  m.tell({ type: 'join', group })
  m.runTo(10_000)
  m.log.length = 0
  m.query(2)
  m.runTo(20_000)
  m.tell({ type: 'join', group: mdns })
  m.tell({ type: 'leave', group: mdns })
  m.query(1)
  m.runTo(30_000)
  assert.is(m.machine.version(30_000), 1)
  assert.is(m.machine.version(270_000), 1, 'until 280 s')
  assert.is(m.machine.version(280_000), 3)
  assert.equal(m.log, ['15: v2 239.1.2.3', '20: v2 224.0.0.251', '20: leave 224.0.0.251', '25: v1 239.1.2.3'])
})

test('RFC 2236 §3: a report of another is answer enough, and then the leave is its', () => {
  const m = member(2)
  m.tell({ type: 'join', group })
  m.runTo(20_000)
  m.log.length = 0
  m.query(2)
  m.tell({ type: 'message', message: { type: 'report', group } })
  m.runTo(40_000)
  m.tell({ type: 'leave', group })
  assert.equal(m.log, [])
  assert.is(m.machine.deadline(), undefined)
})

test('a link that returns is told of the groups anew', () => {
  const m = member()
  m.tell({ type: 'join', group })
  m.runTo(10_000)
  m.tell({ type: 'link', up: false })
  m.runTo(20_000)
  m.tell({ type: 'link', up: true })
  assert.equal(m.log.slice(2), ['20: joined 239.1.2.3'])
})

test('what is written is read, and no bytes make the parser throw', () => {
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const v2 = writeIgmp(igmpTypes.report2, group)
  assert.equal(readIgmp(view(v2), 0, 8), { type: 'report', group })
  assert.equal(readIgmp(view(v2), 0, 7), { malformed: 'short' })
  assert.is(writeReport3([{ type: 4, group }, { type: 3, group: mdns }]).length, 24)
  // RFC 3376 §4.1.1: 0x8f is (15 | 16) << 3 tenths of a second.
  const query = Uint8Array.of(0x11, 0x8f, 0, 0, 0, 0, 0, 0, 3, 125, 0, 0)
  assert.equal(readIgmp(view(query), 0, 12), { type: 'query', version: 3, group: ANY4, maxResponse: 24_800, robustness: 3 })
  assert.equal(readIgmp(view(query), 0, 10), { malformed: 'query' })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void readIgmp(view(bytes), 0, bytes.length)), { seed: 1 })
})

test('on a network: reports have the router alert and time to live 1; 224.0.0.1 is never reported', async () => {
  const net = simulate({ seed: 2 })
  const lan = net.ethernet({ latency: 1 })
  const a = net.node('a', [ethernet(), ipv4(), igmp()] as const, lan)
  const router = net.node('router', [ethernet(), ipv4()] as const, lan)
  router.stack.ipv4.join(router.iface, address('224.0.0.22'))
  const heard: string[] = []
  router.stack.ip.registerTransport(2, {
    receive(packet, { source, hopLimit }) {
      const option = packet.dv.getInt32(packet.network + 20) >>> 0
      heard.push(`${source} ttl ${hopLimit} ${option.toString(16)} ${address('0.0.0.0').family} ${packet.dv.getUint32(packet.offset + 12).toString(16)} ${packet.sum(packet.offset)}`)
      packet.unref()
    },
  })
  await net.run(async () => {
    await sleep(net.env, 100)
    assert.is(a.stack.igmp.version(a.iface), 3)
    a.stack.ipv4.join(a.iface, group)
    await sleep(net.env, 2000)
  })
  assert.equal(heard, Array.from({ length: 2 }, () => '0.0.0.0 ttl 1 94040000 4 ef010203 65535'))
  await net.stop()
  assert.is(net.env.armed, 0)
})

test.run()
