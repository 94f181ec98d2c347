/** Fragments that scapy makes, good ones and bad, and what comes back of them. Packets are written as scapy's users write them. */

import { fileURLToPath } from 'node:url'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Fragments } from '@favonius/ipv4/fragments'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { inWorld, makeNamespace, peer, scapyHost, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'

const test = suite('ipv4: fragments by scapy', { timeout: 60_000 })
const tap = peer('the Linux kernel over TAP', { command: 'ip', package: 'iproute2', root: true, tun: true })
const scapy = tap && peer('scapy', { command: 'scapy', package: 'python3-scapy' })

const HOST = fileURLToPath(new URL('../../ip/interop/host.py', import.meta.url))
const [US, PEER] = ['192.0.2.1', '192.0.2.99']

/** A host with an echo server at port 7; its fragments wait one second. At the other end is scapy, for the kernel there has no address. */
async function world() {
  const namespace = makeNamespace()
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  const stack = compose(
    system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4({ icmpErrorBurst: 1000 }),
    ipv4Fragments({ timeout: 1000 }), udp(), sockets(),
  )
  const { netif } = stack
  const eth0 = netif.add(await openTap({ name: 'fav4s', namespace: namespace.name, offload: false }), { name: 'eth0' })
  stack.ipv4.addAddress(eth0, `${US}/24`)
  await eth0.up()
  const echo = await stack.sockets.open({ port: 7 }, { receive: (data, from) => void echo.send(data, from) })
  const control = stack.sockets.socket('inet', 'dgram')
  const ask = (expression: Uint8Array): Promise<number> => control.sendto(expression, { address: PEER, port: 4242 })
  const hears = await scapyHost({ program: HOST, namespace, tap: 'fav4s', iface: eth0, ask, drops: () => netif.statistics().drops })
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

check('RFC 791 §3.2: what scapy cuts is put together, in any order, and scapy puts together what we cut', async ({ stack, hears }) => {
  for (const size of [1300, 4000, 60_000]) {
    for (const order of ['', '[::-1]', '[1::2] + f[::2]']) {
      assert.equal(await hears(`(f := fragment(ping4(${size}, 9), 1200)) and f${order}`), [[`echo reply 9: ${size} bytes rightly`], {}], `${size} ${order}`)
    }
    const datagram = `fragment(four(id=5) / UDP(sport=9, dport=7) / Raw(data(${size})), 1200)`
    assert.equal(await hears(datagram), [[`udp 7: ${size} bytes rightly`], {}])
  }
  assert.equal(await hears('[part4(ping4(56, 3), at, 8, at < 56) for at in range(0, 64, 8)]'), [['echo reply 3: 56 bytes rightly'], {}], 'eight bytes at a time')
  assert.equal(
    await hears('(f := fragment(ping4(3000, 1), 1200)) and [f[0], f[1], f[0], f[1], f[2]]'),
    [['echo reply 1: 3000 bytes rightly'], { 'fragment that is there already': 2 }],
  )
  assert.equal(
    await hears('[list(each) for each in zip(*(fragment(ping4(3000, id), 1200) for id in (11, 12, 13)))]'),
    [[11, 12, 13].map((id) => `echo reply ${id}: 3000 bytes rightly`), {}], 'interleaved',
  )
  // One identification, and two protocols (RFC 6864 §4).
  assert.equal(
    await hears('[list(each) for each in zip(fragment(ping4(2000, 7), 1200), fragment(four(id=7) / UDP(sport=9, dport=7) / Raw(data(2000)), 1200))]'),
    [['echo reply 7: 2000 bytes rightly', 'udp 7: 2000 bytes rightly'], {}],
  )
  const options = '(p := ping4(2000)) and [part4(p, 0, 1200, options=[IPOption_RR(length=7, routers=["0.0.0.0"])]), part4(p, 1200, 808, False)]'
  assert.equal(await hears(options), [['echo reply 1: 2000 bytes rightly'], {}], 'an option that stands in the first alone')
  assert.is(stack.ipv4Fragments.waiting, 0)
})

check('overlaps end the datagram without a word, and so does what comes after them (RFC 1858 §4)', async ({ stack, hears }) => {
  const overlaps = {
    'the start of the second': `part4(p, 1192, 16)`,
    'within the first': `part4(p, 8, 8)`,
    'all of the first': `part4(p, 0, 1400)`,
    'the first, with other data': `part4(p, 0, 1200, True, b'x' * 1200)`,
    'the end, again': `part4(p, 1240, 16, False)`,
    'beyond the end': `part4(p, 3008, 8, True, b'8 bytes.')`,
  }
  let id = 0
  for (const [title, overlap] of Object.entries(overlaps)) {
    const [answers, drops] = await hears(`(p := ping4(3000, ${++id})) and (f := fragment(p, 1200)) and [f[0], f[-1], ${overlap}, f[1], f[2]]`)
    assert.equal(answers, [], title)
    assert.equal(drops, { 'fragments overlap': 5 }, title)
  }
  assert.is(stack.ipv4Fragments.held, 0)
  // Not a word of them when their time is over, and then the identification may be used again.
  assert.equal(await hears('[1.2, fragment(ping4(3000, 1), 1200)]'), [['echo reply 1: 3000 bytes rightly'], {}])
})

check('RFC 1858 §3, RFC 3128: no fragment so tiny that it hides a transport\'s header, and none that writes over it', async ({ hears }) => {
  const tiny = { 'first fragment without its transport\'s header': 1 }
  assert.equal(await hears(`four(id=1, proto=6, flags='MF') / Raw(raw(TCP(sport=1, dport=2))[:16])`), [[], tiny])
  assert.equal(await hears(`four(id=2, proto=6, frag=1) / Raw(raw(TCP(sport=1, dport=2))[8:])`), [[], tiny])
  assert.equal(await hears(`four(id=3, proto=17) / Raw(b'7 bytes')`), [[], { 'udp: shorter than its header': 1 }], 'that is no fragment')
  assert.equal(await hears(`four(id=4, proto=1, frag=1) / Raw(data(64))`), [[], {}], 'ICMP may be cut there')
})

check('what cannot be a fragment is dropped by itself, and not answered', async ({ hears }) => {
  assert.equal(
    await hears('(p := ping4(2000)) and [part4(p, 0, 1200), part4(p, 1200, 100), part4(p, 1200, 808, False)]'),
    [['echo reply 1: 2000 bytes rightly'], { 'fragment length is not a multiple of 8': 1 }], 'the others wait on',
  )
  assert.equal(await hears(`part4(ping4(0), 65528, 8, False, b'8 bytes.')`), [[], { 'fragments of more than 65535 bytes': 1 }])
  assert.equal(await hears(`part4(ping4(0), 65512, 4, False, b'four')`), [[], { 'fragments of more than 65535 bytes': 1 }], 'with its header')
  assert.equal(await hears(`four(id=9, proto=1, frag=4)`), [[], { 'fragment without data': 1 }])
  // 65 500 bytes of data, which fit behind a header of 20 bytes, and not behind one of 60.
  const long = (options: string): string => `[four(id=10, proto=200, flags='MF' if n < 54 else 0, frag=n * 150, options=${options}) / ` +
    `Raw(data(1200 if n < 54 else 700)) for n in reversed(range(55))]`
  assert.equal(await hears(long('[]')), [['unreachable 2 of what was not sent'], { 'protocol not supported': 1 }])
  assert.equal(await hears(long('[IPOption_NOP()] * 40 if n == 0 else []')), [[], { 'fragments of more than 65535 bytes': 1 }])
  assert.equal(
    await hears('[part4(ping4(1200, 8), at, 8) for at in range(0, 129 * 8, 8)]'), [[], { 'datagram in too many fragments': 129 }],
  )
})

check('RFC 1122 §3.3.2: who never finishes is told with the first fragment, if that came', async ({ hears, stack }) => {
  const late = { 'fragments waited too long for the rest': 2 }
  assert.equal(await hears('(f := fragment(ping4(4000, 1), 1200)) and [f[1], f[0], 1.3]'), [['time exceeded 1 of 548 bytes of 1'], late])
  assert.equal(await hears('(f := fragment(ping4(4000, 2), 1200)) and [f[1], f[2], 1.3]'), [[], late])
  assert.equal(await hears('(f := fragment(ping4(4000, 3), 400)) and [f[0], f[1], 1.3]'), [['time exceeded 1 of 0'], late])
  // RFC 1122 §3.2.2: no error about an error, nor about what was sent to everyone.
  assert.equal(await hears(`[four(id=4, proto=1, flags='MF') / Raw(raw(ICMP(type=3, code=1) / ping4(64))[:64]), 1.3]`), [[], { 'fragments waited too long for the rest': 1 }])
  assert.equal(await hears(`[four(id=5, dst='192.0.2.255', flags='MF') / UDP(sport=1, dport=7, len=1000) / Raw(data(64)), 1.3]`), [[], { 'fragments waited too long for the rest': 1 }])
  assert.is(stack.ipv4Fragments.waiting, 0)
  assert.is(stack.ipv4Fragments.held, 0)
})

test.run()
