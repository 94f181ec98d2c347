/** Sockets of a stack at the other end of a message port, as one in a worker is. */

import { MessageChannel } from 'node:worker_threads'
import { system } from '@favonius/clock'
import type { DatagramNet, DatagramSink, Stream } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { Arena, netbufIn } from '@favonius/netbuf'
import { EthernetSegment } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import { codeOf, datagramConformance, streamConformance, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import * as assert from 'uvu/assert'
import { serveStack, sharedMemory, sharedPort, stackOver, type Port } from '../src/worker/index.ts'

const turn = (): Promise<void> => new Promise((soon) => setImmediate(soon))

/** Two stacks on a wire, each behind a port; with memory that is shared, or without. */
async function world(memory: () => SharedArrayBuffer | undefined = () => undefined) {
  const wire = new EthernetSegment(system)
  const ends = await Promise.all([1, 2].map(async (n) => {
    const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv4(), udp(), tcp({ timeWaitDelay: 0 }), sockets())
    const eth0 = stack.netif.add(wire.device(), { name: 'eth0' })
    stack.ipv4.addAddress(eth0, `192.0.2.${n}/24`)
    await eth0.up()
    const { port1, port2 } = new MessageChannel()
    const shared = memory()
    const served = serveStack(sharedPort(port1 as unknown as Port, shared, 0), { streams: stack.sockets, datagrams: stack.sockets })
    return { stack, remote: stackOver(sharedPort(port2 as unknown as Port, shared, 1)), served, port1 }
  }))
  const [a, b] = ends as [(typeof ends)[0], (typeof ends)[0]]
  return {
    ends,
    a: a.remote, b: b.remote, addressA: '192.0.2.1', addressB: '192.0.2.2', foreign: '203.0.113.9',
    async until(done: () => boolean): Promise<void> {
      for (const end = performance.now() + 10_000; !done(); await turn()) if (performance.now() > end) throw new Error('nothing came')
    },
    /** Longer than the first probe of a window that is nearly shut waits. */
    async settle(): Promise<void> {
      for (const end = performance.now() + 700; performance.now() < end;) await turn()
    },
    run: (body: () => Promise<void>) => body(),
    async stop(): Promise<void> {
      for (const { stack, port1 } of ends) {
        port1.close()
        await stack.stop()
      }
      wire.stop()
      for (const { stack, remote, served } of ends) {
        assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
        assert.is(remote.refused + served.refused, 0)
      }
    },
  }
}

for (const [name, memory] of [['a port', () => undefined], ['shared memory', sharedMemory]] as const) {
  streamConformance(`a stack behind ${name}`, async () => {
    const { a, b, ...rest } = await world(memory)
    return { ...rest, a: a.streams, b: b.streams }
  })

  datagramConformance(`a stack behind ${name}`, async () => {
    const { a, b, ...rest } = await world(memory)
    return { ...rest, a: a.datagrams, b: b.datagrams, group: { address: '239.1.2.3', iface: 'eth0' } }
  })
}

const test = suite('web: a stack in a worker')

test('a worker that is gone ends all that is open, and all that waits, with a code', async () => {
  const w = await world()
  const told: string[] = []
  const listener = await w.b.streams.listen({ port: 80 }, () => ({ receive() {}, closed() {} }))
  const stream = await w.a.streams.connect({ address: w.addressB, port: listener.local.port }, { receive() {}, closed: (error) => told.push(`stream ${(error as { code?: string }).code}`) })
  await w.a.datagrams.open({}, { receive() {}, error: ({ code }) => told.push(`datagrams ${code}`) })
  const waiting = codeOf(w.a.streams.connect({ address: w.foreign, port: 1 }, { receive() {}, closed() {} }))
  w.a.lost()
  assert.equal(told.sort(), ['datagrams ECONNABORTED', 'stream ECONNABORTED'])
  assert.is(await waiting, 'ECONNABORTED')
  assert.is(stream.write(new Uint8Array(1)), 0)
  assert.is(await codeOf(w.a.streams.listen({}, () => ({ receive() {}, closed() {} }))), 'ECONNABORTED')
  await w.stop()
})

test('whatever comes by a port is passed over when it makes no sense, and counted', async () => {
  const { port1, port2 } = new MessageChannel()
  const nothing = { connect: () => Promise.reject(new Error('no')), listen: () => Promise.reject(new Error('no')), open: () => Promise.reject(new Error('no')) }
  const served = serveStack(port1 as unknown as Port, { streams: nothing, datagrams: nothing })
  const strange = [undefined, null, 7, 'connect', {}, { op: 'connect' }, { op: 7, id: 1 }, { op: 'nonsense', id: 1 }, { op: 'write', id: 2, bytes: 'text' }, { op: 'took', id: 2, bytes: 'many' }, { op: 'send', id: 2 }]
  for (const message of strange) port2.postMessage(message)
  for (let n = 0; n < 20; n++) await turn()
  assert.is(served.refused, strange.length)
  port2.close()
  const other = new MessageChannel()
  const remote = stackOver(other.port1 as unknown as Port)
  for (const message of [null, { op: 'connected', id: 4 }, { op: 'nonsense', id: 2 }, { op: 'failed', id: 9 }]) other.port2.postMessage(message)
  for (let n = 0; n < 20; n++) await turn()
  assert.is(remote.refused, 4)
  other.port2.close()
})

test('what was written before leaving arrives, however long the peer does not read', async () => {
  const w = await world()
  let read = 0
  let ended = false
  let served: Stream | undefined
  const listener = await w.b.streams.listen({}, (stream) => {
    served = stream
    stream.pause()
    return {
      receive: (chunk) => { read += chunk.length },
      ended: () => { ended = true },
      closed() {},
    }
  })
  let room = (): void => {}
  const stream = await w.a.streams.connect({ address: w.addressB, port: listener.local.port }, { receive() {}, drained: () => room(), closed() {} })
  let written = 0
  // Until both stacks and both ports are full.
  for (let full = false; !full;) {
    const taken = stream.write(new Uint8Array(65_536))
    written += taken
    if (taken < 65_536) full = !await Promise.race([new Promise<boolean>((more) => { room = () => more(true) }), w.settle().then(() => false)])
  }
  stream.close()
  await w.settle()
  assert.is(read, 0)
  served!.resume()
  await w.until(() => ended)
  assert.is(read, written)
  served!.close()
  listener.close()
  await w.stop()
})

test('datagrams that an application does not read are dropped behind a limit, and counted', async () => {
  const { port1, port2 } = new MessageChannel()
  let sink: DatagramSink | undefined
  const datagrams: DatagramNet = {
    open: async (_local, to) => {
      sink = to
      return { local: { address: '::', port: 5 }, send: () => true, join() {}, leave() {}, close() {} }
    },
  }
  const streams = { connect: () => Promise.reject(new Error('no')), listen: () => Promise.reject(new Error('no')) }
  const served = serveStack(port1 as unknown as Port, { streams, datagrams })
  const heard: number[] = []
  port2.on('message', ({ op, bytes }: { op: string; bytes: Uint8Array }) => { if (op === 'datagram') heard.push(bytes.length) })
  port2.postMessage({ op: 'open', id: 2, local: {}, options: {} })
  while (sink === undefined) await turn()
  const come = (count: number): void => {
    for (let n = 0; n < count; n++) sink!.receive(new Uint8Array(896), { address: '2001:db8::1', port: 1 }, { local: '2001:db8::2', iface: 'eth0', multicast: false, hopLimit: 64 })
  }
  come(1000)
  while (heard.length < 256) await turn()
  assert.is(served.dropped, 1000 - 256)
  for (const bytes of heard.splice(0)) port2.postMessage({ op: 'took', id: 2, bytes })
  for (let n = 0; n < 20; n++) await turn()
  come(256)
  while (heard.length < 256) await turn()
  assert.is(served.dropped, 1000 - 256)
  port2.close()
})

test.run()
