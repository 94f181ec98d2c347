import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { TokenBucket } from '../src/index.ts'

const test = suite('token bucket')

test('RFC 4443 §2.4 (f): a burst, and then the average rate', () => {
  const env = virtual()
  const bucket = new TokenBucket(env.clock, 10, 5)
  const taken = (): number => {
    let n = 0
    while (bucket.take()) n++
    return n
  }
  assert.is(taken(), 5)
  env.advance(99)
  assert.is(taken(), 0)
  env.advance(1)
  assert.is(taken(), 1)
  env.advance(60_000)
  assert.is(taken(), 5, 'never more than the burst')
})

test('a rate of 0 gives nothing', () => {
  const env = virtual()
  const bucket = new TokenBucket(env.clock, 0, 5)
  env.advance(10_000)
  assert.not(bucket.take())
})

test.run()
