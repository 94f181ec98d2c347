import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { virtual } from '@favonius/clock'
import { feature, type, type AllOf, type NeedsOf, type Options, type ProvidesOf } from '../src/index.ts'

const test = suite('feature')

/** Does not compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(is: Same<A, B>): void => assert.ok(is)

interface Ip { readonly kind: 'ip' }
interface Names { resolve(name: string): string }
const rows = { size: { symbol: 'CONFIG_SIZE', type: 'int', default: 3, range: [1, 9], help: 'n' } } as const satisfies Options
const udp = feature({ name: 'udp', symbol: 'UDP', options: rows, needs: { ip: type<Ip>() }, create: ({ ip }) => ({ over: ip.kind }) })
const cache = feature({ name: 'cache', symbol: 'CACHE', create: () => new Map<string, number>() })
const coap = feature({
  name: 'coap', symbol: 'COAP', selects: [udp(), cache()], implies: { names: type<Names>() },
  create({ udp, cache, names }) {
    same<typeof udp, { over: 'ip' }>(true)
    same<typeof names, Names | undefined>(true)
    return { over: udp.over, cached: cache.size, name: names?.resolve('x') }
  },
})
const lwm2m = feature({ name: 'lwm2m', symbol: 'LWM2M', selects: [coap()], create: ({ coap }) => coap.over.length })

test('a feature provides itself and all that it selects, through every level', () => {
  same<keyof ProvidesOf<ReturnType<typeof lwm2m>>, 'lwm2m' | 'coap' | 'udp' | 'cache'>(true)
  same<ProvidesOf<ReturnType<typeof lwm2m>>['lwm2m'], number>(true)
  same<ProvidesOf<ReturnType<typeof lwm2m>>['cache'], Map<string, number>>(true)
})

test('a feature needs what it says, and what those it selects need', () => {
  same<NeedsOf<ReturnType<typeof udp>>, { readonly ip: Ip }>(true)
  same<keyof NeedsOf<ReturnType<typeof lwm2m>>, 'ip'>(true)
  same<keyof NeedsOf<ReturnType<typeof cache>>, never>(true)
})

test('what one selected feature provides, another selected one no longer needs', () => {
  const ip = feature({ name: 'ip', symbol: 'IP', create: (): Ip => ({ kind: 'ip' }) })
  const whole = feature({ name: 'whole', symbol: 'WHOLE', selects: [ip(), udp()], create: () => 1 })
  same<keyof NeedsOf<ReturnType<typeof whole>>, never>(true)
  same<keyof AllOf<readonly [ReturnType<typeof ip>, ReturnType<typeof udp>]>, 'ip' | 'udp'>(true)
})

test('a part that needs its selector does not make the selector need itself', () => {
  const part = feature({ name: 'part', symbol: 'PART', needs: { outer: type<number>() }, create: ({ outer }) => outer })
  const outer = feature({ name: 'outer', symbol: 'OUTER', selects: [part()], create: () => 5 })
  same<keyof NeedsOf<ReturnType<typeof outer>>, never>(true)
})

test('settings are typed by the rows', () => {
  assert.is(udp({ size: 9 }).settings['size'], 9)
  // @ts-expect-error size is a number
  assert.throws(() => udp({ size: 'big' }), /whole number from 1 to 9/)
  // @ts-expect-error there is no such option
  assert.throws(() => udp({ length: 1 }), /no option length/)
})

test('the value is data: names, symbol, settings; and it builds as often as it is asked', () => {
  const made = coap()
  assert.equal([made.name, made.symbol, made.needs, made.implies], ['coap', 'COAP', [], ['names']])
  assert.equal(made.selects.map(({ name }) => name), ['udp', 'cache'])
  assert.equal(udp().settings, { size: 3 })
  const context = { env: virtual(), onStop() {} }
  const [one, two] = [1, 2].map(() => cache().create({} as never, context))
  assert.is.not(one, two)
})

test.run()
