import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { sixlowpan } from '../src/index.ts'

const test = suite('sixlowpan')

test('it is composed with its settings, and with the defaults', async () => {
  const env = virtual()
  assert.is(compose(env, sixlowpan()).sixlowpan.size, 1)
  assert.is(compose(env, sixlowpan({ size: 2 })).sixlowpan.size, 2)
  assert.is(env.armed, 0)
})

test.run()
