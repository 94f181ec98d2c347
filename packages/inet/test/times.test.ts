/** Instants at random, and the first of them. */

import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { between, earliest } from '../src/index.ts'

const test = suite('inet: times')

const drawing = (value: number) => ({ uint32: () => value, fill: (into: Uint8Array) => into })

test('a number at random begins with the least, and stays below the most', () => {
  assert.is(between(drawing(0), 1000, 2000), 1000)
  assert.is(between(drawing(0x8000_0000), 1000, 2000), 1500)
  const last = between(drawing(0xffff_ffff), 1000, 2000)
  assert.ok(last < 2000 && last > 1999.999)
  assert.is(between(drawing(0x8000_0000), -1, 1), 0)
})

test('the first that is due; none where there is none, and where none ever will be', () => {
  assert.is(earliest([{ due: 7 }, { due: 3 }, { due: Infinity }]), 3)
  assert.is(earliest(new Map([[1, { due: 0 }]]).values()), 0)
  assert.is(earliest([]), undefined)
  assert.is(earliest([{ due: Infinity }]), undefined)
})

test.run()
