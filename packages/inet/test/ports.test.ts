import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { dynamicPort } from '../src/index.ts'

const test = suite('inet: dynamic ports')
const random = (value: number) => ({ uint32: () => value, fill() {} }) as unknown as Parameters<typeof dynamicPort>[0]

test('RFC 6335 §6, RFC 6056 §3.3.1: a random one of them, or the next free one, round the end', () => {
  assert.is(dynamicPort(random(0), () => true), 49_152)
  assert.is(dynamicPort(random(16_383), () => true), 65_535)
  assert.is(dynamicPort(random(16_384), () => true), 49_152)
  assert.is(dynamicPort(random(16_383), (port) => port !== 65_535), 49_152)
})

test('undefined when none is free, after each was asked for once', () => {
  const asked = new Set<number>()
  assert.is(dynamicPort(random(4711), (port) => { asked.add(port); return false }), undefined)
  assert.is(asked.size, 65_536 - 49_152)
})

test.run()
