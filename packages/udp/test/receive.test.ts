import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { address } from '@favonius/inet'
import { datagram, portUnreachable, world, type World } from './world.ts'

const test = suite('UDP, the way up')

const check = (title: string, body: (w: World) => void, settings: Parameters<typeof world>[0] = {}): void => test(title, async () => {
  const w = await world(settings)
  body(w)
  await w.end()
})

const SIX = { from: '2001:db8::2', to: '2001:db8::1', port: 7 } as const
const FOUR = { from: '192.0.2.2', to: '192.0.2.1', port: 7 } as const

// ---- who gets it ----

check('connected beats bound, and bound beats any', ({ open, hear, peer }) => {
  const any = open({ port: 7, reuse: true })
  const bound = open({ port: 7, reuse: true, address: '2001:db8::1' })
  const connected = open({ port: 7, reuse: true })
  connected.socket.peer = peer('2001:db8::2', 5000)
  hear({ ...SIX, data: 'from the peer' })
  hear({ ...SIX, data: 'another port', sourcePort: 5001 })
  hear({ ...SIX, data: 'another host', from: '2001:db8::3' })
  hear({ ...SIX, data: 'another address', from: '2001:db8::3', to: '2001:db8:1::1' })
  hear({ ...FOUR, data: 'another family' })
  assert.equal(connected.heard, ['from the peer'])
  assert.equal(bound.heard, ['another port', 'another host'])
  assert.equal(any.heard, ['another address', 'another family'])
})

check('a socket of its own family beats a dual one', ({ open, hear }) => {
  const dual = open({ port: 7, reuse: true })
  const four = open({ port: 7, reuse: true, address: '0.0.0.0' })
  hear(FOUR)
  hear(SIX)
  assert.equal([four.heard.length, dual.heard.length], [1, 1])
})

check('v6only takes no IPv4', ({ open, hear, drops }) => {
  const six = open({ port: 7, v6only: true })
  hear(FOUR)
  assert.equal(six.heard, [])
  assert.is(drops()['udp: no listener'], 1)
})

check('a socket of an interface hears that one alone, and beats one of any', ({ open, hear, wires, tun0, tun1 }) => {
  const any = open({ port: 7, reuse: true })
  const zero = open({ port: 7, reuse: true, iface: tun0 })
  hear({ ...SIX, data: 'zero' }, wires[0])
  hear({ ...SIX, data: 'one' }, wires[1])
  assert.equal([zero.heard, any.heard], [['zero'], ['one']])
  any.socket.iface = tun1
  hear({ ...SIX, data: 'again' }, wires[1])
  assert.equal(any.heard, ['one', 'again'])
})

check('a link-local address is another on each link, for who is bound and for who is connected', ({ open, hear, wires, peer }) => {
  const zero = open({ port: 7, address: 'fe80::1%tun0' })
  const one = open({ port: 7, address: 'fe80::1%tun1' })
  const local = { from: 'fe80::2', to: 'fe80::1', port: 7 }
  hear(local, wires[0])
  hear({ ...local, data: 'one' }, wires[1])
  assert.equal([zero.heard, one.heard], [['data'], ['one']])
  assert.is(zero.from[0]!.address, 'fe80::2%tun0')
  assert.is.not(zero.from[0], one.from[0])
  const connected = open({ port: 9 })
  connected.socket.peer = peer('fe80::2%tun0', 5000)
  hear({ ...local, port: 9 }, wires[1])
  assert.equal(connected.heard, [])
  hear({ ...local, port: 9 }, wires[0])
  assert.equal(connected.heard, ['data'])
})

// ---- checksums ----

for (const [family, made] of [['IPv4', FOUR], ['IPv6', SIX]] as const) {
  check(`a wrong checksum is dropped and counted over ${family}`, ({ open, hear, drops, counters }) => {
    const ear = open({ port: 7 })
    hear({ ...made, checksum: 'wrong' })
    assert.equal(ear.heard, [])
    assert.is(drops()['udp: bad checksum'], 1)
    assert.equal([counters()['drop'], counters()['chkerr'], counters()['recv']], [1, 1, 0])
    hear(made)
    assert.equal([ear.heard, counters()['recv']], [['data'], 1])
  })

  check(`what the device vouches for is not summed again over ${family}`, ({ open, hear, wire }) => {
    const ear = open({ port: 7 })
    hear({ ...made, checksum: 'wrong' }, wire, 2)
    hear({ ...made, checksum: 'none' }, wire, 2)
    assert.is(ear.heard.length, 2)
  })
}

check('without a checksum: accepted over IPv4, never over IPv6', ({ open, hear, drops }) => {
  const ear = open({ port: 7 })
  hear({ ...FOUR, checksum: 'none' })
  hear({ ...SIX, checksum: 'none' })
  assert.equal(ear.heard, ['data'])
  assert.is(drops()['udp: no checksum'], 1)
})

check('missingChecksum: false refuses it over IPv4 too', ({ open, hear, drops }) => {
  open({ port: 7 })
  hear({ ...FOUR, checksum: 'none' })
  assert.is(drops()['udp: no checksum'], 1)
}, { missingChecksum: false })

check('checksum: false verifies nothing; over IPv6 there must be one all the same', ({ open, hear }) => {
  const ear = open({ port: 7 })
  hear({ ...SIX, checksum: 'wrong' })
  hear({ ...SIX, checksum: 'none' })
  assert.equal(ear.heard, ['data'])
}, { checksum: false })

check('a checksum that comes out as zero is sent, and understood, as all ones', ({ open, hear, wires, peer }) => {
  const ear = open({ port: 7, address: '2001:db8::1' })
  for (let n = 0; n < 65_536; n++) {
    const data = Uint8Array.of(n >> 8, n & 255)
    const bytes = datagram({ ...SIX, data })
    if (bytes[46] !== 0xff || bytes[47] !== 0xff) continue
    hear({ ...SIX, data })
    ear.socket.send(data, peer('2001:db8::2', 5000))
    break
  }
  assert.is(ear.heard.length, 1)
  // The same addresses and ports, with source and destination exchanged, have the same sum.
  assert.equal([...wires[0].sent[0]!.subarray(46, 48)], [0xff, 0xff])
})

// ---- lengths ----

check('lengths that cannot be are dropped and counted', ({ open, hear, wire, drops, counters }) => {
  const ear = open({ port: 7 })
  hear({ ...SIX, length: 7 })
  hear({ ...SIX, length: 13 })
  hear({ ...SIX, length: 0 })
  hear({ ...FOUR, length: 65_535 })
  assert.is(drops()['udp: wrong length'], 4)
  const cut = datagram(SIX).slice(0, 47)
  new DataView(cut.buffer).setUint16(4, 7)
  wire.receive(cut)
  assert.is(drops()['udp: shorter than its header'], 1)
  assert.equal([ear.heard, counters()['drop']], [[], 5])
})

check('what stands behind a datagram is no part of it, nor of its sum', ({ open, hear }) => {
  const ear = open({ port: 7 })
  hear({ ...SIX, padding: 1 })
  hear({ ...FOUR, padding: 100 })
  hear({ ...SIX, data: '', padding: 3 })
  assert.equal(ear.heard, ['data', 'data', ''])
})

check('port 0 is nobody\'s, as a destination; as a source it may be', ({ open, hear, drops }) => {
  const ear = open({ port: 7 })
  hear({ ...SIX, port: 0 })
  assert.is(drops()['udp: port 0'], 1)
  hear({ ...SIX, sourcePort: 0 })
  assert.is(ear.from[0]!.port, 0)
})

// ---- groups ----

check('every socket of a group gets a buffer of its own', ({ open, hear, stack, tun0, buffers }) => {
  const ears = [1, 2, 3].map(() => open({ port: 7, reuse: true }))
  const other = open({ port: 8 })
  stack.ipv6.join(tun0, address('ff02::4242'))
  for (const ear of ears) ear.keep = true
  hear({ ...SIX, to: 'ff02::4242' })
  assert.equal(ears.map(({ heard }) => heard), [['data'], ['data'], ['data']])
  assert.equal(other.heard, [])
  const kept = ears.map((ear) => ear.kept[0]!)
  assert.is(new Set(kept).size, 3)
  assert.is(buffers.live, 3)
  kept[0]!.dv.setUint8(kept[0]!.offset, 0x44)
  kept[0]!.unref()
  for (const packet of kept.slice(1)) {
    assert.equal(new TextDecoder().decode(packet.view()), 'data', 'what one does to its own the others do not see')
    packet.unref()
  }
})

check('a socket bound to the group hears it; one bound to a unicast address does not', ({ open, hear, stack, tun0 }) => {
  stack.ipv6.join(tun0, address('ff02::4242'))
  const group = open({ port: 7, reuse: true, address: 'ff02::4242' })
  const unicast = open({ port: 7, reuse: true, address: '2001:db8::1' })
  hear({ ...SIX, to: 'ff02::4242' })
  assert.equal([group.heard.length, unicast.heard.length], [1, 0])
})

check('a hearer of a group that closes another keeps it from hearing', ({ open, hear, stack, tun0 }) => {
  stack.ipv6.join(tun0, address('ff02::4242'))
  const ears = [1, 2, 3].map(() => open({ port: 7, reuse: true }))
  ears[1]!.onReceive = () => { for (const ear of ears) ear.socket.close() }
  hear({ ...SIX, to: 'ff02::4242' })
  assert.equal(ears.map(({ heard }) => heard.length), [0, 1, 0])
})

check('a group in which buffers run short loses copies, and counts them', ({ open, hear, stack, tun0, buffers, drops, wire }) => {
  stack.ipv6.join(tun0, address('ff02::4242'))
  const ears = [1, 2].map(() => open({ port: 7, reuse: true }))
  const hoard = []
  const bytes = datagram({ ...SIX, to: 'ff02::4242', data: new Uint8Array(1000) })
  while (buffers.used + 70_000 <= buffers.quota) hoard.push(buffers.alloc(60_000)!)
  while (buffers.used + 2 * 2048 <= buffers.quota) hoard.push(buffers.alloc(2000)!)
  hear(SIX)
  wire.receive(bytes)
  assert.equal(ears.map(({ heard }) => heard.length).sort(), [0, 2])
  assert.is(drops()['udp: no buffer for another listener'], 1)
  for (const packet of hoard) packet.unref()
})

// ---- nobody listens ----

check('nobody listens: port unreachable, which quotes the datagram', ({ hear, wire, drops }) => {
  hear({ ...SIX, data: 'anyone?' })
  hear({ ...FOUR, data: 'anyone?' })
  assert.is(wire.sent.length, 2)
  const [six, four] = wire.sent as [Uint8Array, Uint8Array]
  assert.equal([...six.subarray(40, 42)], [1, 4])
  assert.equal(six.subarray(48), datagram({ ...SIX, data: 'anyone?' }))
  assert.equal([...four.subarray(20, 22)], [3, 3])
  assert.equal(four.subarray(28), datagram({ ...FOUR, data: 'anyone?' }))
  assert.is(drops()['udp: no listener'], 2)
})

check('nobody listens to a group or a broadcast: silence', ({ hear, wire, stack, tun0, drops }) => {
  stack.ipv6.join(tun0, address('ff02::4242'))
  stack.ipv4.join(tun0, address('239.1.2.3'))
  wire.sent.length = 0
  hear({ ...SIX, to: 'ff02::4242' })
  hear({ ...FOUR, to: '239.1.2.3' })
  hear({ ...FOUR, to: '255.255.255.255' })
  hear({ ...FOUR, to: '192.0.2.255' })
  assert.equal(wire.sent, [])
  assert.is(drops()['udp: no listener'], 4)
})

// ---- errors from the way ----

check('an error about a datagram of ours reaches the socket that sent it, and no other', ({ open, wire, peer }) => {
  const [sender, other] = [open({ port: 7 }), open({ port: 8 })]
  for (const [to, by] of [['2001:db8::2', '2001:db8::2'], ['192.0.2.2', '192.0.2.2']] as const) {
    const remote = peer(to, 53)
    assert.is(sender.socket.send(new TextEncoder().encode('query'), remote), 'sent')
    wire.receive(portUnreachable(by, wire.sent.at(-1)!))
    const { error, peer: about } = sender.errors.at(-1)!
    assert.is(error.code, 'ECONNREFUSED')
    assert.is(about, remote)
    assert.is(`${error.from}`, by)
  }
  assert.equal([sender.errors.length, other.errors.length], [2, 0])
})

check('an error about a peer that nothing was sent to is a lie, and leaves no trace', ({ open, wire, peer, udp }) => {
  const ear = open({ port: 7 })
  const remote = peer('2001:db8::2', 53)
  ear.socket.send(new Uint8Array(1), remote)
  const to = (host: number, port: number): Uint8Array => portUnreachable('2001:db8::2', datagram({ from: '2001:db8::1', sourcePort: 7, to: `2001:db8::${host.toString(16)}`, port }))
  wire.receive(to(2, 54))
  wire.receive(to(3, 53))
  for (let n = 0x100; n < 0x110; n++) wire.receive(to(n, 53))
  assert.equal(ear.errors, [])
  assert.is(udp.peer(address('2001:db8::2'), 53), remote, 'forged errors evict no one')
  wire.receive(to(2, 53))
  assert.is(ear.errors.length, 1)
}, { maxPeers: 4 })

check('a connected socket hears of errors even when its peer was evicted since', ({ open, hear, wire, peer }) => {
  const ear = open({ port: 7 })
  const remote = peer('2001:db8::2', 53)
  ear.socket.peer = remote
  ear.socket.send(new Uint8Array(1), remote)
  const quoted = wire.sent.at(-1)!
  const stranger = open({ port: 8 })
  for (let n = 0x10; n < 0x30; n++) hear({ ...SIX, from: `2001:db8::${n.toString(16)}`, port: 8 })
  assert.is(stranger.heard.length, 32)
  wire.receive(portUnreachable('2001:db8::2', quoted))
  assert.is(ear.errors.length, 1)
  assert.is(ear.errors[0]!.peer, remote)
  hear({ ...SIX, sourcePort: 53 })
  assert.is(ear.heard.length, 1)
}, { maxPeers: 8 })

test.run()
