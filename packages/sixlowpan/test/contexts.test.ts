/** What both ends know, and for how long: RFC 6282 §3.1.2, RFC 6775 §4.2 and §5.4. */

import { suite, thrownCode } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { packet } from './craft.ts'
import { hex, textOf, world } from './fixture.ts'

const test = suite('sixlowpan: contexts')

const whole = packet({ source: '2001:db8::5eff:fe00:5301', destination: '2001:db8::212:4b00:14b5:d98c', next: 58, payload: hex('8f00') })
const STATEFUL = '7a773a8f00'
const length = (here: ReturnType<typeof world>): number => here.send(whole)[0]!.length

test('one that is not valid for compression serves to understand others', async () => {
  const here = world()
  here.layer.setContext(here.iface, 0, '2001:db8::/64', { compress: false })
  assert.is(length(here), 37)
  assert.is(textOf(here.receive(hex(STATEFUL))!), textOf(whole))
  here.layer.setContext(here.iface, 0, '2001:db8::/64')
  assert.is(length(here), 5)
  await here.end()
})

test('its lifetime ends, and later it is gone', async () => {
  const here = world()
  here.layer.setContext(here.iface, 0, '2001:db8::/64', { lifetime: 60_000, grace: 10_000 })
  here.env.advance(59_999)
  assert.is(length(here), 5)
  here.env.advance(1)
  assert.is(length(here), 37)
  assert.is(textOf(here.receive(hex(STATEFUL))!), textOf(whole))
  assert.equal(here.layer.contexts(here.iface).map(({ id, prefix, compress }) => [id, String(prefix.address), prefix.length, compress]), [[0, '2001:db8::', 64, false]])
  here.env.advance(10_000)
  assert.is(here.receive(hex(STATEFUL)), undefined)
  assert.equal(here.layer.contexts(here.iface), [])
  assert.equal(here.drops(), { 'context not known': 1 })
  await here.end()
})

test('a lifetime of 0 removes it at once', async () => {
  const here = world()
  here.layer.setContext(here.iface, 0, '2001:db8::/64')
  here.layer.setContext(here.iface, 0, '2001:db8::/64', { lifetime: 0 })
  assert.is(here.receive(hex(STATEFUL)), undefined)
  here.layer.setContext(here.iface, 0, '2001:db8::/64')
  here.layer.removeContext(here.iface, 0)
  here.layer.removeContext(here.iface, 7)
  assert.is(length(here), 37)
  await here.end()
})

test('they belong to their interface', async () => {
  const here = world()
  const { iface } = here.stack.netif.addVirtual({ name: 'wpan1', l2: here.iface.l2, address: here.iface.address, mtu: 1280 })
  here.layer.setContext(iface, 0, '2001:db8::/64')
  assert.is(length(here), 37)
  assert.is(here.receive(hex(STATEFUL)), undefined)
  await here.stack.netif.remove(iface)
  assert.equal(here.layer.contexts(iface), [])
  await here.end()
})

test('mistakes are told of', async () => {
  const here = world({ sixlowpan: { maxContexts: 1 } })
  const { layer, iface } = here
  assert.is(thrownCode(() => layer.setContext(iface, 16, '2001:db8::/64')), 'EINVAL')
  assert.is(thrownCode(() => layer.setContext(iface, 1.5, '2001:db8::/64')), 'EINVAL')
  assert.is(thrownCode(() => layer.setContext(iface, 1, '192.0.2.0/24')), 'EINVAL')
  assert.is(thrownCode(() => layer.setContext(iface, 1, '2001:db8::/64', { lifetime: -1 })), 'EINVAL')
  layer.setContext(iface, 1, '2001:db8::/64', { lifetime: 1000, grace: 0 })
  layer.setContext(iface, 1, '2001:db8:1::/64', { lifetime: 1000, grace: 0 })
  assert.is(thrownCode(() => layer.setContext(iface, 2, '2001:db8::/64')), 'ENOBUFS')
  here.env.advance(1000)
  layer.setContext(iface, 2, '2001:db8::/64')
  await here.end()
  const none = world({ sixlowpan: { contexts: false } })
  assert.is(thrownCode(() => none.layer.setContext(none.iface, 0, '2001:db8::/64')), 'EOPNOTSUPP')
  await none.end()
})

test.run()
