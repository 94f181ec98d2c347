/** The server alone, time as a number. */

import * as assert from 'uvu/assert'
import { address, isUnspecified } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { BOOTREPLY, BOOTREQUEST, messageTypes, readMessage, writeMessage, type DhcpMessage, type DhcpOptions } from '../src/index.ts'
import { DhcpServer, type Pool, type ServerOutput, type ServerSettings } from '../src/server/index.ts'

const test = suite('DHCP server, the machine')

const SERVER = address('192.0.2.1')
const [FIRST, SECOND, THIRD] = [address('192.0.2.100'), address('192.0.2.101'), address('192.0.2.102')] as const
const DAY = 86_400

type MessageType = keyof typeof messageTypes
const nameOf = (type: number | undefined): string => Object.entries(messageTypes).find(([, value]) => value === type)![0]

/** A machine with three addresses, and what it did: `at seconds: what`. */
function server({ pool = {}, settings = {} }: { pool?: Partial<Pool>; settings?: Partial<ServerSettings> } = {}) {
  const machine = new DhcpServer(
    { server: SERVER, prefixLength: 24, first: FIRST, last: THIRD, reservations: [], options: {}, ...pool },
    { maxLeases: 256, leaseTime: 3600, declineTime: DAY, probes: false, ...settings },
  )
  const log: string[] = []
  let now = 0
  let last: DhcpMessage | undefined
  let to: ServerOutput & { do: 'send' } | undefined
  const drain = (): void => {
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) {
      const at = `${now / 1000}: `
      if (output.do === 'send') {
        to = output
        last = readMessage(output.message) as DhcpMessage
        log.push(`${at}${nameOf(last.options.messageType)}${isUnspecified(last.your) ? '' : ` ${last.your}`}`)
      } else log.push(at + (output.do === 'probe' ? `probe ${output.address}` : `refuse ${output.why}`))
    }
  }
  /** A message of client `n`. */
  const tell = (n: number, type: MessageType, options: DhcpOptions = {}, fields: Partial<DhcpMessage> = {}): void => {
    const bytes = writeMessage({
      op: BOOTREQUEST, xid: 7, hardwareType: 1, hardware: Uint8Array.of(2, 0, 0, 0, 0, n), ...fields, options: { messageType: messageTypes[type], ...options },
    })
    machine.handle({ type: 'message', message: readMessage(bytes) as DhcpMessage }, now)
    drain()
  }
  return {
    machine, log, tell,
    /** All four messages. */
    lease(n: number, wanted = FIRST): void {
      tell(n, 'discover', { requestedAddress: wanted })
      tell(n, 'request', { requestedAddress: wanted, serverId: SERVER })
      log.length = 0
    },
    probed(address: typeof FIRST, free: boolean): void {
      machine.handle({ type: 'probed', address, free }, now)
      drain()
    },
    /** To an instant, in seconds, by its deadlines. */
    to(seconds: number): void {
      for (let due = machine.deadline(); due !== undefined && due <= seconds * 1000; due = machine.deadline()) {
        now = due
        machine.tick(now)
        drain()
      }
      now = seconds * 1000
    },
    /** `address state until`, the instant in seconds. */
    table: (): string[] => machine.bindings.map(({ address, state, until }) => `${address} ${state} ${until / 1000}`),
    last: () => last!,
    sentTo: () => to!.to,
  }
}

test('RFC 2131 §3.1: an offer, then a lease; both say what table 3 says', () => {
  const s = server({ pool: { options: { routers: [SERVER], dnsServers: [address('192.0.2.53')] } } })
  s.tell(1, 'discover')
  const { options, your } = s.last()
  assert.is(String(your), '192.0.2.100')
  assert.equal([options.leaseTime, String(options.subnetMask), String(options.broadcast), String(options.serverId)], [3600, '255.255.255.0', '192.0.2.255', '192.0.2.1'])
  assert.equal([options.routers?.map(String), options.dnsServers?.map(String)], [['192.0.2.1'], ['192.0.2.53']])
  assert.is(s.sentTo(), undefined, 'who has no address is told by broadcast')
  s.tell(1, 'request', { requestedAddress: FIRST, serverId: SERVER })
  assert.equal(s.log, ['0: offer 192.0.2.100', '0: ack 192.0.2.100'])
  assert.equal(s.table(), ['192.0.2.100 leased 3600'])
})

test('an offer is kept for a minute, is kept longer when it is asked for again, and then is anybody\'s', () => {
  const s = server({ pool: { last: FIRST } })
  s.tell(1, 'discover')
  s.to(50)
  s.tell(1, 'discover')
  s.tell(2, 'discover')
  assert.is(s.machine.deadline(), 110_000)
  s.to(109)
  s.tell(2, 'discover')
  s.to(110)
  assert.equal(s.table(), [])
  s.tell(2, 'discover')
  assert.equal(s.log, ['0: offer 192.0.2.100', '50: offer 192.0.2.100', '50: refuse full', '109: refuse full', '110: offer 192.0.2.100'])
})

test('a client that chooses another server frees what it was offered', () => {
  const s = server({ pool: { last: FIRST } })
  s.tell(1, 'discover')
  s.to(1)
  s.tell(1, 'request', { requestedAddress: address('192.0.2.200'), serverId: address('192.0.2.2') })
  s.tell(2, 'discover')
  assert.equal(s.log, ['0: offer 192.0.2.100', '1: refuse server', '1: offer 192.0.2.100'])
})

test('a lease runs out at its instant, and not before; a renewal counts from when it came', () => {
  const s = server({ pool: { last: FIRST } })
  s.lease(1)
  s.to(1800)
  s.tell(1, 'request', {}, { client: FIRST })
  assert.is(String(s.sentTo()), '192.0.2.100', 'who has an address is answered there')
  assert.is(s.machine.deadline(), 5_400_000)
  s.to(5399)
  s.tell(2, 'discover')
  s.to(5400)
  s.tell(2, 'discover')
  assert.equal(s.log, ['1800: ack 192.0.2.100', '5399: refuse full', '5400: offer 192.0.2.100'])
})

test('what is due is over with the message that comes at that instant, tick or not', () => {
  const s = server({ pool: { last: FIRST } })
  s.lease(1)
  s.machine.handle({ type: 'message', message: readMessage(writeMessage({
    op: BOOTREQUEST, xid: 7, hardwareType: 1, hardware: Uint8Array.of(2, 0, 0, 0, 0, 2), options: { messageType: messageTypes.discover },
  })) as DhcpMessage }, 3_600_000)
  assert.equal(s.table(), ['192.0.2.100 offered 3660'])
})

test('RFC 2131 §4.3.2: who comes too late has the address again if nobody took it, and a NAK if somebody did', () => {
  const s = server({ pool: { last: FIRST } })
  s.lease(1)
  s.to(4000)
  s.tell(1, 'request', {}, { client: FIRST })
  s.to(8000)
  s.lease(2)
  s.tell(1, 'request', {}, { client: FIRST })
  assert.equal(s.log, ['8000: nak'])
  assert.is(s.sentTo(), undefined, 'to everyone')
  assert.equal(s.table(), ['192.0.2.100 leased 11600'])
})

test('RFC 2131 §4.3.2: INIT-REBOOT: its own again; a NAK on another network; of what it does not know it is silent', () => {
  const s = server()
  s.lease(1)
  s.to(10)
  s.tell(1, 'request', { requestedAddress: FIRST })
  s.tell(2, 'request', { requestedAddress: address('198.51.100.9') })
  s.tell(2, 'request', { requestedAddress: FIRST })
  s.tell(2, 'request', { requestedAddress: address('192.0.2.250') })
  assert.equal(s.log, ['10: ack 192.0.2.100', '10: nak', '10: nak', '10: refuse unknown'])
})

test('a request for an address that was not offered, or that names none, gets no lease', () => {
  const s = server()
  s.tell(1, 'discover')
  s.tell(1, 'request', { requestedAddress: SECOND, serverId: SERVER })
  s.tell(2, 'request', { serverId: SERVER })
  assert.equal(s.log, ['0: offer 192.0.2.100', '0: nak', '0: refuse request'])
  assert.equal(s.table(), ['192.0.2.100 offered 60'])
})

test('RFC 2131 §4.3.3: a declined address rests for its time, and its client is offered another', () => {
  const s = server({ pool: { last: SECOND }, settings: { declineTime: 600 } })
  s.lease(1)
  s.to(5)
  s.tell(1, 'decline', { requestedAddress: FIRST, serverId: SERVER })
  assert.equal(s.table(), ['192.0.2.100 declined 605'])
  s.tell(1, 'discover', { requestedAddress: FIRST })
  s.tell(2, 'discover', { requestedAddress: FIRST })
  s.to(604)
  s.tell(2, 'discover', { requestedAddress: FIRST })
  s.to(605)
  s.tell(2, 'discover', { requestedAddress: FIRST })
  assert.equal(s.log, ['5: offer 192.0.2.101', '5: refuse full', '604: offer 192.0.2.101', '605: offer 192.0.2.101'])
  s.tell(3, 'discover')
  assert.is(s.log.at(-1), '605: offer 192.0.2.100')
})

test('nobody declines or releases what is not its own', () => {
  const s = server()
  s.lease(1)
  s.tell(2, 'decline', { requestedAddress: FIRST, serverId: SERVER })
  s.tell(1, 'decline', { requestedAddress: FIRST, serverId: address('192.0.2.2') })
  s.tell(1, 'decline', { requestedAddress: SECOND, serverId: SERVER })
  s.tell(2, 'release', { serverId: SERVER }, { client: FIRST })
  assert.equal(s.log, ['0: refuse unknown', '0: refuse server', '0: refuse unknown', '0: refuse unknown'])
  assert.equal(s.table(), ['192.0.2.100 leased 3600'])
})

test('RFC 2131 §4.3.4: what is released is free at once', () => {
  const s = server({ pool: { last: FIRST } })
  s.lease(1)
  s.to(100)
  s.tell(1, 'release', { serverId: SERVER }, { client: FIRST })
  assert.equal(s.table(), [])
  assert.is(s.machine.deadline(), undefined)
  s.tell(2, 'discover')
  assert.equal(s.log, ['100: offer 192.0.2.100'])
})

test('RFC 2131 §2.2: an address is probed before it is offered; in use, it rests, and the next is probed', () => {
  const s = server({ settings: { probes: true, declineTime: 600 } })
  s.tell(1, 'discover')
  s.tell(1, 'discover')
  assert.equal(s.table(), ['192.0.2.100 probing 60'])
  s.to(1)
  s.probed(FIRST, false)
  s.to(2)
  s.probed(SECOND, true)
  s.tell(1, 'request', { requestedAddress: SECOND, serverId: SERVER })
  assert.equal(s.log, ['0: probe 192.0.2.100', '1: probe 192.0.2.101', '2: offer 192.0.2.101', '2: ack 192.0.2.101'])
  assert.equal(s.table(), ['192.0.2.100 declined 601', '192.0.2.101 leased 3602'])
  s.probed(FIRST, true)
  s.probed(THIRD, true)
  assert.is(s.log.length, 4, 'what was not asked for tells nothing')
})

test('a probe that nobody tells of is given up after a minute', () => {
  const s = server({ pool: { last: FIRST }, settings: { probes: true } })
  s.tell(1, 'discover')
  s.to(60)
  s.probed(FIRST, true)
  s.tell(2, 'discover')
  assert.equal(s.log, ['0: probe 192.0.2.100', '60: probe 192.0.2.100'])
})

test('when all addresses are in use by others, their rest ends one by one', () => {
  const s = server({ pool: { last: SECOND }, settings: { probes: true, declineTime: 600 } })
  s.tell(1, 'discover')
  s.probed(FIRST, false)
  s.to(10)
  s.probed(SECOND, false)
  s.to(599)
  s.tell(1, 'discover')
  s.to(600)
  s.tell(1, 'discover')
  assert.equal(s.log, ['0: probe 192.0.2.100', '0: probe 192.0.2.101', '10: refuse full', '599: refuse full', '600: probe 192.0.2.100'])
})

test('a table that is full takes no lease away', () => {
  const s = server({ settings: { maxLeases: 2 } })
  s.lease(1, FIRST)
  s.lease(2, SECOND)
  s.tell(3, 'discover')
  s.tell(3, 'request', { requestedAddress: THIRD })
  s.to(3600)
  s.tell(3, 'discover')
  assert.equal(s.log, ['0: refuse full', '0: refuse unknown', '3600: offer 192.0.2.100'])
})

test('a reservation is for its client alone, by identifier or link address, and may stand outside of the pool', () => {
  const out = address('192.0.2.7')
  const s = server({ pool: { last: FIRST, reservations: [
    { client: Uint8Array.of(2, 0, 0, 0, 0, 1), address: out }, { client: Uint8Array.of(1, 2, 3), address: FIRST },
  ] } })
  s.tell(1, 'discover', { requestedAddress: FIRST })
  s.tell(2, 'discover', { requestedAddress: out })
  s.tell(2, 'request', { requestedAddress: out })
  s.tell(3, 'discover', { clientId: Uint8Array.of(1, 2, 3) })
  assert.equal(s.log, ['0: offer 192.0.2.7', '0: refuse full', '0: nak', '0: offer 192.0.2.100'])
  assert.equal(s.last().options.clientId, Uint8Array.of(1, 2, 3), 'RFC 6842 §3: it comes back')
})

test('RFC 2131 §4.3.5: INFORM is told all but a lease, at its address', () => {
  const s = server({ pool: { options: { dnsServers: [address('192.0.2.53')] } } })
  s.tell(1, 'inform', {}, { client: address('192.0.2.9') })
  assert.equal([s.log, String(s.sentTo()), s.last().options.leaseTime, s.last().options.dnsServers?.map(String)], [['0: ack'], '192.0.2.9', undefined, ['192.0.2.53']])
  assert.equal(s.table(), [])
})

test('what is no request, came by a relay, or names no message, is refused', () => {
  const s = server()
  s.tell(1, 'discover', {}, { op: BOOTREPLY })
  s.tell(1, 'discover', {}, { hardware: new Uint8Array(0) })
  s.tell(1, 'discover', {}, { relay: address('192.0.2.2') })
  s.tell(1, 'offer')
  s.tell(1, 'inform')
  assert.equal(s.log, Array.from({ length: 5 }, () => '0: refuse request'))
})

test.run()
