import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { address, prefix } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { BOOTREPLY, BOOTREQUEST, messageTypes, readMessage, show, writeMessage, type DhcpMessage } from '../src/index.ts'
import { at } from '../src/wire/message.ts'
import { writeOptions } from '../src/wire/options.ts'

const test = suite('DHCP messages')

const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1)
const head = { op: BOOTREPLY, xid: 0x12345678, hardwareType: 1, hardware } as const
const read = (bytes: Uint8Array): DhcpMessage => {
  const message = readMessage(bytes)
  if ('malformed' in message) throw new Error(message.malformed)
  return message
}

test('every option comes back as it was written', () => {
  const options = {
    messageType: messageTypes.ack, subnetMask: address('255.255.255.0'), routers: [address('192.0.2.1'), address('192.0.2.2')],
    dnsServers: [address('192.0.2.53')], hostName: 'a', domainName: 'example.org', mtu: 1400, broadcast: address('192.0.2.255'),
    ntpServers: [address('192.0.2.123')], vendorInformation: Uint8Array.of(1, 2), requestedAddress: address('192.0.2.9'), leaseTime: 0xffff_ffff,
    serverId: address('192.0.2.1'), parameters: Uint8Array.of(1, 3), message: 'why', maxSize: 576, renewalTime: 10, rebindingTime: 20,
    vendorClass: 'v', clientId: Uint8Array.of(1), rapidCommit: true as const,
    routes: [
      { prefix: prefix('10.0.0.0/8'), router: address('192.0.2.3') }, { prefix: prefix('0.0.0.0/0'), router: address('192.0.2.1') },
      { prefix: prefix('10.17.0.128/25'), router: address('0.0.0.0') },
    ],
  }
  const message = read(writeMessage({ ...head, your: address('192.0.2.9'), secs: 7, broadcast: true, options }))
  assert.equal(JSON.stringify(message.options), JSON.stringify(options))
  assert.is(message.xid, 0x12345678)
  assert.is(message.secs, 7)
  assert.ok(message.broadcast)
  assert.equal(message.hardware, hardware)
})

test('RFC 3442: its examples of destinations', () => {
  // The table of RFC 3442, «Classless Route Option Format»; each with router 0.0.0.0.
  for (const [text, ...bytes] of [['0.0.0.0/0', 0], ['10.0.0.0/8', 8, 10], ['10.0.0.0/24', 24, 10, 0, 0], ['10.17.0.0/16', 16, 10, 17],
    ['10.27.129.0/24', 24, 10, 27, 129], ['10.229.0.128/25', 25, 10, 229, 0, 128], ['10.198.122.47/32', 32, 10, 198, 122, 47]] as const) {
    const written = writeOptions({ routes: [{ prefix: prefix(text), router: address('0.0.0.0') }] })
    assert.equal(written, [121, bytes.length + 4, ...bytes, 0, 0, 0, 0])
  }
})

test('RFC 3396: a long option stands in parts, and is put together', () => {
  const vendorInformation = Uint8Array.from({ length: 600 }, (_, i) => i)
  assert.equal(read(writeMessage({ ...head, options: { vendorInformation } })).options.vendorInformation, vendorInformation)
})

test('RFC 2132 §9.3: options go on in file and then in sname', () => {
  const bytes = writeMessage({ ...head, options: {} })
  bytes.set([52, 1, 3, 12, 1, 97, 255], at.options)
  bytes.set([12, 1, 98, 255], at.file)
  bytes.set([12, 1, 99, 255], at.sname)
  assert.is(read(bytes).options.hostName, 'abc')
})

test('what is malformed is named', () => {
  const good = writeMessage({ ...head, options: { messageType: 1 } })
  const bad = (change: (bytes: Uint8Array) => void): string => {
    const bytes = good.slice()
    change(bytes)
    return (readMessage(bytes) as { malformed: string }).malformed
  }
  assert.equal(readMessage(good.subarray(0, 239)), { malformed: 'short' })
  assert.is(bad((b) => { b[0] = 3 }), 'operation')
  assert.is(bad((b) => { b[at.hlen] = 17 }), 'hardware address')
  assert.is(bad((b) => { b[at.cookie] = 0 }), 'cookie')
  assert.is(bad((b) => { b[at.options + 1] = 255 }), 'options')
  assert.is(bad((b) => { b.set([53, 2, 1, 1], at.options) }), 'option')
  assert.is(bad((b) => { b.set([121, 5, 33, 1, 1, 1, 1], at.options) }), 'option')
  assert.is(bad((b) => { b.set([52, 1, 4], at.options) }), 'overload')
  assert.is(show(good), 'DHCP discover, xid 12345678, client 0.0.0.0, your 0.0.0.0')
})

test('no bytes make the parser throw', () => {
  const good = writeMessage({ ...head, op: BOOTREQUEST, options: {} }).subarray(0, at.options)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    readMessage(bytes)
    show(Uint8Array.of(...good, ...bytes))
  }), { numRuns: 500, seed: 1 })
})

test.run()
