/** Contexts of 6LoWPAN by router advertisements: a router and a host on the air, and a host alone with what a router says. */

import { sleep } from '@favonius/clock'
import { ieee802154 } from '@favonius/ieee802154'
import { frameTypes, readFrame } from '@favonius/ieee802154/wire'
import { prefix } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { advertising, type AdvertisingOptions } from '@favonius/ipv6/advertising'
import { contexts } from '@favonius/ipv6/contexts'
import { slaac } from '@favonius/ipv6/slaac'
import { routerAdvertisementSize, show, writeRouterAdvertisement, type RouterAdvertisement } from '@favonius/ipv6/wire'
import { simulate } from '@favonius/sim'
import { sixlowpan } from '@favonius/sixlowpan'
import { show as showPacket } from '@favonius/sixlowpan/wire'
import { suite, thrownCode } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { message } from './craft.ts'

const test = suite('ipv6: contexts')

const MINUTE = 60_000
const A = '2001:db8:a::/64'

/** A router and a host on the air. */
async function world(body: (it: {
  readonly router: ReturnType<typeof make>['router']
  readonly host: ReturnType<typeof make>['host']
  /** What was on the air, as 6LoWPAN. */
  readonly frames: string[]
  advertise(options: AdvertisingOptions): Promise<void>
  /** Number, prefix and whether it compresses, of those of the host. */
  known(): string[]
  wait(ms: number): Promise<void>
}) => Promise<void>, maxContexts = 4): Promise<void> {
  const { net, router, host, frames } = make(maxContexts)
  await net.run(async () => {
    await Promise.all([router.iface.up(), host.iface.up()])
    await body({
      router, host, frames,
      async advertise(options) {
        router.stack.advertising.begin(router.iface, { maxInterval: 600_000, ...options })
        await sleep(net.env, 20_000)
      },
      known: () => host.stack.sixlowpan.contexts(host.iface).map(({ id, prefix: { address, length }, compress }) => `${id} ${address}/${length}${compress ? ' C' : ''}`),
      wait: (ms) => sleep(net.env, ms),
    })
  }, { limit: 24 * 60 * MINUTE })
  await net.stop()
  for (const { stack } of [router, host]) assert.is(stack.netif.buffers.live, 0)
}

function make(maxContexts: number) {
  const net = simulate({ seed: 4 })
  const air = net.air()
  const frames: string[] = []
  air.tap((frame) => {
    const header = readFrame(frame.dv, frame.offset, frame.length)
    if (!('malformed' in header) && header.type === frameTypes.data) frames.push(showPacket(frame.view().slice(header.length)))
  })
  const router = net.node('router', [ieee802154(), sixlowpan({ maxContexts: 16 }), ipv6(), advertising()], air)
  const host = net.node('host', [ieee802154(), sixlowpan({ maxContexts }), ipv6({ maxAddresses: 4 }), slaac(), contexts()], air)
  return { net, router, host, frames }
}

test('RFC 6775 §4.2: a host compresses by what its router advertises, and both understand each other', () => world(async ({ router, host, frames, advertise, known, wait }) => {
  router.stack.ipv6.addAddress(router.iface, '2001:db8:a::1/64')
  router.stack.sixlowpan.setContext(router.iface, 1, A)
  await advertise({ prefixes: [A], contexts: [{ id: 1, prefix: A }, { id: 2, prefix: '2001:db8:b:1::/96', compress: false, lifetime: 10 * MINUTE }] })
  assert.equal(known(), ['1 2001:db8:a::/64 C', '2 2001:db8:b:1::/96'])
  assert.equal(host.stack.contexts.learned(host.iface), [1, 2])
  await wait(2000)
  frames.length = 0
  assert.is((await host.stack.ipv6.ping('2001:db8:a::1', { size: 8 })).received, 1)
  // Request and reply, behind neighbour discovery: of both addresses nothing is left but the number.
  assert.equal(frames.slice(-2), Array.from({ length: 2 }, () => '6LoWPAN, IPHC [1]:[link] > [1]:[link] hlim 64 next 58, length 16'))
}))

test('RFC 6775 §5.4.2: it lives for as long as was told; then it is understood for a while, and compresses no more', () => world(async ({ advertise, known, wait, router }) => {
  await advertise({ contexts: [{ id: 3, prefix: A, lifetime: 5 * MINUTE }] })
  router.stack.advertising.begin(router.iface, { maxInterval: 600_000 })
  assert.equal(known(), ['3 2001:db8:a::/64 C'])
  await wait(6 * MINUTE)
  assert.equal(known(), ['3 2001:db8:a::/64'])
  await wait(61 * MINUTE)
  assert.equal(known(), [])
}))

test('a lifetime of 0 removes it; another prefix takes its place', () => world(async ({ advertise, known }) => {
  await advertise({ contexts: [{ id: 3, prefix: A }] })
  await advertise({ contexts: [{ id: 3, prefix: '2001:db8:c::/48' }] })
  assert.equal(known(), ['3 2001:db8:c::/48 C'])
  await advertise({ contexts: [{ id: 3, prefix: A, lifetime: 0 }, { id: 4, prefix: A, lifetime: 0 }] })
  assert.equal(known(), [])
}))

test('what a person has set stays; what there is no room for is counted; down forgets what was learnt', () => world(async ({ host, advertise, known }) => {
  host.stack.sixlowpan.setContext(host.iface, 1, '2001:db8:1::/64')
  await advertise({ contexts: [{ id: 1, prefix: A }, { id: 2, prefix: A }, { id: 3, prefix: A }, { id: 1, prefix: A, lifetime: 0 }] })
  assert.equal(known(), ['1 2001:db8:1::/64 C', '2 2001:db8:a::/64 C'])
  assert.ok(host.stack.netif.statistics(host.iface).drops['contexts: no room for what a router advertises']! >= 1)
  await host.iface.down()
  assert.equal(known(), ['1 2001:db8:1::/64 C'])
}, 2))

test('what is advertised can be', () => world(async ({ router }) => {
  const { stack, iface } = router
  const begin = (context: NonNullable<AdvertisingOptions['contexts']>[number]) => thrownCode(() => stack.advertising.begin(iface, { contexts: [context] }))
  assert.equal([begin({ id: 16, prefix: A }), begin({ id: 1, prefix: 'ff02::/16' }), begin({ id: 1, prefix: A, lifetime: -1 }), begin({ id: 1, prefix: prefix('192.0.2.0/24') })], ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'])
}))

test('it is shown', () => {
  const said: RouterAdvertisement = {
    hopLimit: 0, managed: false, other: false, preference: 'medium', lifetime: 0, reachableTime: 0, retransTimer: 0, link: undefined, mtu: undefined, prefixes: [], routes: [], nameServers: [],
    searchLists: [], contexts: [{ id: 5, prefix: prefix(A), compress: true, lifetime: MINUTE }, { id: 6, prefix: prefix(A), compress: false, lifetime: MINUTE }],
  }
  const body = new Uint8Array(routerAdvertisementSize(said))
  writeRouterAdvertisement(said, new DataView(body.buffer), 0)
  assert.match(show(message('fe80::1', 'ff02::1', 134, 0, body.subarray(4))), /router advertisement, lifetime 0 s, context 5 2001:db8:a::\/64 \[C\], context 6 2001:db8:a::\/64, /)
})

test.run()
