import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { address, ANY4 } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { BOOTREPLY, DhcpClient, messageTypes, readMessage, writeMessage, type ClientOutput, type DhcpMessage, type DhcpOptions } from '../src/index.ts'

const test = suite('DHCP client, the machine')

const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1)
const server = address('192.0.2.1')
const ours = address('192.0.2.50')

/** A machine, and what it did: `at seconds: what`. */
function client({ half = true, rapidCommit = false, suits = (): boolean => true } = {}) {
  // Jitter and delay in the middle of their range, unless the seed is to decide.
  const random = half ? { fill: (into: Uint8Array) => into, uint32: () => 0x8000_0000 } : virtual({ seed: 3 }).random
  const machine = new DhcpClient({ random, hardwareType: 1, hardware, initialDelayMax: 10_000, options: {}, rapidCommit, suits })
  const log: string[] = []
  let now = 0
  let last: DhcpMessage | undefined
  const nameOf = (type: number | undefined): string => Object.entries(messageTypes).find(([, value]) => value === type)![0]
  const note = (output: ClientOutput): void => {
    const at = `${now / 1000}: `
    if (output.do === 'send') {
      last = readMessage(output.message) as DhcpMessage
      log.push(at + nameOf(last.options.messageType) + (output.to ? ` to ${output.to}` : ''))
    } else log.push(at + output.do + (output.do === 'refuse' ? ` ${output.why}` : ''))
  }
  const drain = (): void => {
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) note(output)
  }
  const tell = (input: Parameters<DhcpClient['handle']>[0]): void => {
    machine.handle(input, now)
    drain()
  }
  const runTo = (until: number): void => {
    for (let due = machine.deadline(); due !== undefined && due <= until; due = machine.deadline()) {
      now = due
      machine.tick(now)
      drain()
    }
    now = until
  }
  const answer = (type: keyof typeof messageTypes, options: DhcpOptions = {}, fields: Partial<DhcpMessage> = {}): void => {
    const bytes = writeMessage({
      op: BOOTREPLY, xid: last?.xid ?? 0, hardwareType: 1, hardware, your: ours, ...fields,
      options: { messageType: messageTypes[type], serverId: server, leaseTime: 3600, subnetMask: address('255.255.255.0'), ...options },
    })
    tell({ type: 'message', message: readMessage(bytes) as DhcpMessage })
  }
  const bound = (options: DhcpOptions = {}): void => {
    tell({ type: 'carrier', up: true })
    tell({ type: 'start' })
    runTo(5000)
    answer('offer', options)
    answer('ack', options)
    tell({ type: 'checked', unique: true })
    log.length = 0
  }
  return { machine, log, tell, runTo, answer, bound, last: () => last!, now: () => now }
}

test('RFC 2131 §4.1: DISCOVER after a delay, and again after 4, 8, 16, 32, 64 and 64 seconds', () => {
  const c = client()
  c.tell({ type: 'start' })
  c.runTo(1000)
  assert.equal(c.log, [], 'not without a carrier')
  c.tell({ type: 'carrier', up: true })
  c.runTo(200_000)
  assert.equal(c.log, ['6: discover', '10: discover', '18: discover', '34: discover', '66: discover', '130: discover', '194: discover'])
})

test('the jitter is a second more or less', () => {
  const c = client({ half: false })
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(500_000)
  const at = c.log.map((line) => parseFloat(line))
  assert.ok(at[0]! <= 10)
  at.slice(1).forEach((instant, i) => {
    const wait = Math.min(4 * 2 ** i, 64)
    assert.ok(Math.abs(instant - at[i]! - wait) <= 1, `${instant - at[i]!} is not ${wait}`)
  })
  assert.ok(at.slice(1).some((instant, i) => (instant - at[i]!) % 1 !== 0))
})

test('an offer is requested, checked and bound; its messages say what RFC 2131 table 5 says', () => {
  const c = client()
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(5000)
  assert.ok(c.last().broadcast)
  c.answer('offer')
  assert.equal(c.last().options.requestedAddress, ours)
  assert.equal(c.last().options.serverId, server)
  assert.equal(c.last().client, ANY4)
  c.answer('ack')
  assert.is(c.machine.state, 'checking')
  c.tell({ type: 'checked', unique: true })
  assert.equal(c.log, ['5: discover', '5: request', '5: check', '5: bind'])
  assert.is(c.machine.state, 'bound')
  const { renewAt, rebindAt, expiresAt } = c.machine.lease!
  assert.equal([renewAt, rebindAt, expiresAt], [1_805_000, 3_155_000, 3_605_000])
})

test('RFC 2131 §4.4.5: renewing and rebinding wait half of what remains, a minute at least; then the lease is over', () => {
  const c = client()
  c.bound()
  c.runTo(3_605_000)
  assert.equal(c.log, [
    '1805: request to 192.0.2.1', '2480: request to 192.0.2.1', '2817.5: request to 192.0.2.1', '2986.25: request to 192.0.2.1',
    '3070.625: request to 192.0.2.1', '3130.625: request to 192.0.2.1',
    '3155: request', '3380: request', '3492.5: request', '3552.5: request', '3605: unbind', '3605: discover',
  ])
})

test('an ACK renews it without a check, and the server may give other times', () => {
  const c = client()
  c.bound()
  c.runTo(1_805_000)
  assert.equal(c.last().client, ours)
  assert.not(c.last().broadcast)
  c.answer('ack', { leaseTime: 1000, renewalTime: 100, rebindingTime: 200 })
  assert.equal(c.log, ['1805: request to 192.0.2.1', '1805: bind'])
  assert.is(c.machine.deadline(), 1_905_000)
})

test('a lease for ever has no deadline', () => {
  const c = client()
  c.bound({ leaseTime: 0xffff_ffff })
  assert.is(c.machine.deadline(), undefined)
})

test('a NAK of a renewal takes the lease, and another is asked for at once', () => {
  const c = client()
  c.bound()
  c.runTo(1_805_000)
  c.answer('nak')
  c.runTo(1_805_000)
  assert.equal(c.log, ['1805: request to 192.0.2.1', '1805: unbind', '1805: discover'])
})

test('four REQUESTs without an answer, and it begins again', () => {
  const c = client()
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(5000)
  c.answer('offer')
  c.runTo(65_000)
  assert.equal(c.log, ['5: discover', '5: request', '9: request', '17: request', '33: request', '65: discover'])
})

test('an address in use is declined, and ten seconds are waited', () => {
  const c = client()
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(5000)
  c.answer('offer')
  c.answer('ack')
  c.tell({ type: 'checked', unique: false })
  assert.equal(c.last().options, { messageType: messageTypes.decline, requestedAddress: ours, serverId: server })
  c.runTo(15_000)
  assert.equal(c.log, ['5: discover', '5: request', '5: check', '5: decline', '15: discover'])
})

test('a conflict later declines it too', () => {
  const c = client()
  c.bound()
  c.tell({ type: 'conflict' })
  assert.equal(c.log, ['5: decline', '5: unbind'])
})

test('RFC 2131 §3.7: a carrier that returns asks for the same address, and keeps it meanwhile', () => {
  const c = client()
  c.bound()
  c.runTo(10_000)
  c.tell({ type: 'carrier', up: false })
  c.runTo(20_000)
  c.tell({ type: 'carrier', up: true })
  assert.is(c.machine.state, 'rebooting')
  assert.equal(c.last().options, { messageType: messageTypes.request, requestedAddress: ours })
  c.answer('ack')
  assert.equal(c.log, ['20: request', '20: bind'])
})

test('on another network it hears a NAK, or nothing, and asks for another address', () => {
  for (const nak of [true, false]) {
    const c = client()
    c.bound()
    c.tell({ type: 'carrier', up: false })
    c.tell({ type: 'carrier', up: true })
    if (nak) c.answer('nak')
    c.runTo(17_000)
    assert.equal(c.log, nak ? ['5: request', '5: unbind', '5: discover', '9: discover', '17: discover'] : ['5: request', '9: request', '17: unbind', '17: discover'])
  }
})

test('a carrier that returns after the lease has run out begins anew', () => {
  const c = client()
  c.bound()
  c.tell({ type: 'carrier', up: false })
  c.runTo(4_000_000)
  c.tell({ type: 'carrier', up: true })
  c.runTo(4_005_000)
  assert.equal(c.log, ['4000: unbind', '4005: discover'])
})

test('stopping releases what was bound', () => {
  const c = client()
  c.bound()
  c.tell({ type: 'stop' })
  assert.equal(c.last().options, { messageType: messageTypes.release, serverId: server })
  assert.equal(c.last().client, ours)
  assert.equal(c.log, ['5: release to 192.0.2.1', '5: unbind'])
  assert.is(c.machine.deadline(), undefined)
})

test('what is not for us, or not waited for, is refused with its reason', () => {
  const c = client({ suits: () => false })
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(5000)
  c.log.length = 0
  c.answer('ack')
  c.answer('offer', {}, { op: 1 })
  c.answer('offer', {}, { xid: 1 })
  c.answer('offer', {}, { hardware: Uint8Array.of(1, 2, 3, 4, 5, 6) })
  c.answer('offer', {}, { your: address('224.0.0.1') })
  c.answer('offer', {}, { your: address('192.0.2.255') })
  c.answer('offer')
  assert.equal(c.log.map((line) => line.slice(10)), ['state', 'reply', 'transaction', 'transaction', 'lease', 'lease', 'lease'])
})

test('an ACK of a server that was not asked is refused', () => {
  const c = client()
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(5000)
  c.answer('offer')
  c.answer('ack', { serverId: address('192.0.2.2') })
  assert.is(c.log.at(-1), '5: refuse server')
})

test('RFC 4039: an ACK with rapid commit will do instead of an offer', () => {
  const c = client({ rapidCommit: true })
  c.tell({ type: 'carrier', up: true })
  c.tell({ type: 'start' })
  c.runTo(5000)
  assert.is(c.last().options.rapidCommit, true)
  c.answer('ack', { rapidCommit: true })
  c.tell({ type: 'checked', unique: true })
  assert.equal(c.log, ['5: discover', '5: check', '5: bind'])
})

test.run()
