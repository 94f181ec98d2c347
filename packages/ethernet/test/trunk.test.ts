/** Whole stacks that share a wire: VLANs 100 and 200 with tags, and the untagged network beside them. */

import * as assert from 'uvu/assert'
import type { Interface, NetBuf } from '@favonius/contract'
import { sleep } from '@favonius/clock'
import { address, ANY6 } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { packets } from '@favonius/pcap'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { arp, ethernet } from '../src/index.ts'
import { vlan } from '../src/vlan/index.ts'
import { at as tagAt, priorityOf, vlanOf } from '../src/vlan/wire.ts'
import { at, HEADER } from '../src/wire.ts'

const test = suite('a trunk')

/** The addresses of Zephyr's samples, by tag; 0 is the untagged network. */
const PREFIXES = { 0: ['192.0.2.', '2001:db8::'], 100: ['198.51.100.', '2001:db8:100::'], 200: ['203.0.113.', '2001:db8:200::'] } as const
const TAGS = [0, 100, 200] as const
type Tag = (typeof TAGS)[number]

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const code = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'it did not fail', (error: { code: string }) => error.code)

/** Hosts on one wire, each with the VLANs that it is given, and what was on the wire. */
function world() {
  const net = simulate({ seed: 8 })
  const lan = net.ethernet({ latency: 1 })
  const wire: { readonly tag: number | undefined; readonly priority: number | undefined; readonly type: number; readonly length: number }[] = []
  lan.tap((frame) => {
    const { dv, offset } = frame
    const type = dv.getUint16(offset + at.type)
    const control = type === 0x8100 ? dv.getUint16(offset + HEADER + tagAt.control) : undefined
    wire.push({
      tag: control === undefined ? undefined : vlanOf(control),
      priority: control === undefined ? undefined : priorityOf(control),
      type: control === undefined ? type : dv.getUint16(offset + HEADER + tagAt.type),
      length: frame.total(),
    })
  })
  const host = (number: number, tags: readonly Tag[] = TAGS) => {
    const node = net.node(`host ${number}`, [ethernet(), arp({ tableSize: 8 }), vlan(), ipv4(), ipv6(), udp(), sockets()], lan)
    const { stack, iface } = node
    const on = new Map<Tag, Interface>()
    for (const tag of tags) {
      const its = tag === 0 ? iface : stack.vlan.add(iface, tag)
      on.set(tag, its)
      stack.ipv4.addAddress(its, `${PREFIXES[tag][0]}${number}/24`)
      stack.ipv6.addAddress(its, `${PREFIXES[tag][1]}${number}/64`)
    }
    return { ...node, iface, on: (tag: Tag): Interface => on.get(tag)!, up: () => Promise.all([...on.values()].map((its) => its.up())) }
  }
  return { net, wire, host }
}

test('pings and datagrams go by each VLAN and beside them, with their tags', async () => {
  const { net, wire, host } = world()
  const [a, b] = [host(1), host(2)]
  await net.run(async () => {
    await Promise.all([a.up(), b.up()])
    const heard: string[] = []
    const echo = await b.stack.sockets.open({ port: 4242 }, {
      receive(data, from, info) {
        heard.push(`${new TextDecoder().decode(data)} on ${info.iface}`)
        echo.send(data, from)
      },
    })
    const back: string[] = []
    const client = await a.stack.sockets.open({}, { receive: (data, from, info) => void back.push(`${new TextDecoder().decode(data)} from ${from.address} on ${info.iface}`) })
    for (const tag of TAGS) {
      const [four, six] = PREFIXES[tag].map((prefix) => `${prefix}2`) as [string, string]
      wire.length = 0
      assert.is((await a.stack.ipv4.ping(four, { count: 2, interval: 10 })).received, 2)
      assert.is((await a.stack.ipv6.ping(six, { count: 2, interval: 10 })).received, 2)
      for (const to of [four, six]) client.send(bytes(to), { address: to, port: 4242 })
      await sleep(net.env, 50)
      assert.equal([heard.splice(0), back.splice(0)], [
        [four, six].map((to) => `${to} on ${b.on(tag).name}`), [four, six].map((to) => `${to} from ${to} on ${a.on(tag).name}`),
      ])
      assert.ok(wire.length >= 12, 'asked for, pinged, sent')
      assert.equal(new Set(wire.map((frame) => frame.tag)), new Set([tag || undefined]), 'no frame in another network')
      assert.equal(new Set(wire.map(({ type }) => type)), new Set([0x0806, 0x0800, 0x86dd]))
    }
    // Link-local addresses are the same on all three, and the zone tells them apart.
    const [linkLocal] = b.iface.addresses.map((entry) => `${entry.address}`.replace(/%.*/, '')).filter((text) => text.startsWith('fe80'))
    for (const tag of TAGS) assert.is(`${(await a.stack.ipv6.ping(`${linkLocal}%${a.on(tag).name}`)).from}`, `${linkLocal}%${a.on(tag).index}`)
  })
  // Captures have the frames as they are on the wire.
  const captured = [...packets(net.captured())].map((packet) => ('data' in packet ? packet.data[at.type]! << 8 | packet.data[at.type + 1]! : 0))
  assert.ok(captured.filter((type) => type === 0x8100).length > 40)
  await net.stop()
})

test('the same addresses in two VLANs are strangers to each other', async () => {
  const { net, host } = world()
  const [a, b, c, d] = [host(1, []), host(2, []), host(3, []), host(4, [])]
  const members = [[a, 100, 1], [b, 100, 2], [c, 200, 1], [d, 200, 2]] as const
  const conflicts: string[] = []
  await net.run(async () => {
    const ifaces = members.map(([member, tag, number]) => {
      member.stack.netif.listen((event) => { if (event.type === 'address-conflict') conflicts.push(`${event.address}`) })
      const iface = member.stack.vlan.add(member.iface, tag)
      member.stack.ipv4.addAddress(iface, `10.0.0.${number}/24`)
      member.stack.ipv6.addAddress(iface, `2001:db8:5::${number}/64`)
      return iface
    })
    await Promise.all(ifaces.map((iface) => iface.up()))
    assert.ok(ifaces.every(({ addresses }) => addresses.every(({ state }) => state === 'preferred')), 'no address is another\'s duplicate')
    const heard: string[] = []
    for (const [member, name] of [[b, 'b'], [d, 'd']] as const) {
      await member.stack.sockets.open({ port: 7 }, { receive: (data) => void heard.push(`${name}: ${new TextDecoder().decode(data)}`) })
    }
    for (const [member, name] of [[a, 'a'], [c, 'c']] as const) {
      assert.is((await member.stack.ipv4.ping('10.0.0.2')).received, 1)
      assert.is((await member.stack.ipv6.ping('2001:db8:5::2')).received, 1)
      assert.equal((await member.stack.ipv6.ping(`ff02::1%${member.stack.vlan.interfaces[0]!.name}`, { timeout: 50 })).received, 1)
      const socket = await member.stack.sockets.open({}, { receive() {} })
      socket.send(bytes(name), { address: '2001:db8:5::2', port: 7 })
      socket.send(bytes(name), { address: '10.0.0.2', port: 7 })
    }
    await sleep(net.env, 50)
    assert.equal(heard.sort(), ['b: a', 'b: a', 'd: c', 'd: c'])
    assert.equal(conflicts, [])
    assert.is(a.stack.arp.neighbors.filter(({ link }) => `${link}` !== `${b.iface.address}`).length, 0)
  })
  await net.stop()
})

test('SO_PRIORITY is the tag\'s priority, and the tag\'s priority is the packet\'s', async () => {
  const { net, wire, host } = world()
  const [a, b] = [host(1), host(2)]
  await net.run(async () => {
    await Promise.all([a.up(), b.up()])
    const heard = new Map<Interface, number[]>()
    const take = (packet: NetBuf): void => {
      heard.set(packet.iface!, [...heard.get(packet.iface!) ?? [], packet.priority])
      packet.unref()
    }
    b.stack.udp.open({ address: ANY6, port: 4242, v6only: false, reuse: false, iface: undefined }, { receive: take })
    const socket = a.stack.sockets.socket('inet6', 'dgram')
    const to = [`${PREFIXES[100][0]}2`, `${PREFIXES[200][1]}2`]
    for (const target of to) await socket.sendto(bytes('who is there?'), { address: target, port: 9 })
    await sleep(net.env, 50)
    wire.length = 0
    for (let priority = 0; priority <= 7; priority++) {
      socket.setsockopt('SO_PRIORITY', priority)
      for (const target of to) await socket.sendto(bytes('x'), { address: target, port: 4242 })
    }
    await sleep(net.env, 50)
    for (const tag of [100, 200] as const) {
      assert.equal(wire.filter((frame) => frame.tag === tag).map((frame) => frame.priority), [0, 1, 2, 3, 4, 5, 6, 7])
      assert.equal(heard.get(b.on(tag)), [0, 1, 2, 3, 4, 5, 6, 7])
    }
  })
  await net.stop()
})

test('a VLAN that is removed is gone, its tag may be used again, and the others stay', async () => {
  const { net, host } = world()
  const [a, b] = [host(1), host(2)]
  await net.run(async () => {
    await Promise.all([a.up(), b.up()])
    const gone = b.on(100)
    // A packet waits for its neighbour while the VLAN goes.
    const waits = b.stack.ipv4.ping(`${PREFIXES[100][0]}77`, { timeout: 100 })
    await b.stack.vlan.remove(gone)
    assert.is((await waits).received, 0)
    assert.equal([b.stack.netif.find('eth0.100'), gone.running, gone.addresses.length], [undefined, false, 0])
    assert.ok(b.stack.ip.routes.every(({ iface }) => iface !== gone))
    assert.is(await code(gone.up()), 'ENODEV')
    assert.is(await code(b.stack.ipv4.ping(`${PREFIXES[100][0]}1`)), 'ENETUNREACH')
    assert.is((await a.stack.ipv4.ping(`${PREFIXES[100][0]}2`, { timeout: 50 })).received, 0)
    assert.ok(b.stack.netif.statistics(b.iface).drops['vlan: not one of ours']! > 0)
    for (const tag of [0, 200] as const) assert.is((await a.stack.ipv6.ping(`${PREFIXES[tag][1]}2`)).received, 1)

    const again = b.stack.vlan.add(b.iface, 100)
    assert.is(again.name, 'eth0.100')
    b.stack.ipv4.addAddress(again, `${PREFIXES[100][0]}2/24`)
    await again.up()
    assert.is((await a.stack.ipv4.ping(`${PREFIXES[100][0]}2`)).received, 1)

    // Removing what they stand on takes all of them.
    await b.stack.netif.remove(b.iface)
    await sleep(net.env, 1)
    assert.equal([b.stack.vlan.interfaces, b.stack.netif.interfaces], [[], []])
  })
  await net.stop()
})

test('a VLAN runs while the interface below does: administration, cable, and back', async () => {
  const { net, host } = world()
  const [a, b] = [host(1), host(2)]
  const six = `${PREFIXES[100][1]}2`
  await net.run(async () => {
    await Promise.all([a.up(), b.up()])
    const [eth0, v100] = [a.iface, a.on(100)]
    const events: string[] = []
    a.stack.netif.listen(({ type, iface }) => { if (type === 'up' || type === 'down') events.push(`${iface.name} ${type}`) })
    const states = (): readonly boolean[] => [eth0.running, v100.enabled, v100.carrier, v100.running]
    assert.equal(states(), [true, true, true, true])

    net.plug(a.devices[0]!, false)
    assert.equal(states(), [false, true, false, false])
    assert.is(await code(a.stack.ipv6.ping(six)), 'ENETUNREACH')
    net.plug(a.devices[0]!, true)
    assert.equal(states(), [true, true, true, true])
    await v100.up()
    assert.is((await a.stack.ipv6.ping(six)).received, 1)

    eth0.down()
    assert.equal(states(), [false, true, false, false])
    assert.is(await code(v100.up({ timeout: 20 })), 'ETIMEDOUT')
    await Promise.all([eth0.up(), v100.up(), a.on(200).up()])
    assert.is((await a.stack.ipv6.ping(six)).received, 1)

    // By itself it goes down alone, and misses what is sent meanwhile.
    v100.down()
    assert.equal(states(), [true, false, true, false])
    assert.is((await b.stack.ipv6.ping(`${PREFIXES[100][1]}1`, { timeout: 50 })).received, 0)
    assert.ok(a.stack.netif.statistics(v100).drops['vlan: received while disabled']! > 0)
    assert.is((await a.stack.ipv6.ping(`${PREFIXES[200][1]}2`)).received, 1)
    const around = (name: string): string[] => events.filter((event) => event.startsWith(`${name} `))
    assert.equal(around('eth0'), ['eth0 down', 'eth0 up', 'eth0 down', 'eth0 up'])
    assert.equal(around('eth0.100'), ['eth0.100 down', 'eth0.100 up', 'eth0.100 down', 'eth0.100 up', 'eth0.100 down'])
    assert.equal(around('eth0.200'), ['eth0.200 down', 'eth0.200 up', 'eth0.200 down', 'eth0.200 up'])

    // Added while the wire is down, it comes with it.
    eth0.down()
    const late = a.stack.vlan.add(eth0, 300)
    late.up({ timeout: Infinity }).catch(() => {}) // it is waited for below
    assert.equal([late.enabled, late.running], [true, false])
    await eth0.up()
    assert.ok(late.running)
  })
  await net.stop()
})

// IEEE 802.3 §3.2.7 lets a tagged frame be longer by its tag.
test('the tag does not count against the MTU: 1500 bytes go whole, and not one more', async () => {
  const { net, wire, host } = world()
  const [a, b] = [host(1), host(2)]
  await net.run(async () => {
    await Promise.all([a.up(), b.up()])
    assert.equal([a.on(100).mtu, a.on(0).mtu], [1500, 1500])
    for (const tag of TAGS) {
      const [four, six] = PREFIXES[tag].map((prefix) => `${prefix}2`) as [string, string]
      wire.length = 0
      assert.is((await a.stack.ipv4.ping(four, { size: 1500 - 28 })).received, 1)
      assert.is((await a.stack.ipv6.ping(six, { size: 1500 - 48 })).received, 1)
      assert.is(wire.filter(({ length }) => length === HEADER + (tag === 0 ? 0 : 4) + 1500).length, 4)
      assert.is(Math.max(...wire.map(({ length }) => length)), HEADER + (tag === 0 ? 0 : 4) + 1500)
    }
    const heard: string[] = []
    await b.stack.sockets.open({ port: 7 }, { receive: (data) => void heard.push(`${data.length} ${data.every((byte, i) => byte === (i * 7 & 0xff))}`) })
    const socket = await a.stack.sockets.open({}, { receive() {} })
    const data = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => i * 7)
    socket.send(data(1500 - 28), { address: `${PREFIXES[200][0]}2`, port: 7 })
    socket.send(data(1500 - 48), { address: `${PREFIXES[200][1]}2`, port: 7 })
    await sleep(net.env, 50)
    assert.equal(heard, ['1472 true', '1452 true'])
    assert.is(a.stack.ipv4.route(address(`${PREFIXES[200][0]}2`), { protocol: 17 })!.mtu, 1500)
  })
  await net.stop()
})

test.run()
