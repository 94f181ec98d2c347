/** What each face of a stream costs: bulk and round trips by TCP itself, the seam, BSD's sockets and Web Streams, and the seam over node:net beside them. */

import { system } from '@favonius/clock'
import type { StreamNet, TcpConnection } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { nodeStreams } from '@favonius/node'
import { EthernetSegment } from '@favonius/sim'
import { sockets, type BsdStreamSocket, type Socket } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import { figure, smoke } from './measure.ts'

const ROUND = smoke ? 50 : 500
const ROUNDS = smoke ? 1 : 5
const CHUNK = new Uint8Array(65_536).fill(0x5a)
const BYTE = new Uint8Array(1)
const B = '2001:db8::2'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const wire = new EthernetSegment(system)
const host = async (number: 1 | 2) => {
  const stack = compose(system, ethernet(), ipv6(), tcp(), sockets())
  const eth0 = stack.netif.add(wire.device())
  stack.ipv6.addAddress(eth0, `2001:db8::${number}/64`)
  await eth0.up()
  return stack
}
const [a, b] = await Promise.all([host(1), host(2)])

/** Sends for `ms`, and answers how many bytes were received; or exchanges one byte, and answers how often. */
interface Face {
  readonly name: string
  bulk(ms: number): Promise<number>
  roundTrips(ms: number): Promise<number>
}

const until = async (ms: number): Promise<void> => {
  const began = performance.now()
  while (performance.now() - began < ms) await turn()
}

const raw: Face = {
  name: 'tcp',
  bulk: (ms) => directly(ms, (connection, count) => {
    for (let packet = connection.take(); packet !== undefined; packet = connection.take()) {
      count(packet.length)
      packet.unref()
    }
  }, (connection) => { while (connection.write(CHUNK) === CHUNK.length); }),
  roundTrips: (ms) => directly(ms, (connection, count) => {
    connection.take()!.unref()
    count(1)
    connection.write(BYTE)
  }, (connection) => void connection.write(BYTE)),
}

async function directly(ms: number, receive: (connection: TcpConnection, count: (n: number) => void) => void, begin: (connection: TcpConnection) => void): Promise<number> {
  let total = 0
  let on = true
  const count = (n: number): void => { total += n }
  const listener = b.tcp.listen({ address: address('::'), port: 0, v6only: false, iface: undefined, backlog: 8 }, () => {
    const accepted = listener.accept()!
    accepted.noDelay = true
    accepted.sink = { readable: () => receive(accepted, count), writable() {}, ended() {}, closed() {} }
  })
  const connection: TcpConnection = a.tcp.connect(address(B), listener.port, {
    established: () => begin(connection), readable: () => { if (on) receive(connection, () => {}) }, writable: () => { if (on) begin(connection) }, ended() {}, closed() {},
  }, { noDelay: true })
  await until(ms)
  on = false
  connection.abort()
  listener.close()
  await until(5)
  return total
}

const seam = (name: string, near: StreamNet, far: StreamNet, host: string): Face => ({
  name,
  async bulk(ms) {
    let total = 0
    let on = true
    const listener = await far.listen({ address: host }, () => ({ receive: (chunk) => { total += chunk.length }, closed() {} }))
    const fill = (): void => { while (on && stream.write(CHUNK) === CHUNK.length); }
    const stream = await near.connect(listener.local, { receive() {}, drained: fill, closed() {} })
    fill()
    await until(ms)
    on = false
    stream.abort()
    listener.close()
    await until(5)
    return total
  },
  async roundTrips(ms) {
    let total = 0
    const listener = await far.listen({ address: host }, (stream) => ({ receive: (chunk) => void stream.write(chunk), closed() {} }))
    const stream = await near.connect(listener.local, { receive: (chunk) => { total++; stream.write(chunk) }, closed() {} })
    stream.write(BYTE)
    await until(ms)
    stream.abort()
    listener.close()
    await until(5)
    return total
  },
})

const bsd: Face = {
  name: 'BSD socket',
  bulk: (ms) => paired(ms, async (client) => {
    for (;;) await client.send(CHUNK)
  }, async (server, count) => {
    for (;;) count((await server.recv()).length)
  }),
  roundTrips: (ms) => paired(ms, async (client) => {
    for (;;) {
      await client.send(BYTE)
      await client.recv()
    }
  }, async (server, count) => {
    for (;;) {
      await server.send(await server.recv())
      count(1)
    }
  }),
}

async function paired(ms: number, send: (client: BsdStreamSocket) => Promise<void>, receive: (server: BsdStreamSocket, count: (n: number) => void) => Promise<void>): Promise<number> {
  let total = 0
  const listener = b.sockets.socket('inet6', 'stream')
  await listener.listen()
  const client = a.sockets.socket('inet6', 'stream')
  client.setsockopt('TCP_NODELAY', true)
  listener.setsockopt('TCP_NODELAY', true)
  const [server] = await Promise.all([listener.accept(), client.connect({ address: B, port: listener.getsockname().port })])
  const over = [send(client), receive(server, (n) => { total += n })].map((running) => running.catch(() => {}))
  await until(ms)
  client.setsockopt('SO_LINGER', 0)
  for (const socket of [client, server, listener]) socket.close()
  await Promise.all(over)
  await until(5)
  return total
}

const web: Face = {
  name: 'Web Streams',
  async bulk(ms) {
    return piped(ms, async (client) => {
      const writer = client.writable.getWriter()
      for (;;) await writer.write(CHUNK)
    }, async (server, count) => {
      for await (const chunk of server.readable as unknown as AsyncIterable<Uint8Array>) count(chunk.length)
    })
  },
  async roundTrips(ms) {
    return piped(ms, async (client) => {
      const writer = client.writable.getWriter()
      const reader = client.readable.getReader()
      for (;;) {
        await writer.write(BYTE)
        await reader.read()
      }
    }, async (server, count) => {
      const writer = server.writable.getWriter()
      for await (const chunk of server.readable as unknown as AsyncIterable<Uint8Array<ArrayBuffer>>) {
        count(1)
        await writer.write(chunk)
      }
    })
  },
}

async function piped(ms: number, send: (client: Socket) => Promise<void>, receive: (server: Socket, count: (n: number) => void) => Promise<void>): Promise<number> {
  let total = 0
  const listener = await b.sockets.listen()
  const served = (async () => { for await (const socket of listener) return receive(socket, (n) => { total += n }).catch(() => {}) })()
  const client = a.sockets.connect({ address: B, port: listener.local.port })
  const sent = send(client).catch(() => {})
  await until(ms)
  await client.close().catch(() => {})
  listener.close()
  await Promise.all([sent, served])
  await until(5)
  return total
}

const faces = [raw, seam('the seam', a.sockets, b.sockets, B), bsd, web, seam('the seam over node:net', nodeStreams(), nodeStreams(), '::1')]
for (const [what, unit, scale] of [['bulk', 'Gbit/s', 8e-9], ['roundTrips', 'round trips/s', 1]] as const) {
  const rates = faces.map((): number[] => [])
  for (const face of faces) await face[what](ROUND / 4)
  for (let round = 0; round < ROUNDS; round++) for (const [i, face] of faces.entries()) rates[i]!.push(await face[what](ROUND) / ROUND * 1000)
  for (const [i, { name }] of faces.entries()) figure({ name: `${name}, ${what}`, value: median(rates[i]!) * scale, unit, note: `of ${ROUNDS} rounds; ${(median(rates[i]!) / median(rates[0]!)).toFixed(2)} of tcp's` })
}
await a.stop()
await b.stop()
wire.stop()
