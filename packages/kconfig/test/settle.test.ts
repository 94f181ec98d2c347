import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { ConfigError, settle, type Options } from '../src/index.ts'

const test = suite('settle')

const rows = {
  size: { symbol: 'CONFIG_NET_SIZE', type: 'int', default: 4, range: [1, 64], help: 'How many.' },
  fast: { symbol: 'CONFIG_NET_FAST', type: 'bool', default: true, help: 'Whether.' },
  mode: { symbol: 'CONFIG_NET_MODE', type: 'choice', default: 'first', values: ['first', 'up', 3], help: 'Which.' },
  name: { symbol: 'CONFIG_NET_NAME', type: 'string', default: '', help: 'Called.' },
} as const satisfies Options

const said = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    assert.instance(error, ConfigError)
    assert.is((error as ConfigError).code, 'ERR_CONFIG', 'it can be told without instanceof')
    return (error as Error).message
  }
  return 'it did not throw'
}
const given = (settings: object): (() => unknown) => () => settle('thing', rows, settings)

test('defaults fill in what is not given, and undefined is not given', () => {
  assert.equal(settle('thing', rows), { size: 4, fast: true, mode: 'first', name: '' })
  assert.equal(settle('thing', rows, { size: 9, fast: false, mode: 3, name: 'x' }), { size: 9, fast: false, mode: 3, name: 'x' })
  assert.is(settle('thing', rows, { size: undefined } as object).size, 4)
})

test('what is false, 0 or empty is a value, and no reason for the default', () => {
  const zero = { n: { ...rows.size, range: [0, 5] }, on: rows.fast, text: { ...rows.name, default: 'x' } } as const satisfies Options
  assert.equal(settle('thing', zero, { n: 0, on: false, text: '' }), { n: 0, on: false, text: '' })
})

test('both ends of a range belong to it', () => {
  assert.is(settle('thing', rows, { size: 1 }).size, 1)
  assert.is(settle('thing', rows, { size: 64 }).size, 64)
})

test('a value that does not fit: the message names feature, option, symbol, value, and what fits', () => {
  assert.is(said(given({ size: 0 })), 'thing: size (CONFIG_NET_SIZE) is 0; it must be a whole number from 1 to 64')
  assert.is(said(given({ size: 65 })), 'thing: size (CONFIG_NET_SIZE) is 65; it must be a whole number from 1 to 64')
  assert.match(said(given({ size: 1.5 })), /is 1\.5; it must be a whole number/)
  assert.match(said(given({ size: NaN })), /it must be a whole number/)
  assert.match(said(given({ size: '8' })), /is "8"; it must be a whole number/)
  assert.is(said(given({ fast: 1 })), 'thing: fast (CONFIG_NET_FAST) is 1; it must be true or false')
  assert.is(said(given({ mode: 'last' })), 'thing: mode (CONFIG_NET_MODE) is "last"; it must be one of "first", "up", 3')
  assert.match(said(given({ mode: '3' })), /must be one of/, '3 is a number there')
  assert.is(said(given({ name: 5 })), 'thing: name (CONFIG_NET_NAME) is 5; it must be a string')
  assert.match(said(given({ name: () => 1 })), /it must be a string/, 'what JSON cannot show is shown all the same')
  assert.match(said(given({ name: null })), /is null; it must be a string/)
})

test('a name that is no option is refused, and those that are get named', () => {
  assert.is(said(given({ sise: 4 })), 'thing has no option sise; its options are size, fast, mode, name')
  assert.is(said(() => settle('thing', {}, { size: 4 } as object)), 'thing has no option size; it takes none')
  assert.match(said(given({ toString: 1 })), /no option toString/, 'what every object inherits is no option')
})

test.run()
