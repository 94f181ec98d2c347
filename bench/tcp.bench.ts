/** TCP between two composed stacks on a wire in memory, beside node:net over the kernel's loopback: bulk, round trips, connections. */

import net from 'node:net'
import { system } from '@favonius/clock'
import type { Tcp, TcpConnection, TcpListener, TcpSink } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { EthernetSegment } from '@favonius/sim'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import { figure, smoke } from './measure.ts'

const ROUND = smoke ? 50 : 1000
const ROUNDS = smoke ? 1 : 5
const CHUNK = 65_536

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
const idle: TcpSink = { readable() {}, writable() {}, ended() {}, closed() {} }

/** What is measured: each answers with a figure a second, over about `ms`. */
interface Contender {
  readonly name: string
  /** Bits. */
  bulk(ms: number): Promise<number>
  /** One byte there and back. */
  roundTrips(ms: number): Promise<number>
  /** Opened and closed again. */
  connections(ms: number): Promise<number>
  close(): Promise<void>
}

async function ours(version: 4 | 6, mtu = 1500): Promise<Contender> {
  const wire = new EthernetSegment(system, { mtu })
  const stacks = await Promise.all([1, 2].map(async (host) => {
    const stack = compose(system, ethernet(), ipv4(), ipv6(), tcp({ timeWaitDelay: 1500, maxTimeWait: 1000 }))
    const eth0 = stack.netif.add(wire.device())
    stack.ipv4.addAddress(eth0, `192.0.2.${host}/24`)
    stack.ipv6.addAddress(eth0, `2001:db8::${host}/64`)
    await eth0.up()
    return stack
  }))
  const [a, b] = stacks as [(typeof stacks)[0], (typeof stacks)[0]]
  const to = address(version === 6 ? '2001:db8::2' : '192.0.2.2')
  let port = 5000
  /** Listens on a port of its own; every connection is given to `serve`. */
  const listen = (stack: { readonly tcp: Tcp }, serve: (connection: TcpConnection) => TcpSink): TcpListener => {
    const listener: TcpListener = stack.tcp.listen({ address: address('::'), port: ++port, v6only: false, iface: undefined, backlog: 128 }, () => {
      for (let connection = listener.accept(); connection !== undefined; connection = listener.accept()) {
        connection.sink = serve(connection)
        connection.sink.readable()
        if (connection.ended) connection.sink.ended()
      }
    })
    return listener
  }
  const drain = (connection: TcpConnection, count: (bytes: number) => void) => (): void => {
    for (let packet = connection.take(); packet !== undefined; packet = connection.take()) {
      count(packet.total())
      packet.unref()
    }
  }
  const connect = (sink: (connection: TcpConnection) => Partial<TcpSink>): Promise<TcpConnection> => new Promise((resolve, reject) => {
    const connection: TcpConnection = a.tcp.connect(to, port, { ...idle, established: () => { Object.assign(connection, { sink: { ...idle, ...sink(connection) } }); resolve(connection) }, closed: reject })
  })
  return {
    name: `favonius, IPv${version}${mtu === 1500 ? '' : `, MTU ${mtu}`}`,
    async bulk(ms) {
      let received = 0
      const listener = listen(b, (connection) => ({ ...idle, readable: drain(connection, (bytes) => { received += bytes }) }))
      const chunk = new Uint8Array(CHUNK).fill(0x5a)
      let on = true
      const fill = (connection: TcpConnection): void => { while (on && connection.write(chunk) === CHUNK); }
      const connection = await connect((made) => ({ writable: () => fill(made) }))
      const began = performance.now()
      fill(connection)
      while (performance.now() - began < ms) await turn()
      const rate = received * 8 / (performance.now() - began) * 1000
      on = false
      connection.abort()
      listener.close()
      for (let i = 0; i < 10; i++) await turn()
      return rate
    },
    async roundTrips(ms) {
      const byte = new Uint8Array(1)
      const into = new Uint8Array(16)
      const listener = listen(b, (connection) => ({ ...idle, readable: () => { if (connection.read(into) > 0) connection.write(byte) } }))
      let count = 0
      const connection = await connect((made) => ({ readable: () => { if (made.read(into) > 0) { count++; made.write(byte) } } }))
      connection.noDelay = true
      const began = performance.now()
      connection.write(byte)
      while (performance.now() - began < ms) await turn()
      const rate = count / (performance.now() - began) * 1000
      connection.abort()
      listener.close()
      for (let i = 0; i < 10; i++) await turn()
      return rate
    },
    async connections(ms) {
      /** A server that ends when the client has. */
      class Server implements TcpSink {
        readonly #connection: TcpConnection
        constructor(connection: TcpConnection) { this.#connection = connection }
        readable(): void {}
        writable(): void {}
        ended(): void { this.#connection.close() }
        closed(): void {}
      }
      const listener = listen(b, (connection) => new Server(connection))
      let count = 0
      const began = performance.now()
      let done = (): void => {}
      const finished = new Promise<void>((resolve) => { done = resolve })
      /** A client that connects and ends, again and again. */
      class Client implements TcpSink {
        #connection!: TcpConnection
        open(): void {
          if (performance.now() - began >= ms) return done()
          this.#connection = a.tcp.connect(to, port, this)
        }
        established(): void { this.#connection.end() }
        readable(): void {}
        writable(): void {}
        ended(): void {}
        closed(error?: Error): void {
          if (error) throw error
          count++
          this.open()
        }
      }
      for (let i = 0; i < 8; i++) new Client().open()
      await finished
      const rate = count / (performance.now() - began) * 1000
      for (let i = 0; i < 100; i++) await turn()
      listener.close()
      return rate
    },
    async close() {
      await a.stop()
      await b.stop()
      wire.stop()
    },
  }
}

function kernel(version: 4 | 6): Contender {
  const host = version === 6 ? '::1' : '127.0.0.1'
  const listening = (serve: (socket: net.Socket) => void): Promise<net.Server> => new Promise((resolve) => {
    const server = net.createServer({ noDelay: true }, serve).listen(0, host, () => resolve(server))
  })
  const port = (server: net.Server): number => (server.address() as net.AddressInfo).port
  return {
    name: `node:net, IPv${version}`,
    async bulk(ms) {
      let received = 0
      const server = await listening((socket) => { socket.on('data', (data) => { received += data.length }).on('error', () => {}) })
      const chunk = Buffer.alloc(CHUNK, 0x5a)
      const socket = net.connect(port(server), host)
      await new Promise((resolve) => socket.once('connect', resolve))
      let on = true
      const fill = (): void => { while (on && socket.write(chunk)); }
      socket.on('drain', fill).on('error', () => {})
      const began = performance.now()
      fill()
      while (performance.now() - began < ms) await turn()
      const rate = received * 8 / (performance.now() - began) * 1000
      on = false
      socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      return rate
    },
    async roundTrips(ms) {
      const server = await listening((socket) => { socket.on('data', (data) => socket.write(data)).on('error', () => {}) })
      const socket = net.connect({ port: port(server), host, noDelay: true })
      await new Promise((resolve) => socket.once('connect', resolve))
      let count = 0
      socket.on('data', (data) => { count++; socket.write(data) }).on('error', () => {})
      const began = performance.now()
      socket.write('x')
      while (performance.now() - began < ms) await turn()
      const rate = count / (performance.now() - began) * 1000
      socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      return rate
    },
    async connections(ms) {
      const server = await listening((socket) => { socket.on('end', () => socket.end()).on('error', () => {}).resume() })
      let count = 0
      const began = performance.now()
      await Promise.all(Array.from({ length: 8 }, async () => {
        while (performance.now() - began < ms) {
          await new Promise<void>((resolve) => {
            const socket: net.Socket = net.connect(port(server), host, () => socket.end())
            socket.on('close', () => { count++; resolve() }).on('error', () => {}).resume()
          })
        }
      }))
      const rate = count / (performance.now() - began) * 1000
      await new Promise((resolve) => server.close(resolve))
      return rate
    },
    async close() {},
  }
}

const contenders = [await ours(6), await ours(4), kernel(6), kernel(4)]
for (const [what, unit, scale] of [['bulk', 'Gbit/s', 1e9], ['roundTrips', 'round trips/s', 1], ['connections', 'connections/s', 1]] as const) {
  const rates = contenders.map((): number[] => [])
  for (const contender of contenders) await contender[what](ROUND / 4)
  for (let round = 0; round < ROUNDS; round++) for (const [i, contender] of contenders.entries()) rates[i]!.push(await contender[what](ROUND))
  for (const [i, { name }] of contenders.entries()) figure({ name: `${name}, ${what}`, value: median(rates[i]!) / scale, unit, note: `of ${ROUNDS} rounds` })
  for (const [mine, theirs, version] of [[0, 2, 6], [1, 3, 4]] as const) {
    figure({ name: `favonius ÷ node:net, IPv${version}, ${what}`, value: median(rates[mine]!) / median(rates[theirs]!), unit: '×' })
  }
}
for (const contender of contenders) await contender.close()
