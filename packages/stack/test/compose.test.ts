import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { virtual } from '@favonius/clock'
import { feature, type } from '@favonius/kconfig'
import { compose } from '../src/index.ts'

const test = suite('compose')
const env = virtual({ seed: 1 })

interface Ip { readonly kind: 'ip' }
const ip = feature({ name: 'ip', symbol: 'IP', create: (): Ip => ({ kind: 'ip' }) })
const udp = feature({ name: 'udp', symbol: 'UDP', needs: { ip: type<Ip>() }, create: ({ ip }) => ({ over: ip.kind }) })
const size = { type: 'int', symbol: 'N', default: 3, range: [1, 9], help: 'n' } as const
const cache = feature({ name: 'cache', symbol: 'CACHE', options: { size }, create: (_, { options }) => options.size })
const coap = feature({ name: 'coap', symbol: 'COAP', selects: [udp(), cache()], create: ({ udp, cache }) => ({ over: udp.over, size: cache }) })
const lwm2m = feature({ name: 'lwm2m', symbol: 'LWM2M', selects: [coap()], create: ({ coap }) => coap.over })

test('selected features are built, in the order in which they rest on each other', () => {
  const stack = compose(env, lwm2m(), ip())
  assert.is(stack.lwm2m, 'ip')
  assert.is(stack.udp.over, 'ip')
  assert.is(stack.cache, 3)
})

test('what is listed wins over what is selected', () => {
  assert.is(compose(env, coap(), ip(), cache({ size: 7 })).coap.size, 7)
})

test('needs pass through selects: lwm2m selects coap selects udp needs ip', () => {
  // @ts-expect-error lwm2m depends on ip
  assert.throws(() => compose(env, lwm2m()), /depends on ip/)
  // @ts-expect-error udp depends on ip
  assert.throws(() => compose(env, udp()), /udp depends on ip/)
})

test('a part that needs its selector is made after it', () => {
  const made: string[] = []
  const inner = feature({ name: 'inner', symbol: 'I', needs: { outer: type<number>() }, create: ({ outer }) => made.push(`inner of ${outer}`) })
  const outer = feature({ name: 'outer', symbol: 'O', selects: [inner()], create: () => { made.push('outer'); return 5 } })
  compose(env, outer())
  assert.equal(made.splice(0), ['outer', 'inner of 5'])
  compose(env, inner(), outer())
  assert.equal(made, ['outer', 'inner of 5'], 'whoever is listed first')
})

test('implied features are used when composed, and only then', () => {
  const dns = feature({ name: 'dns', symbol: 'D', create: () => 'dns' })
  const user = feature({ name: 'user', symbol: 'U', implies: { dns: type<string>() }, create: ({ dns }) => dns ?? 'none' })
  assert.is(compose(env, user()).user, 'none')
  assert.is(compose(env, user(), dns()).user, 'dns')
})

test('rings and repetitions are the caller\'s mistakes, and said so', () => {
  const a = feature({ name: 'a', symbol: 'A', needs: { b: type<number>() }, create: () => 1 })
  const b = feature({ name: 'b', symbol: 'B', needs: { a: type<number>() }, create: () => 1 })
  assert.throws(() => compose(env, a(), b()), /ring: a -> b -> a/)
  assert.throws(() => compose(env, ip(), ip()), /ip is listed twice/)
})

test('stop runs in reverse, once, and waits', async () => {
  const ended: string[] = []
  const below = feature({ name: 'below', symbol: 'B', create: (_, { onStop }) => { onStop(() => void ended.push('below')); return 1 } })
  const above = feature({
    name: 'above', symbol: 'A', needs: { below: type<number>() },
    create: (_, { onStop }) => {
      onStop(() => void ended.push('above, first given'))
      onStop(async () => { await Promise.resolve(); ended.push('above, last given') })
      return 2
    },
  })
  const stack = compose(env, above(), below())
  await stack.stop()
  await stack.stop()
  assert.equal(ended, ['above, last given', 'above, first given', 'below'])
})

test('what was built is stopped when a later feature fails', async () => {
  let ended = false
  const good = feature({ name: 'good', symbol: 'G', create: (_, { onStop }) => { onStop(() => { ended = true }); return 1 } })
  const bad = feature({ name: 'bad', symbol: 'B', needs: { good: type<number>() }, create: () => { throw new Error('no luck') } })
  assert.throws(() => compose(env, good(), bad()), /no luck/)
  await Promise.resolve()
  assert.ok(ended)
})

test.run()
