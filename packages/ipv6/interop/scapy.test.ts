/** Fragments that scapy makes, good ones and bad, and what comes back of them. Packets are written as scapy's users write them. */

import { fileURLToPath } from 'node:url'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet/bare'
import { address, eui48 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Fragments } from '@favonius/ipv6/fragments'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, scapyHost, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('ipv6: fragments by scapy', { timeout: 60_000 })
const tap = peer('the Linux kernel over TAP', { command: 'ip', package: 'iproute2', root: true, tun: true })
const scapy = tap && peer('scapy', { command: 'scapy', package: 'python3-scapy' })

const HOST = fileURLToPath(new URL('../../ip/interop/host.py', import.meta.url))
const [US, PEER] = ['2001:db8::1', '2001:db8::99']

/** A host with an echo server at port 7; its fragments wait one second. At the other end is scapy, for the kernel there has no address. */
async function world() {
  const namespace = makeNamespace()
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  const stack = compose(
    system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv6({ maxAddresses: 4, icmpErrorBurst: 1000 }),
    ipv6Fragments({ timeout: 1000 }), udp(), sockets(),
  )
  const { netif } = stack
  const eth0 = netif.add(await openTap({ name: 'fav6s', namespace: namespace.name, offload: false }), { name: 'eth0' })
  stack.ipv6.addAddress(eth0, `${US}/64`)
  await eth0.up()
  stack.nd.add(eth0, address(PEER), eui48('02:00:00:00:00:99'))
  const echo = await stack.sockets.open({ port: 7 }, { receive: (data, from) => void echo.send(data, from) })
  const control = stack.sockets.socket('inet6', 'dgram')
  const ask = (expression: Uint8Array): Promise<number> => control.sendto(expression, { address: PEER, port: 4242 })
  const hears = await scapyHost({ program: HOST, namespace, tap: 'fav6s', iface: eth0, ask, drops: () => netif.statistics().drops })
  return {
    stack, hears,
    async stop(): Promise<void> {
      await stack.stop()
      await namespace.remove()
      assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const check = (title: string, body: (w: World) => Promise<void>): void => {
  if (!scapy) return
  test(title, inWorld(world, body))
}

check('RFC 8200 §4.5: what scapy cuts is put together, in any order, and scapy puts together what we cut', async ({ stack, hears }) => {
  for (const size of [1300, 4000, 60_000]) {
    for (const order of ['', '[::-1]', '[1::2] + f[::2]']) {
      assert.equal(await hears(`(f := fragment6(ping6(${size}, 9), 1280)) and f${order}`), [[`echo reply 9: ${size} bytes rightly`], {}], `${size} ${order}`)
    }
    const datagram = `fragment6(six() / IPv6ExtHdrFragment(id=5) / UDP(sport=9, dport=7) / Raw(data(${size})), 1280)`
    assert.equal(await hears(datagram), [[`udp 7: ${size} bytes rightly`], {}])
  }
  assert.equal(await hears('[part6(ping6(56, 3), at, 8, at < 56) for at in range(0, 64, 8)]'), [['echo reply 3: 56 bytes rightly'], {}], 'eight bytes at a time')
  assert.equal(
    await hears('(f := fragment6(ping6(3000, 1), 1280)) and [f[0], f[1], f[0], f[1], f[2]]'),
    [['echo reply 1: 3000 bytes rightly'], { 'fragment that is there already': 2 }],
  )
  assert.equal(
    await hears('[list(each) for each in zip(*(fragment6(ping6(3000, id), 1280) for id in (11, 12, 13)))]'),
    [[11, 12, 13].map((id) => `echo reply ${id}: 3000 bytes rightly`), {}], 'interleaved',
  )
  assert.equal(await hears(`fragment6(six(dst='ff02::1') / IPv6ExtHdrFragment(id=6) / ICMPv6EchoRequest(id=6, data=data(2000)), 1280)`), [['echo reply 6: 2000 bytes rightly'], {}])
  const headers = `IPv6ExtHdrHopByHop(options=[PadN(optdata=b'    ')]) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b'    ')])`
  assert.equal(await hears(`fragment6(six() / ${headers} / IPv6ExtHdrFragment(id=4) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b'    ')]) / ICMPv6EchoRequest(id=4, data=data(2000)), 1280)`), [['echo reply 4: 2000 bytes rightly'], {}])
  assert.is(stack.ipv6Fragments.waiting, 0)
})

check('RFC 5722: an overlap ends the datagram without a word, and so does what comes after it', async ({ stack, hears }) => {
  const overlaps = {
    'the start of the second': `part6(p, 1224, 16)`,
    'within the first': `part6(p, 8, 8)`,
    'all of the first': `part6(p, 0, 1400)`,
    'the first, with other data': `part6(p, 0, 1232, True, b'x' * 1232)`,
    'the end, again': `part6(p, 1240, 16, False)`,
    'beyond the end': `part6(p, 3008, 8, True, b'8 bytes.')`,
  }
  let id = 0
  for (const [title, overlap] of Object.entries(overlaps)) {
    const [answers, drops] = await hears(`(p := ping6(3000, ${++id})) and (f := fragment6(p, 1280)) and [f[0], f[-1], ${overlap}, f[1], f[2]]`)
    assert.equal(answers, [], title)
    assert.equal(drops, { 'fragments overlap': 5 }, title)
  }
  assert.is(stack.ipv6Fragments.held, 0)
  // Not a word of them when their time is over, and then the identification may be used again.
  assert.equal(await hears('[1.2, fragment6(ping6(3000, 1), 1280)]'), [['echo reply 1: 3000 bytes rightly'], {}])
})

check('RFC 6946: an atomic fragment is a datagram of its own, whatever waits under its identification', async ({ hears }) => {
  assert.equal(await hears('ping6(100, 1)'), [['echo reply 1: 100 bytes rightly'], {}])
  assert.equal(
    await hears('(f := fragment6(ping6(2000, 2), 1280)) and [f[0], ping6(100, 2), f[1]]'),
    [['echo reply 2: 100 bytes rightly', 'echo reply 2: 2000 bytes rightly'], {}],
  )
})

check('RFC 8200 §4.5: what cannot be a fragment is reported where it is wrong', async ({ hears }) => {
  assert.equal(
    await hears('(p := ping6(2000)) and [part6(p, 0, 1232), part6(p, 1232, 100), part6(p, 1232, 776, False)]'),
    [['parameter problem 0 at 4 of 1', 'echo reply 1: 2000 bytes rightly'], { 'fragment length is not a multiple of 8': 1 }], 'the others wait on',
  )
  assert.equal(await hears(`part6(ping6(0), 65528, 8, False, b'8 bytes.')`), [['parameter problem 0 at 42 of 0'], { 'fragments of more than 65535 bytes': 1 }])
  assert.equal(
    await hears(`six() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(nh=58, id=9, offset=8191, m=1) / Raw(data(1200))`),
    [['parameter problem 0 at 50 of 1232 bytes of 0'], { 'fragments of more than 65535 bytes': 1 }],
  )
  assert.equal(await hears('six() / IPv6ExtHdrFragment(nh=58, id=9, offset=4, m=0)'), [[], { 'fragment without data': 1 }])
  assert.equal(
    await hears('[part6(ping6(1000, 8), at, 8) for at in range(0, 65 * 8, 8)]'), [[], { 'datagram in too many fragments': 65 }],
  )
})

check('RFC 7112: a first fragment has all headers, or is reported with code 3', async ({ hears }) => {
  const cut = ['parameter problem 3 at 0 of 0']
  const report = async (first: string): Promise<void> => assert.equal(await hears(first), [cut, { 'first fragment without all headers': 1 }], first)
  await report(`six() / IPv6ExtHdrFragment(nh=6, id=1, m=1) / Raw(raw(TCP(sport=1, dport=2))[:16])`)
  await report(`six() / IPv6ExtHdrFragment(nh=60, id=2, m=1) / IPv6ExtHdrDestOpt(nh=17, options=[PadN(optdata=b'    ')])`)
  await report(`six() / IPv6ExtHdrFragment(nh=60, id=3, m=1) / Raw(raw(IPv6ExtHdrDestOpt(nh=17, options=[PadN(optdata=b' ' * 100)]))[:48])`)
  await report(`six() / IPv6ExtHdrFragment(nh=43, id=4, m=1) / Raw(raw(IPv6ExtHdrRouting(nh=58, addresses=['::1']))[:16])`)
})

check('RFC 6980: no neighbour discovery in fragments, cut or atomic', async ({ hears, stack }) => {
  const asks = `ICMPv6ND_NS(tgt=OUR6) / ICMPv6NDOptSrcLLAddr(lladdr='02:00:00:00:00:66')`
  const tells = `ICMPv6ND_NA(tgt=SIX, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr='02:00:00:00:00:66')`
  for (const message of [asks, tells, 'ICMPv6ND_RS()', 'ICMPv6ND_RA()', 'ICMPv6ND_Redirect(tgt=SIX, dst=SIX)']) {
    assert.equal(await hears(`six(hlim=255) / IPv6ExtHdrFragment(id=1) / ${message}`), [[], { 'neighbour discovery in a fragment': 1 }], message)
    assert.equal(await hears(`six(hlim=255) / IPv6ExtHdrFragment(id=1) / IPv6ExtHdrDestOpt() / ${message}`), [[], { 'neighbour discovery in a fragment': 1 }], message)
  }
  const long = `six(hlim=255) / IPv6ExtHdrFragment(id=2) / ${asks} / Raw(data(2000))`
  assert.equal(await hears(`fragment6(${long}, 1280)`), [[], { 'neighbour discovery in a fragment': 1 }], 'its second waits, for nothing')
  assert.equal(await hears('1.2'), [[], { 'fragments waited too long for the rest': 1 }])
  assert.is(stack.ipv6Fragments.waiting, 0)
})

check('fragments within fragments go no further', async ({ hears }) => {
  const inner = `IPv6ExtHdrFragment(id=2, nh=58) / ICMPv6EchoRequest(id=1, data=data(2000))`
  assert.equal(await hears(`fragment6(six() / IPv6ExtHdrFragment(id=1) / ${inner}, 1280)`), [[], { 'fragment within fragments': 1 }])
  // Twice cut: each piece of the outer datagram is a piece of the inner one.
  const twice = `[six() / IPv6ExtHdrFragment(id=9, nh=44) / IPv6ExtHdrFragment(id=8, nh=58, offset=at, m=at == 0) / Raw(data(64)) for at in (0, 8)]`
  assert.equal(await hears(twice), [[], { 'fragment within fragments': 1 }])
  assert.equal(await hears(`six() / IPv6ExtHdrFragment(id=9, nh=44, res1=255) / ${inner.replace('2000', '100')}`), [['echo reply 1: 100 bytes rightly'], {}], 'both are atomic')
})

check('RFC 4443 §3.3: who never finishes is told with the first fragment, if that came', async ({ hears, stack }) => {
  const late = { 'fragments waited too long for the rest': 2 }
  assert.equal(await hears('(f := fragment6(ping6(4000, 1), 1280)) and [f[1], f[0], 1.3]'), [['time exceeded 1 of 1232 bytes of 1'], late])
  assert.equal(await hears('(f := fragment6(ping6(4000, 2), 1280)) and [f[1], f[2], 1.3]'), [[], late])
  assert.equal(await hears('(f := fragment6(ping6(4000, 3), 600)) and [f[0], f[1], 1.3]'), [['time exceeded 1 of 0'], late])
  assert.is(stack.ipv6Fragments.waiting, 0)
  assert.is(stack.ipv6Fragments.held, 0)
})

check('errors about a whole are about the whole', async ({ hears }) => {
  const [answers, drops] = await hears(`fragment6(six() / IPv6ExtHdrFragment(id=1, nh=200) / Raw(data(2000)), 1280)`)
  assert.equal(answers, ['parameter problem 1 at 6 of what was not sent'])
  assert.equal(drops, { 'next header not supported': 1 })
})

test.run()
