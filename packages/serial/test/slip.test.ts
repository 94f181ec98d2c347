import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { SlipReader, slipRoom, writeSlip } from '../src/slip.ts'

const test = suite('serial: SLIP')

/** What comes of bytes: messages as arrays, and reasons. */
function read(bytes: Uint8Array, most = 300, piece = bytes.length || 1): (number[] | string)[] {
  const out: (number[] | string)[] = []
  const reader = new SlipReader(most)
  const sink = { message: (length: number) => void out.push([...reader.bytes.subarray(0, length)]), lost: (reason: string) => void out.push(reason) }
  for (let at = 0; at < bytes.length; at += piece) reader.take(bytes.subarray(at, at + piece), sink)
  return out
}

const written = (message: Uint8Array): Uint8Array => {
  const into = new Uint8Array(slipRoom(message.length))
  return into.subarray(0, writeSlip(message, message.length, into))
}

test('what means something is escaped', () => {
  assert.equal([...written(Uint8Array.of(1, 0xc0, 0xdb, 0xdc))], [0xc0, 1, 0xdb, 0xdc, 0xdb, 0xdd, 0xdc, 0xc0])
})

test('what is written is read again, however it is cut', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), (messages, piece) => {
    const stream = Uint8Array.from(messages.flatMap((message) => [...written(message)]))
    assert.equal(read(stream, 300, piece), messages.map((message) => [...message]))
  }))
})

test('what is no message is skipped, and told of once; the next one is read', () => {
  assert.equal(read(Uint8Array.of(1, 0xdb, 5, 6, 0xdb, 7, 0xc0, 9, 0xc0)), ['slip: an escape of nothing', [9]])
  assert.equal(read(Uint8Array.of(1, 0xdb, 0xc0, 9, 0xc0)), ['slip: it ends with an escape', [9]])
  assert.equal(read(Uint8Array.of(1, 2, 3, 4, 5, 0xc0, 9, 0xc0), 3), ['slip: too long', [9]])
  assert.equal(read(Uint8Array.of(0xc0, 0xc0, 0xc0)), [])
})

test('no bytes make it throw, or give a message that is empty or too long', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom(0xc0, 0xdb, 0xdc, 0xdd), fc.nat(255)), { maxLength: 400 }), (bytes) => {
    for (const one of read(Uint8Array.from(bytes), 20)) if (typeof one !== 'string') assert.ok(one.length > 0 && one.length <= 20)
  }), { numRuns: 2000 })
})

test.run()
