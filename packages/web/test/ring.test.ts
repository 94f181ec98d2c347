/** A ring alone, and ports over it. */

import { MessageChannel } from 'node:worker_threads'
import { suite, thrownCode } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Port } from '../src/worker/index.ts'
import { sharedPort } from '../src/worker/index.ts'
import { Ring, RING } from '../src/worker/ring.ts'

const test = suite('web: a ring in shared memory')

const turn = (): Promise<void> => new Promise((soon) => setImmediate(soon))
const pair = () => {
  const memory = new SharedArrayBuffer(RING)
  return { memory, writer: new Ring(memory, 0), reader: new Ring(memory, 0) }
}
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)

test('what is written is read, in order and whole, around the end of the memory and of the counters', () => {
  const sizes = fc.array(fc.record({ head: fc.nat(300), body: fc.nat(70_000), reads: fc.boolean() }), { maxLength: 60 })
  fc.assert(fc.property(sizes, fc.constantFrom(0, 0x7fff_fff0, -20), (steps, begin) => {
    const { memory, writer, reader } = pair()
    new Int32Array(memory).set([begin, begin])
    const waiting: [number, number, number][] = []
    const check = (): void => {
      const message = reader.read()
      const [head, body, value] = waiting.shift()!
      assert.ok(message !== undefined && message !== 'broken')
      assert.equal([message.head, message.body], [filled(head, value), filled(body, value)])
    }
    for (const [i, { head, body, reads }] of steps.entries()) {
      const value = i & 255
      while (!writer.write(filled(head, value), filled(body, value))) check()
      waiting.push([head, body, value])
      if (reads) check()
    }
    while (waiting.length > 0) check()
    assert.is(reader.read(), undefined)
  }), { seed: 4, numRuns: 40 })
})

test('each side is rung for once: a reader that sleeps, a writer without room', () => {
  const { writer, reader } = pair()
  assert.ok(writer.write(filled(2, 1), filled(0, 1)))
  assert.equal([writer.wakesReader(), writer.wakesReader()], [true, false])
  assert.is.not(reader.read(), undefined)
  assert.is(reader.hasMadeRoom(), false)
  // It writes while the reader lies down.
  writer.write(filled(1, 1), filled(1, 1))
  assert.is(reader.sleep(), false)
  assert.is.not(reader.read(), undefined)
  assert.is(reader.sleep(), true)
  assert.is(writer.wakesReader(), true)
  let fits = 0
  while (writer.write(filled(0, 1), filled(65_000, 1))) fits++
  assert.is(fits, 4)
  assert.is.not(reader.read(), undefined)
  assert.equal([reader.hasMadeRoom(), reader.hasMadeRoom()], [true, false])
  assert.ok(writer.write(filled(0, 1), filled(65_000, 1)))
  assert.is(thrownCode(() => writer.write(filled(0, 0), filled(300_000, 0))), 'EMSGSIZE')
})

test('what a thread writes there that is no message is passed over, and counted once', async () => {
  const { port1, port2 } = new MessageChannel()
  const memory = new SharedArrayBuffer(2 * RING)
  const heard: unknown[] = []
  const port = sharedPort(port1 as unknown as Port, memory, 0)
  port.addEventListener('message', ({ data }: { data: unknown }) => heard.push(data))
  port.start?.()
  const evil = new Ring(memory, RING)
  const ring = async (): Promise<void> => {
    port2.postMessage(0)
    for (let n = 0; n < 10; n++) await turn()
  }
  evil.write(new TextEncoder().encode('no JSON'), filled(3, 0))
  await ring()
  evil.write(new TextEncoder().encode('7'), filled(0, 0))
  port2.on('message', (again) => { if (again === 1) port2.postMessage(0) })
  await ring()
  // A length that leads out of what was written.
  const view = new DataView(memory, RING)
  const written = view.getInt32(0, true)
  view.setUint32(16 + written, 1_000_000, true)
  view.setInt32(0, written + 100, true)
  await ring()
  evil.write(new TextEncoder().encode('{"op":"end","id":2}'), filled(0, 0))
  await ring()
  assert.equal(heard, [undefined, 7, undefined, { op: 'end', id: 2, bytes: filled(0, 0) }])
  port2.close()
})

test('without memory it is the port itself', () => {
  const { port1, port2 } = new MessageChannel()
  assert.is(sharedPort(port1 as unknown as Port, undefined, 0), port1)
  port1.close()
  port2.close()
})

test.run()
