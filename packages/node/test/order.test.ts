/** What a socket tells when its stream tells two things at once: net.Socket's order, whatever the turn of the event loop. */

import type { Stream, StreamNet, StreamSink } from '@favonius/contract'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { nodeNet } from '../src/net/index.ts'

const test = suite('node: net, order of events')

test('our own end is told before that of a peer who answers it in the same turn', async () => {
  const there = { address: '192.0.2.2', port: 80 }
  let sink!: StreamSink
  const stream: Stream = {
    local: { address: '192.0.2.1', port: 50_000 }, remote: there, write: (chunk) => chunk.length, pause() {}, resume() {}, configure() {}, close() {}, abort() {},
    end: () => sink.ended?.(),
  }
  const streams: StreamNet = {
    connect: (_to, given) => {
      sink = given
      return Promise.resolve(stream)
    },
    listen: () => Promise.reject(new Error('nobody listens here')),
  }
  const told: string[] = []
  const socket = nodeNet({ streams }).connect({ port: 80, host: there.address, allowHalfOpen: true })
  for (const event of ['finish', 'end'] as const) socket.on(event, () => told.push(event))
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.resume().end('that is all')
  await new Promise<void>((resolve) => socket.once('close', () => resolve()).once('end', () => setImmediate(() => setImmediate(resolve))))
  assert.equal(told, ['finish', 'end'])
  socket.destroy()
})

test.run()
