import * as assert from 'uvu/assert'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ieee802154 } from '@favonius/ieee802154'
import { fcs, show } from '@favonius/ieee802154/wire'
import { ipv4 } from '@favonius/ipv4'
import { address, prefix } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { packets, type CapturedPacket } from '@favonius/pcap'
import { sockets } from '@favonius/sockets'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { line, linkMatrix, simulate, unitDisk, type AirOptions } from '../src/index.ts'

const test = suite('stacks on the air')
const features = [ieee802154(), ipv6(), udp(), sockets()] as const

/** Stacks in a row, ten metres apart, that are up. */
async function row(count: number, options: AirOptions & { readonly record?: 'plain' | 'fcs' | 'tap' } = {}, seed = 7) {
  const net = simulate({ seed })
  const air = net.air({ medium: unitDisk({ range: 10 }), ...options })
  const nodes = line(count, 10).map((at, i) => {
    const node = net.node(`n${i}`, features, air, { at })
    node.stack.ipv6.addAddress(node.iface, `2001:db8::${i + 1}/64`)
    return node
  })
  await net.run(() => Promise.all(nodes.map(({ iface }) => iface.up())))
  return { net, air, nodes }
}

test('two stacks find each other and ping, with packets of one frame and of several', async () => {
  const { net, nodes: [a] } = await row(2)
  await net.run(async () => {
    assert.equal([a!.iface.name, a!.iface.mtu, `${a!.iface.address}`, a!.iface.medium], ['wpan0', 1280, '02:00:00:00:00:00:00:01', 'ieee802154'])
    assert.ok(a!.iface.addresses.some(({ address }) => `${address}` === 'fe80::1%1'), 'the identifier is the EUI-64, its bit turned over')
    for (const size of [8, 64, 1000]) {
      const { received, roundTrips } = await a!.stack.ipv6.ping('2001:db8::2', { count: 3, size })
      assert.is(received, 3, `${size} bytes`)
      assert.ok(roundTrips.every((ms) => ms > size * 2 * 0.032), 'at 250 kbit/s')
    }
  })
  await net.stop()
})

test('short addresses: neighbours go by them once they are given', async () => {
  const { net, nodes: [a, b], air } = await row(2)
  a!.stack.ieee802154.set(a!.iface, { shortAddress: 0x000a })
  b!.stack.ieee802154.set(b!.iface, { shortAddress: 0x000b })
  assert.is(a!.stack.ieee802154.get(a!.iface).shortAddress, 0x000a)
  const heard: string[] = []
  air.tap((frame) => void heard.push(show(frame.view().slice())))
  await net.run(async () => {
    assert.is((await a!.stack.ipv6.ping('2001:db8::2')).received, 1)
  })
  assert.ok(heard.some((line) => /00:0a > /.test(line)), heard.join('\n'))
  await net.stop()
})

test('who is in another PAN, or on another channel, is not there', async () => {
  const { net, nodes: [a, b], air } = await row(2)
  const answers = (): Promise<number> => net.run(async () => (await a!.stack.ipv6.ping('2001:db8::2', { timeout: 500 })).received)
  assert.is(await answers(), 1)
  b!.stack.ieee802154.set(b!.iface, { panId: 0x1234 })
  assert.is(await answers(), 0)
  b!.stack.ieee802154.set(b!.iface, { panId: 0xabcd, channel: 11 })
  assert.is(await answers(), 0)
  a!.stack.ieee802154.set(a!.iface, { channel: 11 })
  assert.is(await answers(), 1)
  assert.ok((air.statistics.lost['other channel'] ?? 0) > 0)
  assert.ok(a!.stack.ieee802154.energy(a!.iface) < -100)
  await net.stop()
})

test('there is no IPv4 on it', async () => {
  const net = simulate()
  const { stack, iface } = net.node('n', [ieee802154(), ipv4(), ipv6()], net.air(), { at: [0, 0] })
  assert.throws(() => stack.ipv4.addAddress(iface, '192.0.2.1/24'), /IPv4 does not run on wpan0: ieee802154 carries IPv6 alone; give it an IPv6 address/)
  await net.stop()
})

test('a radio that fails takes its interface down, and brings it back', async () => {
  const { net, air, nodes: [a, b] } = await row(2)
  air.fail(b!.radios[0]!)
  assert.not(b!.iface.running)
  await net.run(async () => {
    assert.is((await a!.stack.ipv6.ping('2001:db8::2', { timeout: 500 })).received, 0)
    air.repair(b!.radios[0]!)
    await b!.iface.up()
    assert.is((await a!.stack.ipv6.ping('2001:db8::2', { timeout: 2000 })).received, 1)
  })
  await net.stop()
})

test('a node may be on a wire and on two airs', async () => {
  const net = simulate()
  const lan = net.ethernet()
  const [one, two] = [net.air(), net.air()]
  const node = net.node('border', [ethernet(), ieee802154(), ipv6()], lan, one, { at: [1, 2] }, two)
  assert.equal(node.interfaces.map(({ name }) => name), ['eth0', 'wpan0', 'wpan1'])
  assert.equal(node.radios.map(({ at }) => at), [[1, 2], [0, 0]])
  assert.throws(() => net.node('lost', [ethernet(), ipv6()], lan, { at: [0, 0] }), /a place stands behind its air/)
  assert.throws(() => net.node('deaf', [ethernet(), ipv6()], one), /list ieee802154\(\) of @favonius\/ieee802154/)
  await net.stop()
})

test('a router between a wire and the air passes packets both ways, whole ones and fragments', async () => {
  const net = simulate({ seed: 7 })
  const [lan, air] = [net.ethernet(), net.air({ loss: 0.05 })]
  const host = net.node('host', [ethernet(), ipv6()], lan)
  const router = net.node('router', [ethernet(), ieee802154(), ipv6(), ipv6Forwarding()], lan, air, { at: [0, 0] })
  const mote = net.node('mote', [ieee802154(), ipv6()], air, { at: [50, 0] })
  host.stack.ipv6.addAddress(host.iface, '2001:db8:a::2/64')
  router.stack.ipv6.addAddress(router.interfaces[0]!, '2001:db8:a::1/64')
  router.stack.ipv6.addAddress(router.interfaces[1]!, '2001:db8:b::1/64')
  mote.stack.ipv6.addAddress(mote.iface, '2001:db8:b::2/64')
  host.stack.ip.addRoute({ prefix: prefix('2001:db8:b::/64'), gateway: address('2001:db8:a::1'), iface: host.iface })
  mote.stack.ip.addRoute({ prefix: prefix('2001:db8:a::/64'), gateway: address('2001:db8:b::1'), iface: mote.iface })
  await net.run(async () => {
    await Promise.all([host, router, mote].flatMap(({ interfaces }) => interfaces.map((iface) => iface.up())))
    for (const [from, to] of [[host, '2001:db8:b::2'], [mote, '2001:db8:a::2']] as const) {
      for (const size of [8, 1200]) {
        const { received } = await from.stack.ipv6.ping(to, { count: 10, size })
        assert.ok(received >= 9, `${received} of 10 with ${size} bytes to ${to}`)
      }
    }
  })
  await net.stop()
})

test('the recording says why frames were lost, in each of its three forms', async () => {
  for (const record of ['plain', 'fcs', 'tap'] as const) {
    const { net, nodes: [a] } = await row(2, { record, medium: linkMatrix([{ from: 0, to: 1, loss: 0.3 }]) })
    await net.run(() => a!.stack.ipv6.ping('2001:db8::2', { count: 5 }))
    const frames = [...packets(net.captured())] as CapturedPacket[]
    assert.equal(new Set(frames.map(({ linkType }) => linkType)), new Set([{ plain: 230, fcs: 195, tap: 283 }[record]]))
    assert.ok(frames.some(({ comments }) => comments[0] === 'lost by 02:00:00:00:00:00:00:02: by chance'))
    if (record === 'fcs') assert.ok(frames.every(({ data }) => fcs(data) === 0))
    if (record === 'tap') {
      for (const { data } of frames) {
        const dv = new DataView(data.buffer, data.byteOffset, data.byteLength)
        const length = dv.getUint16(2, true)
        assert.ok(length === 20 || length === 36)
        assert.is(fcs(data.subarray(length)), 0)
        if (length === 36) assert.is(dv.getFloat32(24, true), -60)
      }
    }
    await net.stop()
  }
})

test('the same seed gives the same bytes, another one others', async () => {
  const run = async (seed: number): Promise<Uint8Array> => {
    const { net, nodes, air } = await row(5, { loss: 0.1 }, seed)
    air.interferer({ at: [20, 5], burst: 5, pause: 50 })
    await net.run(() => Promise.all(nodes.slice(1).map(({ stack }, i) => stack.ipv6.ping(`2001:db8::${i + 1}`, { count: 3, size: 200 }))))
    await net.stop()
    return net.captured()
  }
  const [first, again, other] = [await run(7), await run(7), await run(8)]
  assert.equal(first, again)
  assert.not.equal(first, other)
})

test('each datagram that is lost is explained', async () => {
  const { net, air, nodes: [a, b] } = await row(2, { loss: 0.4 })
  const losses: string[] = []
  air.trace(({ why }) => void losses.push(why))
  let received = 0
  await net.run(async () => {
    await a!.stack.ipv6.ping('2001:db8::2', { count: 5 })
    const server = await b!.stack.sockets.open({ port: 4242 }, { receive: () => void received++ })
    const client = await a!.stack.sockets.open({}, { receive() {} })
    for (let n = 0; n < 200; n++) {
      assert.ok(client.send(new Uint8Array(40), { address: '2001:db8::2', port: 4242 }))
      await sleep(net.env, 1000)
    }
    client.close()
    server.close()
  })
  const { drops } = a!.stack.netif.statistics()
  assert.ok(received < 200, 'some are lost')
  // A frame that was acknowledged has arrived; what was not acknowledged may have arrived all the same, its acknowledgment lost.
  assert.ok(200 - received <= (drops['device: no acknowledgment'] ?? 0))
  assert.equal([...new Set(losses)].sort(), ['by chance', 'sending'])
  await net.stop()
})

test.run()
