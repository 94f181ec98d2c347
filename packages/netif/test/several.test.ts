/** Several interfaces of several technologies in one stack at once. */

import * as assert from 'uvu/assert'
import type { DatagramInfo, DatagramSink, DefaultInterface, Interface } from '@favonius/contract'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6, type Ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { bareIp, loopback, netif } from '../src/index.ts'
import { cable } from './cable.ts'

const test = suite('several interfaces')

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const code = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'it did not fail', (error: { code: string }) => error.code)

/** Keeps what it hears as text: `data from address on iface`. */
const listener = (): DatagramSink & { readonly heard: string[] } => {
  const heard: string[] = []
  return {
    heard,
    receive(data: Uint8Array, from: { address: string }, info: DatagramInfo) {
      heard.push(`${new TextDecoder().decode(data)} from ${from.address} on ${info.iface}`)
    },
  }
}

const own = () => netbufIn(new Arena({ chunkSize: 1 << 20 }), { debug: true })

/**
 * `us` with two Ethernets, a bare-IP link and loopback; on each link one neighbour, `left`, `right` and `far`. All three
 * neighbours have the link-local address fe80::99, and we have fe80::7 on each link. Both Ethernets have the subnet
 * 2001:db8:5::/64, in which both neighbours are 2001:db8:5::99.
 */
function world({ defaultInterface = 'first' }: { readonly defaultInterface?: DefaultInterface } = {}) {
  const net = simulate({ seed: 21 })
  const lans = [net.ethernet({ latency: 1 }), net.ethernet({ latency: 2 })]
  const [ours, theirs] = cable(net.env)
  const us = net.node('us', [own(), netif({ defaultInterface }), loopback(), bareIp(), ethernet(), ipv6({ maxAddresses: 6 }), ipv4(), udp(), sockets()], ...lans)
  const tun0 = us.stack.netif.add(ours)
  const [eth0, eth1] = us.interfaces as [typeof tun0, typeof tun0]
  const ifaces = [eth0, eth1, tun0]
  const neighbour = () => [own(), bareIp(), ethernet(), ipv6({ maxAddresses: 6 }), ipv4(), udp(), sockets()] as const
  const left = net.node('left', neighbour(), lans[0]!)
  const right = net.node('right', neighbour(), lans[1]!)
  const far = net.node('far', neighbour())
  const neighbours = [
    { stack: left.stack, iface: left.iface },
    { stack: right.stack, iface: right.iface },
    { stack: far.stack, iface: far.stack.netif.add(theirs) },
  ]
  /** Gives an interface that link-local address, in the place of the one it made itself. */
  const linkLocal = (ipv6: Ipv6, iface: Interface, address: string): void => {
    for (const entry of [...iface.addresses]) ipv6.removeAddress(iface, entry.address)
    ipv6.addAddress(iface, address)
  }
  for (const [n, iface] of ifaces.entries()) {
    linkLocal(us.stack.ipv6, iface, 'fe80::7/64')
    us.stack.ipv4.addAddress(iface, `192.0.${n + 2}.1/24`)
    us.stack.ipv6.addAddress(iface, n < 2 ? `2001:db8:5::${n + 1}/64` : '2001:db8:7::1/64')
    const { stack, iface: its } = neighbours[n]!
    linkLocal(stack.ipv6, its, 'fe80::99/64')
    stack.ipv4.addAddress(its, `192.0.${n + 2}.99/24`)
    stack.ipv6.addAddress(its, n < 2 ? '2001:db8:5::99/64' : '2001:db8:7::99/64')
  }
  return {
    net, us, ifaces, eth0, eth1, tun0, lo: us.stack.loopback, neighbours,
    /** Waits until all addresses are good, runs `body`, and stops everything. */
    async run(body: () => Promise<void>): Promise<void> {
      await net.run(async () => {
        await Promise.all([...ifaces, us.stack.loopback, ...neighbours.map(({ iface }) => iface)].map((iface) => iface.up()))
        await body()
      })
      await net.stop()
      for (const { stack } of [us, ...neighbours]) assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
      assert.is(net.env.armed, 0)
    },
  }
}

test('each technology gets its own names, and all of them run side by side', async () => {
  const { us, run, neighbours } = world()
  await run(async () => {
    assert.equal(us.stack.netif.interfaces.map(({ name, medium, index }) => `${index} ${name} ${medium}`),
      ['1 lo loopback', '2 eth0 ethernet', '3 eth1 ethernet', '4 tun0 ip'])
    const { ipv4, ipv6 } = us.stack
    for (const to of ['192.0.2.99', '192.0.3.99', '192.0.4.99', '127.0.0.1']) assert.is((await ipv4.ping(to)).received, 1, to)
    for (const to of ['2001:db8:7::99', '::1']) assert.is((await ipv6.ping(to)).received, 1, to)
    // From each side, for the way back is another stack's choice.
    for (const [n, { stack }] of neighbours.entries()) assert.is((await stack.ipv4.ping(`192.0.${n + 2}.1`)).received, 1)
  })
})

test('one link-local address on three links is three neighbours, told apart by the zone', async () => {
  const { us, ifaces, neighbours, run, net } = world()
  await run(async () => {
    for (const [n, iface] of ifaces.entries()) {
      for (const zone of [iface.name, iface.index]) {
        const { received, roundTrips } = await us.stack.ipv6.ping(`fe80::99%${zone}`, { count: 2, interval: 10 })
        assert.is(received, 2, `fe80::99%${zone}`)
        // The latencies of the links are 1, 2 and 0 ms; the first ping resolves.
        assert.is(roundTrips[1], [2, 4, 0][n])
      }
    }
    const servers = await Promise.all(neighbours.map(async ({ stack }) => {
      const server = listener()
      const socket = await stack.sockets.open({ port: 4242 }, { receive: (data, from, info) => { server.receive(data, from, info); socket.send(data, from) } })
      return server
    }))
    const client = listener()
    const socket = await us.stack.sockets.open({}, client)
    for (const { name } of ifaces) assert.ok(socket.send(bytes(name), { address: `fe80::99%${name}`, port: 4242 }))
    await sleep(net.env, 100)
    // Each neighbour has names of its own for its link.
    assert.equal(servers.map(({ heard }) => heard), [['eth0 from fe80::7%eth0 on eth0'], ['eth1 from fe80::7%eth0 on eth0'], ['tun0 from fe80::7%tun0 on tun0']])
    assert.equal([...client.heard].sort(), ['eth0 from fe80::99%eth0 on eth0', 'eth1 from fe80::99%eth1 on eth1', 'tun0 from fe80::99%tun0 on tun0'])
  })
})

test('our own link-local address on three links is reached from each of them, and answers there', async () => {
  const { us, ifaces, neighbours, run, net } = world()
  await run(async () => {
    const server = listener()
    const bound = await Promise.all(ifaces.map(async ({ name }) => {
      const each = listener()
      await us.stack.sockets.open({ address: `fe80::7%${name}`, port: 4242 }, each)
      return each
    }))
    await us.stack.sockets.open({ port: 4243 }, server)
    for (const { stack, iface } of neighbours) {
      assert.is((await stack.ipv6.ping(`fe80::7%${iface.name}`)).received, 1)
      const socket = await stack.sockets.open({}, listener())
      for (const port of [4242, 4243]) socket.send(bytes('x'), { address: `fe80::7%${iface.name}`, port })
    }
    await sleep(net.env, 100)
    assert.equal(bound.map(({ heard }) => heard.length), [1, 1, 1], 'one port, bound once on each link')
    assert.equal([...server.heard].sort(), ifaces.map(({ name }) => `x from fe80::99%${name} on ${name}`))
    // To ourselves, by either zone.
    for (const { name } of ifaces) assert.is((await us.stack.ipv6.ping(`fe80::7%${name}`)).roundTrips[0], 0)
  })
})

test('SO_BINDTODEVICE: what is sent leaves by that interface, and only what comes in there is heard', async () => {
  const { us, eth0, eth1, neighbours, run, net } = world()
  await run(async () => {
    const servers = await Promise.all(neighbours.map(async ({ stack }) => {
      const server = listener()
      await stack.sockets.open({ port: 4242 }, server)
      return server
    }))
    // One subnet on two Ethernets: without a choice, the first way serves.
    for (const [device, expected] of [[eth0.name, [1, 0, 0]], [eth1.name, [0, 1, 0]]] as const) {
      const socket = us.stack.sockets.socket('inet6', 'dgram')
      socket.setsockopt('SO_BINDTODEVICE', device)
      await socket.sendto(bytes('x'), { address: '2001:db8:5::99', port: 4242 })
      await sleep(net.env, 50)
      assert.equal(servers.map(({ heard }) => heard.splice(0).length), expected, device)
      socket.close()
    }
    // No way there by the chosen one.
    const astray = us.stack.sockets.socket('inet6', 'dgram')
    astray.setsockopt('SO_BINDTODEVICE', 'eth0')
    assert.is(await code(astray.sendto(bytes('x'), { address: '2001:db8:7::99', port: 4242 })), 'ENETUNREACH')
    assert.is(await code(astray.sendto(bytes('x'), { address: 'fe80::99%eth1', port: 4242 })), 'ENETUNREACH')
    assert.is(await code(astray.sendto(bytes('x'), { address: '192.0.3.99', port: 4242 })), 'ENETUNREACH')
    astray.close()
    assert.throws(() => us.stack.sockets.socket('inet6', 'dgram').setsockopt('SO_BINDTODEVICE', 'eth9'), /eth9/)

    // Hearing: the same port on each device, and one for all of them.
    const on = await Promise.all(['eth0', 'eth1', 'tun0'].map(async (iface) => {
      const each = listener()
      await us.stack.sockets.open({ port: 5000 }, each, { iface })
      return each
    }))
    for (const [n, { stack, iface }] of neighbours.entries()) {
      const socket = await stack.sockets.open({}, listener())
      socket.send(bytes(`${n} by 4`), { address: `192.0.${n + 2}.1`, port: 5000 })
      socket.send(bytes(`${n} by 6`), { address: `fe80::7%${iface.name}`, port: 5000 })
    }
    await sleep(net.env, 50)
    for (const [n, { heard }] of on.entries()) {
      const name = ['eth0', 'eth1', 'tun0'][n]!
      assert.equal([...heard].sort(), [`${n} by 4 from 192.0.${n + 2}.99 on ${name}`, `${n} by 6 from fe80::99%${name} on ${name}`])
    }
    // IPv4 is heard by the weak end system model (RFC 1122 §3.3.4.2), but on the interface it came by.
    const stranger = await neighbours[0]!.stack.sockets.open({}, listener())
    neighbours[0]!.stack.ipv4.setGateway(neighbours[0]!.iface, '192.0.2.1')
    stranger.send(bytes('across'), { address: '192.0.3.1', port: 5000 })
    await sleep(net.env, 50)
    assert.equal(on.map(({ heard }) => heard.filter((line) => line.startsWith('across'))), [['across from 192.0.2.99 on eth0'], [], []])
  })
})

test('pings and groups leave by the interface that is chosen', async () => {
  const { us, eth0, eth1, tun0, neighbours, run, net } = world()
  await run(async () => {
    assert.equal((await us.stack.ipv6.ping('2001:db8:5::99', { iface: eth1, count: 2, interval: 20 })).roundTrips[1], 4)
    assert.equal((await us.stack.ipv6.ping('2001:db8:5::99', { iface: eth0, count: 2, interval: 20 })).roundTrips[1], 2)
    assert.is(await code(us.stack.ipv4.ping('192.0.2.99', { iface: tun0 })), 'ENETUNREACH')
    for (const iface of [eth0, eth1, tun0]) {
      const { received, from } = await us.stack.ipv6.ping('ff02::1', { iface, timeout: 50 })
      assert.equal([received, String(from)], [1, `fe80::99%${iface.index}`])
      assert.is((await us.stack.ipv6.ping(`ff02::1%${iface.name}`, { timeout: 50 })).received, 1)
    }
    const servers = await Promise.all(neighbours.map(async ({ stack, iface }) => {
      const server = listener()
      const socket = await stack.sockets.open({ port: 4242 }, server)
      socket.join('ff02::77', iface.name)
      socket.join('239.1.2.3', iface.name)
      return server
    }))
    const socket = us.stack.sockets.socket('inet6', 'dgram')
    socket.setsockopt('IPV6_MULTICAST_IF', 'eth1')
    await socket.sendto(bytes('x'), { address: 'ff02::77', port: 4242 })
    await sleep(net.env, 50)
    assert.equal(servers.map(({ heard }) => heard.splice(0).length), [0, 1, 0])
    await socket.sendto(bytes('x'), { address: 'ff02::77%tun0', port: 4242 })
    await sleep(net.env, 50)
    assert.equal(servers.map(({ heard }) => heard.splice(0).length), [0, 0, 1], 'a zone says more than the option')
    socket.close()
    for (const iface of ['eth0', 'eth1', 'tun0']) {
      const each = await us.stack.sockets.open({}, listener(), { iface })
      each.send(bytes('6'), { address: 'ff02::77', port: 4242 })
      each.send(bytes('4'), { address: '239.1.2.3', port: 4242 })
      each.close()
    }
    await sleep(net.env, 50)
    for (const { heard } of servers) assert.equal(heard.map((line) => line[0]).sort(), ['4', '6'])
  })
})

test('an interface that goes takes its ways with it, and leaves the others theirs', async () => {
  const { us, eth0, eth1, neighbours, run, net } = world()
  await run(async () => {
    const servers = await Promise.all(neighbours.map(async ({ stack }) => {
      const server = listener()
      await stack.sockets.open({ port: 4242 }, server)
      return server
    }))
    const socket = await us.stack.sockets.open({}, listener())
    const send = async (): Promise<(number | undefined)[]> => {
      socket.send(bytes('x'), { address: '2001:db8:5::99', port: 4242 })
      await sleep(net.env, 50)
      return servers.map(({ heard }) => heard.splice(0).length)
    }
    assert.equal(await send(), [1, 0, 0])
    // The kept route is found anew when the cable is out, the interface down, or gone.
    net.plug(us.devices[0]!, false)
    assert.equal(await send(), [0, 1, 0])
    net.plug(us.devices[0]!, true)
    await eth0.up()
    await sleep(net.env, 2000)
    assert.equal(await send(), [1, 0, 0])
    eth0.down()
    assert.equal(await send(), [0, 1, 0])
    await us.stack.netif.remove(eth0)
    assert.equal(await send(), [0, 1, 0])
    assert.is(us.stack.netif.find('eth0'), undefined)
    assert.is(await code(us.stack.ipv6.ping('fe80::99%eth0')), 'EINVAL')
    assert.is((await us.stack.ipv6.ping(`fe80::99%${eth1.name}`)).received, 1)
    assert.is((await us.stack.ipv6.ping('fe80::99%tun0')).received, 1)
  })
})

test('the default interface is chosen as CONFIG_NET_DEFAULT_IF says, and serves where none is named', async () => {
  const choices = { first: 'eth0', up: 'eth0', ethernet: 'eth0', bluetooth: undefined, ieee802154: undefined } as const
  for (const [choice, name] of Object.entries(choices) as [DefaultInterface, string | undefined][]) {
    const { us, run, net, eth0, neighbours } = world({ defaultInterface: choice })
    await run(async () => {
      assert.is(us.stack.netif.default?.name, name, choice)
      const servers = await Promise.all(neighbours.map(async ({ stack, iface }) => {
        const server = listener()
        const socket = await stack.sockets.open({ port: 4242 }, server)
        socket.join('ff02::77', iface.name)
        return server
      }))
      const socket = await us.stack.sockets.open({}, listener())
      const reached = async (address: string): Promise<string> => {
        socket.send(bytes('x'), { address, port: 4242 })
        await sleep(net.env, 50)
        return servers.map(({ heard }) => heard.splice(0).length).join('')
      }
      // Without a default there is no way to a group, nor to a link-local address when there are three links.
      const first = name === undefined ? '000' : '100'
      assert.equal([await reached('ff02::77'), await reached('fe80::99')], [first, first], choice)
      eth0.down()
      const next = choice === 'up' ? 'eth1' : name
      assert.is(us.stack.netif.default?.name, next, `${choice}, eth0 down`)
      assert.is(await reached('ff02::77'), next === 'eth1' ? '010' : '000', `${choice}, eth0 down`)
    })
  }
})

test('the first of a technology is the default though another came before it', async () => {
  const net = simulate({ seed: 5 })
  const lan = net.ethernet()
  const [ours] = cable(net.env)
  const stack = compose(net.env, own(), netif({ defaultInterface: 'ethernet' }), loopback(), bareIp(), ethernet(), ipv6())
  const tun0 = stack.netif.add(ours)
  assert.is(stack.netif.default, undefined)
  const eth0 = stack.netif.add(lan.device())
  assert.is(stack.netif.default, eth0)
  await stack.netif.remove(eth0)
  assert.is(stack.netif.default, undefined)
  assert.equal(stack.netif.interfaces, [stack.loopback, tun0])
  await stack.stop()
  await net.stop()
})

test.run()
