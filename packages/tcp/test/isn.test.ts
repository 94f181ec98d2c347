import { virtual } from '@favonius/clock'
import type { Address } from '@favonius/contract'
import { address } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { InitialSequence } from '../src/isn.ts'

const test = suite('tcp: initial sequence numbers')

const here = address('2001:db8::1')
const there = address('2001:db8::2')

test('RFC 6528 §3: for one four-tuple they go up by one in 4 µs, and come round', () => {
  const isn = new InitialSequence(virtual().random)
  const first = isn.next(here, 1024, there, 80, 0)
  assert.is(first, first | 0)
  assert.is((isn.next(here, 1024, there, 80, 0.004) - first) | 0, 1)
  assert.is((isn.next(here, 1024, there, 80, 1000) - first) | 0, 250_000)
  // 2³² × 4 µs are 4.77 hours.
  assert.is(isn.next(here, 1024, there, 80, 2 ** 32 / 250), first)
  // A stack that has been up for years.
  assert.is((isn.next(here, 1024, there, 80, 3e11 + 1) - isn.next(here, 1024, there, 80, 3e11)) | 0, 250)
})

test('each part of the four-tuple and of the secret changes them, and the offset of timestamps', () => {
  const isn = new InitialSequence(virtual({ seed: 1 }).random)
  const other = new InitialSequence(virtual({ seed: 2 }).random)
  const tuples: readonly (readonly [Address, number, Address, number])[] = [
    [here, 1024, there, 80], [there, 1024, here, 80], [here, 80, there, 1024], [here, 1025, there, 80], [here, 1024, there, 81],
    [address('192.0.2.1'), 1024, address('192.0.2.2'), 80], [address('192.0.2.1'), 1024, address('192.0.2.3'), 80],
  ]
  const seen = new Set<number>()
  for (const tuple of tuples) {
    for (const sequence of [isn, other]) {
      seen.add(sequence.next(...tuple, 0))
      const offset = sequence.timestampOffset
      sequence.next(...tuple, 1)
      assert.is(offset, sequence.timestampOffset)
      seen.add(offset)
    }
  }
  assert.is(seen.size, 4 * tuples.length)
})

test('RFC 7323 §5.4: a four-tuple has its numbers again, whoever else was connected to meanwhile', () => {
  const isn = new InitialSequence(virtual().random)
  const first = isn.next(here, 1024, there, 80, 0)
  const offset = isn.timestampOffset
  isn.next(here, 1024, address('192.0.2.2'), 80, 0)
  assert.is(isn.next(address('2001:db8::1'), 1024, address('2001:db8::2'), 80, 0), first)
  assert.is(isn.timestampOffset, offset)
})

test.run()
