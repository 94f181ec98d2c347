import { tcpOptions } from '@favonius/tcp'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'

const test = suite('tcp: options')

test('each row has a Kconfig symbol of its own', () => {
  const symbols = Object.values(tcpOptions).map(({ symbol }) => symbol)
  assert.is(new Set(symbols).size, symbols.length)
})

test.run()
