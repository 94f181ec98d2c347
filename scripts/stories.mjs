// What people build from the packages, as data: each story is a bundle whose size is kept (scripts/size.mjs), and a program that
// runs from packed packages alone, under Node, Bun and Deno (scripts/standalone.mjs).
//
//   name       what is printed
//   entry      the code to bundle: what a user would write
//   budget     the most bytes it may have, minified and gzipped. Raise it knowingly, in the commit that needs it.
//   forbidden  files that must not be in the bundle, as globs from the root: `packages/ipv4/**`, `**/node_modules/koffi/**`
//   program    a program that throws when something is wrong. Only the packages that entry and program name, and what those
//              depend on, are installed for it.

/** What a stack for a protocol must never bring along. */
const edgesAndTools = ['tap', 'node', 'pcap', 'sim', 'testing'].map((name) => `packages/${name}/**`).concat('**/node_modules/**')

/** Parts that come only when they are asked for: fragments, path MTU discovery, forwarding, traffic classes, packet times. */
const askedFor = [
  'packages/netif/src/{traffic,times}/**', 'packages/ipv{4,6}/src/{fragments,pmtu,forwarding}/**', 'packages/ipv6/src/{routers,slaac,advertising,contexts,mld}/**',
  'packages/ip/src/{reassembly,datagram,cut,pathmtu,hops,segments}.ts',
]

/** What comes with TCP alone. */
const streams = ['packages/tcp/**', 'packages/sockets/src/stream/**']

/** A program in which two stacks on a wire in memory exchange a datagram, in real time. `imports` gives `ethernet` and `ip`. */
const exchange = (version, imports) => `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { EthernetSegment } from '@favonius/sim'
      import { udp } from '@favonius/udp'
      import { sockets } from '@favonius/sockets'${imports}
      const wire = new EthernetSegment(system)
      const prefix = ${version === 6 ? "'2001:db8::', length = 64" : "'192.0.2.', length = 24"}
      const stacks = [1, 2].map((host) => {
        const stack = compose(system, ethernet(), ip(), udp(), sockets())
        const eth0 = stack.netif.add(wire.device())
        stack.ipv${version}.addAddress(eth0, prefix + host + '/' + length)
        return { ...stack, eth0 }
      })
      await Promise.all(stacks.map(({ eth0 }) => eth0.up()))
      const [a, b] = stacks.map((stack) => stack.sockets.socket('inet${version === 6 ? 6 : ''}', 'dgram'))
      await b.bind({ port: 4242 })
      await a.sendto(new TextEncoder().encode('hello'), { address: prefix + 2, port: 4242 })
      const { data, from } = await b.recvfrom()
      await b.sendto(data, from)
      const back = new TextDecoder().decode(await a.recv())
      if (back !== 'hello') throw new Error('the echo is ' + JSON.stringify(back))
      for (const stack of stacks) await stack.stop()
      wire.stop()
      if (stacks.some((stack) => stack.netif.buffers.live > 0)) throw new Error('a buffer was not given back')`

export const stories = [
  {
    name: 'netbuf',
    entry: `export { netbuf } from '@favonius/netbuf'`,
    budget: 5_000,
    forbidden: [...edgesAndTools, 'packages/clock/**', 'packages/inet/**', 'packages/stack/**'],
    program: `
      import { Arena } from '@favonius/netbuf'
      const pool = new Arena({ limit: 16 << 20 }).pool({ quota: 1 << 20 })
      const packet = pool.alloc(1500, 14)
      packet.write(new Uint8Array(1500).fill(0xff))
      if (packet.sum(packet.offset) !== 0xffff) throw new Error('the sum of 750 words of 0xffff is ' + packet.sum(packet.offset))
      packet.unref()
      if (pool.live !== 0 || pool.used !== 0) throw new Error('a freed buffer is still held')`,
  },
  {
    name: 'compose',
    entry: `export { compose } from '@favonius/stack'`,
    budget: 800,
    forbidden: [...edgesAndTools, 'packages/clock/**', 'packages/inet/**', 'packages/netbuf/**', 'packages/netif/**'],
    program: `
      import { compose } from '@favonius/stack'
      import { feature, type } from '@favonius/kconfig'
      const low = feature({ name: 'low', symbol: 'CONFIG_LOW', create: () => ({ answer: 42 }) })
      const high = feature({ name: 'high', symbol: 'CONFIG_HIGH', selects: [low()], create: ({ low }) => () => low.answer })
      const stack = compose({}, high())
      if (stack.high() !== 42) throw new Error('high does not stand on low')
      await stack.stop()
      const needy = feature({ name: 'needy', symbol: 'CONFIG_NEEDY', needs: { low: type() }, create: () => 0 })
      let said = ''
      try { compose({}, needy()) } catch (error) { said = error.message }
      if (!said.includes('needy depends on low')) throw new Error('no word of what is missing: ' + said)`,
  },
  {
    name: 'inet',
    entry: `export { address, parseAddress } from '@favonius/inet'`,
    budget: 1_500,
    forbidden: [...edgesAndTools, 'packages/kconfig/**', 'packages/netbuf/**'],
    program: `
      import { address } from '@favonius/inet'
      const text = String(address('2001:DB8:0:0:0:0:0:1'))
      if (text !== '2001:db8::1') throw new Error('RFC 5952 wants 2001:db8::1, not ' + text)`,
  },
  {
    name: 'ipv6/bare',
    entry: `
      import { compose } from '@favonius/stack'
      import { ipv6 } from '@favonius/ipv6/bare'
      export const stack = (env) => compose(env, ipv6())`,
    budget: 24_000,
    forbidden: [...edgesAndTools, ...askedFor, 'packages/ipv6/src/nd/**', 'packages/ipv6/src/dad/**', 'packages/ipv6/src/wire/nd.ts', 'packages/ipv4/**', 'packages/ethernet/**', 'packages/udp/**'],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ipv6 } from '@favonius/ipv6/bare'
      const stack = compose(system, ipv6())
      if ('nd' in stack || 'dad' in stack) throw new Error('a bare IPv6 came with ' + Object.keys(stack))
      await stack.stop()`,
  },
  {
    name: 'sixlowpan',
    entry: `
      import { compose } from '@favonius/stack'
      import { sixlowpan } from '@favonius/sixlowpan'
      export const stack = (env) => compose(env, sixlowpan())`,
    budget: 20_800,
    forbidden: [...edgesAndTools, ...askedFor, 'packages/sixlowpan/src/wire/{headers,show,index}.ts', 'packages/ip/**', 'packages/ipv{4,6}/**', 'packages/ethernet/**'],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { eui64, NO_LINK_ADDRESS } from '@favonius/inet'
      import { sixlowpan } from '@favonius/sixlowpan'
      const stack = compose(system, sixlowpan())
      const l2 = { name: 'none', medium: 'none', flags: {}, headroom: () => 1, receive: () => false, send: () => false, multicast: () => NO_LINK_ADDRESS, enable() {} }
      const [a, b] = [eui64('02:00:5e:ff:fe:00:53:01'), eui64('02:00:5e:ff:fe:00:53:02')]
      const { iface } = stack.netif.addVirtual({ name: 'none0', l2, address: b, mtu: 1280 })
      const packet = stack.netbuf.alloc(400, 1)
      packet.add(400)
      packet.u8.fill(1, packet.offset, packet.offset + 400)
      packet.dv.setUint32(packet.offset, 0x60000000)
      packet.dv.setUint16(packet.offset + 4, 360)
      packet.protocol = 0x86dd
      let back
      stack.sixlowpan.send(iface, packet, a, b, { room: () => 100, send: (_, payload) => (back = stack.sixlowpan.receive(iface, payload, a, b), true) })
      if (back.length !== 400) throw new Error('of 400 bytes came back ' + back.length)
      back.unref()
      await stack.stop()`,
  },
  {
    name: 'ethernet+ipv6+udp+sockets',
    entry: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet/bare'
      import { ipv6 } from '@favonius/ipv6'
      import { udp } from '@favonius/udp'
      import { sockets } from '@favonius/sockets'
      export const stack = compose(system, ethernet(), ipv6(), udp(), sockets())`,
    budget: 39_100,
    forbidden: [...edgesAndTools, ...askedFor, ...streams, 'packages/ipv4/**', 'packages/ethernet/src/arp/**', 'packages/ethernet/src/vlan/**'],
    program: exchange(6, `
      import { ethernet } from '@favonius/ethernet/bare'
      import { ipv6 as ip } from '@favonius/ipv6'`),
  },
  {
    name: 'ieee802154+ipv6+udp+sockets',
    entry: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ieee802154 } from '@favonius/ieee802154'
      import { ipv6 } from '@favonius/ipv6'
      import { udp } from '@favonius/udp'
      import { sockets } from '@favonius/sockets'
      export const stack = compose(system, ieee802154(), ipv6(), udp(), sockets())`,
    budget: 53_600,
    forbidden: [...edgesAndTools, ...askedFor, ...streams, 'packages/ipv4/**', 'packages/ethernet/**', 'packages/ieee802154/src/wire/{show,index}.ts'],
    program: `
      import { compose } from '@favonius/stack'
      import { virtual } from '@favonius/clock'
      import { ieee802154 } from '@favonius/ieee802154'
      import { ipv6 } from '@favonius/ipv6'
      import { Air } from '@favonius/sim'
      const env = virtual()
      const air = new Air(env)
      const [a, b] = [0, 10].map((x) => {
        const stack = compose(env, ieee802154(), ipv6())
        return { stack, wpan0: stack.ieee802154.add(air.radio({ at: [x, 0] })) }
      })
      await env.run(async () => {
        await Promise.all([a.wpan0.up(), b.wpan0.up()])
        const { received } = await a.stack.ipv6.ping('fe80::2%1', { count: 3, size: 300 })
        if (received !== 3) throw new Error(received + ' of 3 came back')
      })
      for (const { stack } of [a, b]) {
        await stack.stop()
        if (stack.netif.buffers.live > 0) throw new Error('a buffer was not given back')
      }
      air.stop()`,
  },
  {
    name: 'ethernet+ipv4+udp+sockets',
    entry: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet'
      import { ipv4 } from '@favonius/ipv4'
      import { udp } from '@favonius/udp'
      import { sockets } from '@favonius/sockets'
      export const stack = compose(system, ethernet(), ipv4(), udp(), sockets())`,
    budget: 33_400,
    forbidden: [...edgesAndTools, ...askedFor, ...streams, 'packages/ipv6/**', 'packages/ethernet/src/vlan/**'],
    program: exchange(4, `
      import { ethernet } from '@favonius/ethernet'
      import { ipv4 as ip } from '@favonius/ipv4'`),
  },
  {
    name: 'ethernet+ipv4+udp+dhcpv4',
    entry: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet'
      import { ipv4 } from '@favonius/ipv4'
      import { udp } from '@favonius/udp'
      import { dhcpv4 } from '@favonius/dhcpv4'
      export const stack = compose(system, ethernet(), ipv4(), udp(), dhcpv4())`,
    budget: 34_000,
    forbidden: [...edgesAndTools, 'packages/dhcpv4/src/server/**', 'packages/ethernet/src/acd/**', 'packages/ipv6/**', 'packages/sockets/**'],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet'
      import { ipv4 } from '@favonius/ipv4'
      import { udp } from '@favonius/udp'
      import { dhcpv4 } from '@favonius/dhcpv4'
      const stack = compose(system, ethernet(), ipv4(), udp(), dhcpv4())
      if ('dhcpv4Server' in stack || 'acd' in stack) throw new Error('a DHCP client came with ' + Object.keys(stack))
      await stack.stop()`,
  },
  {
    name: 'ethernet+ipv6+udp+tcp+sockets',
    entry: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet/bare'
      import { ipv6 } from '@favonius/ipv6'
      import { tcp } from '@favonius/tcp'
      import { udp } from '@favonius/udp'
      import { sockets } from '@favonius/sockets'
      export const stack = compose(system, ethernet(), ipv6(), udp(), tcp(), sockets())`,
    budget: 64_200,
    forbidden: [...edgesAndTools, ...askedFor, 'packages/ipv4/**', 'packages/ethernet/src/arp/**', 'packages/ethernet/src/vlan/**', 'packages/tcp/src/congestion/newreno.ts'],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet/bare'
      import { ipv6 } from '@favonius/ipv6'
      import { EthernetSegment } from '@favonius/sim'
      import { tcp } from '@favonius/tcp'
      import { udp } from '@favonius/udp'
      import { sockets } from '@favonius/sockets'
      const wire = new EthernetSegment(system)
      const [a, b] = [1, 2].map((host) => {
        const stack = compose(system, ethernet(), ipv6(), udp(), tcp(), sockets())
        const eth0 = stack.netif.add(wire.device())
        stack.ipv6.addAddress(eth0, '2001:db8::' + host + '/64')
        return { ...stack, eth0 }
      })
      await Promise.all([a.eth0.up(), b.eth0.up()])
      const listener = await b.sockets.listen({ port: 4242 })
      const served = (async () => { for await (const peer of listener) peer.readable.pipeTo(peer.writable).catch(() => {}) })()
      const data = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7 + (i >> 8))
      const whole = (got, how) => {
        if (got.length !== data.length || got.some((byte, i) => byte !== data[i])) throw new Error(how + ': ' + got.length + ' bytes came back, or not those that were sent')
      }
      // BSD's shape, the seam, and the web's.
      const bsd = a.sockets.socket('inet6', 'stream')
      await bsd.connect({ address: '2001:db8::2', port: 4242 })
      const sent = bsd.send(data).then(() => bsd.shutdown('write'))
      const got = []
      for (let piece = await bsd.recv(); piece.length > 0; piece = await bsd.recv()) got.push(...piece)
      await sent
      bsd.close()
      whole(Uint8Array.from(got), 'a BSD socket')
      await new Promise((resolve, reject) => {
        const heard = []
        let stream
        let at = 0
        const fill = () => {
          at += stream.write(data.subarray(at))
          if (at === data.length) stream.end()
        }
        a.sockets.connect({ address: '2001:db8::2', port: 4242 }, {
          receive: (chunk) => heard.push(...chunk),
          drained: fill,
          closed: (error) => {
            try { if (error) throw error; whole(Uint8Array.from(heard), 'the seam'); resolve() } catch (why) { reject(why) }
          },
        }).then((made) => { stream = made; fill() }, reject)
      })
      const web = a.sockets.connect('[2001:db8::2]:4242', { allowHalfOpen: true })
      const writer = web.writable.getWriter()
      const written = writer.write(data).then(() => writer.close())
      const reader = web.readable.getReader()
      const read = []
      for (let next = await reader.read(); !next.done; next = await reader.read()) read.push(...next.value)
      await written
      await web.closed
      whole(Uint8Array.from(read), 'Web Streams')
      listener.close()
      await served
      await a.stop()
      await b.stop()
      wire.stop()
      if ([a, b].some((stack) => stack.netif.buffers.live > 0)) throw new Error('a buffer was not given back')`,
  },
  {
    name: 'traffic classes and packet times',
    entry: `
      export { trafficClasses } from '@favonius/netif/traffic'
      export { packetTimes, show } from '@favonius/netif/times'`,
    budget: 12_600,
    forbidden: [...edgesAndTools, 'packages/{ethernet,ip,ipv4,ipv6,udp,sockets,stack}/**'],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { loopback } from '@favonius/netif'
      import { packetTimes, show } from '@favonius/netif/times'
      import { trafficClasses } from '@favonius/netif/traffic'
      const stack = compose(system, loopback(), trafficClasses({ transmit: 8, receive: 8 }), packetTimes())
      await stack.loopback.up()
      if (stack.trafficClasses.statistics().sent.length !== 8) throw new Error('there are not eight classes')
      if (!show(stack.packetTimes.statistics()).startsWith('Avg TX net_pkt (0)')) throw new Error('a packet was measured that nobody sent')
      await stack.stop()`,
  },
  {
    name: 'ethernet+packet sockets',
    entry: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet/bare'
      import { packetSockets } from '@favonius/sockets/packet'
      export const stack = compose(system, ethernet(), packetSockets())`,
    budget: 15_500,
    forbidden: [
      ...edgesAndTools, 'packages/{ip,ipv4,ipv6,udp}/**', 'packages/sockets/src/{index,layer,datagram,seam,groups,received}.ts',
      'packages/ethernet/src/{arp,vlan}/**',
    ],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet/bare'
      import { EthernetSegment } from '@favonius/sim'
      import { packetSockets } from '@favonius/sockets/packet'
      const wire = new EthernetSegment(system)
      const stacks = [1, 2].map(() => {
        const stack = compose(system, ethernet(), packetSockets())
        return { ...stack, eth0: stack.netif.add(wire.device(), { name: 'eth0' }) }
      })
      await Promise.all(stacks.map(({ eth0 }) => eth0.up()))
      const [a, b] = stacks.map((stack) => stack.packetSockets.socket('dgram', 0x88b5))
      await a.sendto(new TextEncoder().encode('hello'), { iface: 'eth0', address: stacks[1].eth0.address })
      const { data, from } = await b.recvfrom()
      await b.sendto(data, from)
      const back = new TextDecoder().decode(await a.recv())
      if (back !== 'hello') throw new Error('the echo is ' + JSON.stringify(back))
      for (const stack of stacks) await stack.stop()
      wire.stop()`,
  },
  {
    name: 'a simulated network',
    entry: `export { simulate } from '@favonius/sim'`,
    budget: 19_400,
    forbidden: ['packages/ethernet/**', 'packages/ipv6/**', 'packages/ipv4/**', 'packages/udp/**', 'packages/sockets/**'],
    program: `
      import { ethernet } from '@favonius/ethernet'
      import { ipv6 } from '@favonius/ipv6'
      import { simulate } from '@favonius/sim'
      const net = simulate({ seed: 7 })
      const lan = net.ethernet({ latency: 1 })
      const [a, b] = ['a', 'b'].map((name) => net.node(name, [ethernet(), ipv6()], lan))
      b.stack.ipv6.addAddress(b.iface, '2001:db8::2/64')
      a.stack.ipv6.addAddress(a.iface, '2001:db8::1/64')
      await net.run(async () => {
        await Promise.all([a.iface.up(), b.iface.up()])
        const { received } = await a.stack.ipv6.ping('2001:db8::2', { count: 3 })
        if (received !== 3) throw new Error(received + ' of 3 pings came back')
      })
      await net.stop()`,
  },
  {
    name: 'a DNS client',
    entry: `export { DnsClient } from '@favonius/dns/client'`,
    budget: 6_000,
    forbidden: [...edgesAndTools, 'packages/{netbuf,netif,stack,sockets,ip,ipv4,ipv6,udp,tcp}/**', 'packages/kconfig/**', 'packages/dns/src/{show,sources,tcp}.ts', 'packages/dns/src/{mdns,sd}/**'],
    program: `
      import { system } from '@favonius/clock'
      import { DnsClient } from '@favonius/dns/client'
      import { emit, parse } from '@favonius/dns/wire'
      import { nodeDatagrams } from '@favonius/node'
      import { address } from '@favonius/inet'
      const net = nodeDatagrams()
      const server = await net.open({ address: '127.0.0.1' }, {
        receive(data, from) {
          const { id, questions } = parse(data)
          const into = new Uint8Array(512)
          const answers = [{ ...questions[0], ttl: 60, data: address('192.0.2.1') }]
          server.send(into.subarray(0, emit({ id, flags: 0x8180, questions, answers }, into)), from)
        },
      })
      const client = new DnsClient(system, net, undefined, { servers: '127.0.0.1:' + server.local.port })
      const found = await client.lookup('host.example.com', { family: 4 })
      if (found[0].address !== '192.0.2.1') throw new Error('found ' + JSON.stringify(found))
      server.close()`,
  },
  {
    name: 'a CoAP client',
    entry: `export { CoapClient } from '@favonius/coap/client'`,
    budget: 10_240,
    forbidden: [
      ...edgesAndTools, 'packages/{netbuf,netif,stack,sockets,ip,ipv4,ipv6,udp,tcp}/**', 'packages/kconfig/**',
      'packages/coap/src/{server,answers,notifier,observers,router,transfers,links,echo,group,groups,show,options}.ts',
    ],
    program: `
      import { system } from '@favonius/clock'
      import { CoapClient, CoapServer } from '@favonius/coap'
      import { nodeDatagrams } from '@favonius/node'
      const server = await CoapServer.open(nodeDatagrams(), system, { address: '127.0.0.1', port: 0 })
      let state = 0
      const observed = server.resource('/obs', { observable: true, get: () => String(state) })
      server.resource('/large', { post: ({ payload }) => payload.slice().reverse() })
      const client = new CoapClient(nodeDatagrams(), system)
      const at = 'coap://127.0.0.1:' + server.local.port
      const body = Uint8Array.from({ length: 5000 }, (_, i) => i)
      const { ok, payload } = await client.post(at + '/large', body)
      if (!ok || payload.length !== 5000 || payload.some((byte, i) => byte !== body[4999 - i])) throw new Error(payload.length + ' bytes came back, or not those')
      const heard = []
      for await (const { text } of client.observe(at + '/obs')) {
        if (heard.push(text) === 3) break
        state++
        observed.changed()
      }
      if (heard.join() !== '0,1,2') throw new Error('told ' + heard)
      client.close()
      server.close()`,
  },
  {
    name: 'a CoAP client over TCP',
    entry: `
      export { CoapClient } from '@favonius/coap/client'
      export { CoapStreams } from '@favonius/coap/tcp'`,
    budget: 13_150,
    forbidden: [
      ...edgesAndTools, 'packages/{netbuf,netif,stack,sockets,ip,ipv4,ipv6,udp,tcp}/**', 'packages/kconfig/**',
      'packages/coap/src/{server,answers,notifier,observers,router,transfers,links,echo,group,groups,show,options}.ts', 'packages/coap/src/ws/**',
    ],
    program: `
      import { system } from '@favonius/clock'
      import { CoapClient, CoapServer } from '@favonius/coap'
      import { CoapStreams } from '@favonius/coap/tcp'
      import { nodeStreams } from '@favonius/node'
      const accepting = new CoapStreams(nodeStreams(), system)
      const server = new CoapServer(accepting, system)
      server.resource('/large', { post: ({ payload }) => payload.slice().reverse() })
      await accepting.listen({ address: '127.0.0.1', port: 0 })
      const client = new CoapClient(new CoapStreams(nodeStreams(), system), system)
      const body = Uint8Array.from({ length: 200_000 }, (_, i) => i)
      const { ok, payload } = await client.post('coap+tcp://127.0.0.1:' + server.local.port + '/large', body)
      if (!ok || payload.length !== 200_000 || payload.some((byte, i) => byte !== body[199_999 - i])) throw new Error(payload.length + ' bytes came back, or not those')
      client.close()
      server.close()`,
  },
  {
    name: 'a CoAP client over WebSockets',
    entry: `
      export { CoapClient } from '@favonius/coap/client'
      export { CoapWebSockets, SUBPROTOCOL } from '@favonius/coap/ws'`,
    budget: 12_850,
    forbidden: [
      ...edgesAndTools, 'packages/{netbuf,netif,stack,sockets,ip,ipv4,ipv6,udp,tcp}/**', 'packages/kconfig/**',
      'packages/coap/src/{server,answers,notifier,observers,router,transfers,links,echo,group,groups,show,options}.ts', 'packages/coap/src/tcp/index.ts',
    ],
    program: `
      import { system } from '@favonius/clock'
      import { CoapClient } from '@favonius/coap/client'
      import { CoapWebSockets } from '@favonius/coap/ws'
      const client = new CoapClient(new CoapWebSockets(system, () => { throw new Error('a policy') }), system)
      const code = await client.get('coap+ws://host.example/test').catch((error) => error.code)
      if (code !== 'ECONNRESET') throw new Error('said ' + code)
      client.close()`,
  },
  {
    name: 'datagrams of the kernel',
    entry: `export { nodeDatagrams } from '@favonius/node'`,
    budget: 3_500,
    forbidden: ['packages/{tap,pcap,sim,testing,clock,netbuf,netif,kconfig,stack}/**'],
    program: `
      import { nodeDatagrams } from '@favonius/node'
      const net = nodeDatagrams()
      let back
      const server = await net.open({ address: '127.0.0.1' }, { receive: (data, from) => void server.send(data, from) })
      const echoed = new Promise((resolve) => { back = resolve })
      const client = await net.open({ address: '127.0.0.1' }, { receive: (data) => back(new TextDecoder().decode(data)) })
      client.send(new TextEncoder().encode('hello'), server.local)
      if (await echoed !== 'hello') throw new Error('the echo is not what was sent')
      client.close()
      server.close()`,
  },
  {
    name: 'streams of the kernel',
    entry: `export { nodeStreams } from '@favonius/node'`,
    budget: 2_700,
    forbidden: ['packages/{tap,pcap,sim,testing,clock,netbuf,netif,kconfig,stack,tcp,sockets}/**', 'packages/node/src/datagrams.ts'],
    program: `
      import { nodeStreams } from '@favonius/node'
      const net = nodeStreams()
      const listener = await net.listen({ address: '127.0.0.1' }, (stream) => ({
        receive: (chunk) => void stream.write(chunk), ended: () => stream.end(), closed() {},
      }))
      let text = ''
      await new Promise((resolve, reject) => {
        net.connect(listener.local, {
          receive: (chunk) => { text += new TextDecoder().decode(chunk) },
          closed: (error) => (error ? reject(error) : resolve()),
        }).then((stream) => { stream.write(new TextEncoder().encode('hello')); stream.end() }, reject)
      })
      if (text !== 'hello') throw new Error('the echo is ' + JSON.stringify(text))
      listener.close()`,
  },
  {
    name: 'a segment between tabs',
    entry: `export { broadcastDevice } from '@favonius/web'`,
    budget: 1_700,
    forbidden: ['packages/{tap,node,pcap,sim,testing,clock,netbuf,netif,kconfig,stack}/**', 'packages/web/src/websocket.ts', '**/node_modules/**'],
    program: `
      import { compose } from '@favonius/stack'
      import { system } from '@favonius/clock'
      import { ethernet } from '@favonius/ethernet'
      import { ipv4 } from '@favonius/ipv4'
      import { broadcastDevice } from '@favonius/web'
      const stacks = [1, 2].map((host) => {
        const stack = compose(system, ethernet(), ipv4())
        const eth0 = stack.netif.add(broadcastDevice(system, 'favonius'))
        stack.ipv4.addAddress(eth0, '192.0.2.' + host + '/24')
        return { ...stack, eth0 }
      })
      await Promise.all(stacks.map(({ eth0 }) => eth0.up()))
      const { received } = await stacks[0].ipv4.ping('192.0.2.2', { count: 2, interval: 10 })
      if (received !== 2) throw new Error(received + ' of 2 pings came back')
      for (const stack of stacks) await stack.stop()
      if (stacks.some((stack) => stack.netif.buffers.live > 0)) throw new Error('a buffer was not given back')`,
  },
]

/** Names, without the scope, of the packages that a story's code imports. */
export const importedBy = ({ entry, program }) =>
  [...new Set([...`${entry}\n${program}`.matchAll(/from '@favonius\/(\w+)/g)].map((match) => match[1]))]
