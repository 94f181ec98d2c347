import * as assert from 'uvu/assert'
import type { NetBuf } from '@favonius/contract'
import { virtual } from '@favonius/clock'
import { address, ETHERTYPE_IPV6, eui48, sameLink } from '@favonius/inet'
import { Arena } from '@favonius/netbuf'
import { NetifLayer } from '@favonius/netif'
import { suite } from '@favonius/testing'
import { Ieee802154L2, Mac } from '../src/index.ts'
import { macOf } from '../src/l2.ts'
import { EVERYONE, frameTypes } from '../src/wire/index.ts'
import { Plain } from './plain.ts'
import { frameOf, OURS, ScriptedRadio, short, THEIRS } from './radio.ts'

const test = suite('ieee802154: link layer')

async function world({ quota = 1 << 20 } = {}) {
  const env = virtual({ seed: 3 })
  const buffers = new Arena({ chunkSize: 1 << 20 }).pool({ debug: true, quota })
  const netif = new NetifLayer(env, buffers, { defaultInterface: 'first', transmitQueue: 8 })
  const adaptation = new Plain()
  const l2 = new Ieee802154L2(netif, adaptation)
  netif.registerL2(l2)
  const radio = new ScriptedRadio(env)
  const mac = new Mac(env, radio)
  const iface = netif.add(mac)
  await iface.up()
  const heard: string[] = []
  netif.registerProtocol(ETHERTYPE_IPV6, (_iface, packet) => {
    heard.push(`${packet.cast} ${new TextDecoder().decode(packet.view())}`)
    packet.unref()
  })
  const packet = (text: string, headroom = iface.headroom): NetBuf => {
    const made = buffers.alloc(text.length, headroom)!
    made.write(new TextEncoder().encode(text))
    made.protocol = ETHERTYPE_IPV6
    return made
  }
  const settle = (): void => { while (env.step()); }
  const end = async (): Promise<void> => {
    await netif.stop()
    assert.is(buffers.live, 0, buffers.owners().join('; '))
    assert.is(env.armed, 0)
  }
  return { netif, adaptation, l2, radio, mac, iface, heard, packet, settle, end, drops: () => netif.statistics(iface).drops }
}

test('an interface carries 1280 bytes, and is called wpan0', async () => {
  const { iface, end } = await world()
  assert.equal([iface.name, iface.mtu, iface.headroom, `${iface.address}`], ['wpan0', 1280, 22, `${OURS}`])
  await end()
})

test('a packet goes out from the EUI-64, with the PAN once, asking for an acknowledgment', async () => {
  const { l2, radio, iface, packet, settle, end } = await world()
  assert.ok(l2.send(iface, packet('hello'), THEIRS))
  settle()
  assert.match(radio.log[1]!, /data \(2006\), pan abcd, 02:00:00:00:00:00:00:01 > 02:00:00:00:00:00:00:02, seq \d+, ack requested, length 6$/)
  await end()
})

test('it goes out from the short address once there is one; and without asking, when nobody wants it', async () => {
  const { l2, radio, mac, iface, packet, adaptation, settle, end } = await world()
  mac.set({ shortAddress: 0x0a0b, acknowledge: false })
  l2.send(iface, packet('hello'), short(0x0102))
  settle()
  assert.match(radio.log[1]!, /pan abcd, 0a:0b > 01:02, seq \d+, length 6$/)
  assert.equal(adaptation.log, ['0a:0b > 01:02'])
  await end()
})

test('numbers go up from one at random, and round', async () => {
  const { mac, end } = await world()
  const first = mac.nextSequence()
  assert.equal(Array.from({ length: 256 }, () => mac.nextSequence()).at(-1), first)
  assert.is(mac.nextSequence(), (first + 1) % 256)
  await end()
})

test('groups are everyone, and nobody is asked to acknowledge them', async () => {
  const { l2, radio, iface, packet, settle, end } = await world()
  assert.ok(sameLink(l2.multicast(), EVERYONE))
  iface.output(packet('hello'), address('ff02::1'))
  settle()
  assert.match(radio.log[1]!, /01 > everyone, seq \d+, length 6$/)
  assert.is(radio.log.length, 2, 'once')
  await end()
})

test('what is heard goes up without its header', async () => {
  const { radio, heard, adaptation, netif, settle, end } = await world()
  const senders: string[] = []
  netif.registerPacketHandler((iface, packet) => {
    senders.push(`${iface.l2.parse!(packet, packet.link).sender} ${packet.length}`)
    return false
  })
  radio.hear(frameOf({ sequence: 1, acknowledge: true }, 'Ahello'))
  radio.hear(frameOf({ sequence: 2, source: short(7), destination: EVERYONE }, 'Aworld'))
  assert.equal(heard, ['0 hello', '2 world'])
  assert.equal(adaptation.log, [`${THEIRS} > ${OURS}`, '00:07 > ff:ff'])
  assert.equal(senders, [`${THEIRS} 5`, '00:07 5'])
  settle()
  await end()
})

test('a packet of two frames goes up once, and packet handlers see it', async () => {
  const { radio, heard, netif, adaptation, iface, end } = await world()
  let seen = 0
  netif.registerPacketHandler(() => {
    seen++
    return false
  })
  radio.hear(frameOf({ sequence: 1 }, 'Bone '))
  radio.hear(frameOf({ sequence: 2 }, 'Btwo'))
  assert.equal([heard, seen], [['0 one two'], 1])
  radio.hear(frameOf({ sequence: 3 }, 'Bone '))
  iface.down()
  assert.is(adaptation.forgotten, 1)
  await end()
})

test('what it drops, it counts', async () => {
  const { l2, radio, mac, iface, packet, netif, drops, end } = await world()
  radio.hear(frameOf({ sequence: 1 }))
  radio.hear(frameOf({ sequence: 2, source: short(0xffff) }, 'A'))
  const raw = packet('\x07')
  netif.interfaces[0]!.receive(raw)
  assert.not(l2.send(iface, packet('x'), eui48('02:00:00:00:00:01')))
  assert.not(l2.send(iface, packet('x', 5), THEIRS))
  assert.equal(drops(), {
    'ieee802154: no payload': 1, 'ieee802154: without a source, or sent by everyone': 1, 'ieee802154: no data frame for us': 1,
    'ieee802154: no such link address': 1, 'ieee802154: no room for its header': 1,
  })
  mac.set({ panId: 1 })
  radio.hear(frameOf({ sequence: 4 }, 'Ax'))
  assert.is(drops()['device: for another station'], 1)
  await end()
})

test('in promiscuous mode packet handlers see what is for others, and no layer acts on it', async () => {
  const { radio, heard, netif, iface, adaptation, drops, settle, end } = await world()
  const seen: string[] = []
  netif.registerPacketHandler((_iface, packet) => {
    seen.push(`${packet.protocol.toString(16)} ${packet.cast} ${packet.offset - packet.link} ${packet.length} ${iface.l2.parse!(packet, packet.link).sender}`)
    return packet.cast === 3
  })
  const release = iface.hearAll()
  radio.hear(frameOf({ sequence: 1, destination: THEIRS, source: short(9) }, 'Ahello'))
  radio.hear(frameOf({ sequence: 2, type: frameTypes.command }, '\x07'))
  radio.hear(frameOf({ sequence: 3 }, 'Ato us'))
  assert.equal(seen, ['f6 3 15 6 00:09', `f6 3 21 1 ${THEIRS}`, `86dd 0 0 5 ${THEIRS}`])
  assert.equal([heard, adaptation.log.length], [['0 to us'], 1])
  release()
  radio.hear(frameOf({ sequence: 4, destination: THEIRS }, 'Ahello'))
  assert.is(drops()['device: for another station'], 1)
  settle()
  await end()
})

test('a device of the medium that is no MAC is refused by name', async () => {
  assert.throws(() => macOf({ name: 'wpan9', device: undefined } as never), /wpan9 is over no MAC of IEEE 802.15.4: make it with stack.ieee802154.add\(radio\)/)
})

test.run()
