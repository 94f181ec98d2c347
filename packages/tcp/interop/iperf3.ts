/**
 * As much of iperf3's protocol as a test of one stream takes, for either role over a stack of ours. A control connection begins with a cookie;
 * the server says by one byte what comes next; parameters and results are JSON behind four bytes of length; a stream begins with the cookie.
 */

import { deferred, sleep, system } from '@favonius/clock'
import type { TcpConnection, TcpSink } from '@favonius/contract'
import { address } from '@favonius/inet'
import * as assert from 'uvu/assert'
import { LINUX, listen, type World } from './world.ts'

export const PORT = 5201
/** 36 characters and a zero. */
const COOKIE = 37
const CHUNK = new Uint8Array(65_536)
/** What the single bytes on the control connection mean. */
const state = {
  testStart: 1, testRunning: 2, testEnd: 4, paramExchange: 9, createStreams: 10, exchangeResults: 13, displayResults: 14, iperfDone: 16,
} as const

/** Bytes of the stream, as either end has counted them. */
export interface Outcome {
  readonly ours: number
  readonly theirs: number
}

/** One connection: read by as many bytes as are asked for, and then, if it is the stream, counted or filled. */
class Line {
  readonly connection: TcpConnection
  readonly established = deferred<void>(system)
  /** Bytes that were counted, or written. */
  bytes = 0
  #flow: 'none' | 'in' | 'out' = 'none'
  #held = Buffer.alloc(0)
  #arrived = deferred<void>(system)
  #over: Error | undefined

  constructor(open: (sink: TcpSink) => TcpConnection) {
    this.connection = open({
      established: () => this.established.resolve(),
      readable: () => this.#drain(),
      writable: () => this.#fill(),
      ended: () => this.connection.end(),
      closed: (error) => {
        this.#over = error ?? new Error('the connection ended')
        this.#arrived.resolve()
        this.established.resolve()
      },
    })
    this.#drain()
  }

  async read(size: number): Promise<Buffer> {
    while (this.#held.length < size) {
      if (this.#over !== undefined) throw this.#over
      this.#arrived = deferred<void>(system)
      await this.#arrived.promise
    }
    const read = this.#held.subarray(0, size)
    this.#held = this.#held.subarray(size)
    return read
  }

  async expect(byte: number): Promise<void> {
    assert.is((await this.read(1))[0], byte)
  }

  say(...bytes: readonly number[]): void {
    this.connection.write(Uint8Array.from(bytes))
  }

  async readJson(): Promise<unknown> {
    return JSON.parse(String(await this.read((await this.read(4)).readUInt32BE())))
  }

  writeJson(value: unknown): void {
    const text = Buffer.from(JSON.stringify(value))
    const size = Buffer.alloc(4)
    size.writeUInt32BE(text.length)
    this.connection.write(Buffer.concat([size, text]))
  }

  /** From here on all that comes is counted, or as much is written as there is room for. */
  flow(way: 'in' | 'out'): void {
    this.#flow = way
    this.#drain()
    this.#fill()
  }

  /** Writes no more. */
  hold(): void {
    this.#flow = 'none'
  }

  #drain(): void {
    // It is told of before it is known.
    if (this.connection === undefined) return
    for (let packet = this.connection.take(); packet !== undefined; packet = this.connection.take()) {
      const size = packet.total()
      if (this.#flow === 'in') this.bytes += size
      else {
        const grown = Buffer.alloc(this.#held.length + size)
        grown.set(this.#held)
        packet.copyTo(grown.subarray(this.#held.length))
        this.#held = grown
      }
      packet.unref()
    }
    this.#arrived.resolve()
  }

  #fill(): void {
    if (this.#flow !== 'out') return
    for (let taken = CHUNK.length; taken === CHUNK.length;) this.bytes += taken = this.connection.write(CHUNK)
  }
}

/** What either side says of its end of the one stream; iperf3 refuses what lacks a field. */
const results = (bytes: number, seconds: number) => ({
  cpu_util_total: 0, cpu_util_user: 0, cpu_util_system: 0, sender_has_retransmits: 0,
  streams: [{ id: 1, bytes, retransmits: -1, jitter: 0, errors: 0, packets: 0, start_time: 0, end_time: seconds }],
})
const bytesIn = (theirs: unknown): number => (theirs as ReturnType<typeof results>).streams[0]!.bytes

/** A server for one test. `ready` at once: it listens when this returns. */
export function serveIperf3(w: World): Promise<Outcome> {
  const lines: Line[] = []
  let more = deferred<void>(system)
  const listener = listen(w, PORT, 2, (connection) => {
    let sink: TcpSink | undefined
    lines.push(new Line((made) => { sink = made; return connection }))
    more.resolve()
    return sink!
  })
  const accept = async (n: number): Promise<Line> => {
    while (lines.length <= n) {
      more = deferred<void>(system)
      await more.promise
    }
    return lines[n]!
  }
  return (async () => {
    const control = await accept(0)
    const cookie = await control.read(COOKIE)
    control.say(state.paramExchange)
    const parameters = await control.readJson() as { readonly tcp: boolean, readonly parallel: number, readonly time: number, readonly reverse?: boolean }
    assert.equal([parameters.tcp, parameters.parallel], [true, 1])
    control.say(state.createStreams)
    const data = await accept(1)
    assert.equal(await data.read(COOKIE), cookie)
    control.say(state.testStart, state.testRunning)
    data.flow(parameters.reverse ? 'out' : 'in')
    await control.expect(state.testEnd)
    data.hold()
    // Its client waits for the rest of a block, unless the stream ends.
    data.connection.end()
    control.say(state.exchangeResults)
    const theirs = bytesIn(await control.readJson())
    const ours = data.bytes
    control.writeJson(results(ours, parameters.time))
    control.say(state.displayResults)
    await control.expect(state.iperfDone)
    for (const { connection } of lines) connection.close()
    listener.close()
    return { ours, theirs }
  })()
}

/** A client for one test of `seconds`. */
export async function runIperf3({ stack }: World, family: 4 | 6, seconds: number, reverse: boolean): Promise<Outcome> {
  const connect = async (): Promise<Line> => {
    const line = new Line((sink) => stack.tcp.connect(address(LINUX[family]), PORT, sink))
    await line.established.promise
    line.connection.write(cookie)
    return line
  }
  const cookie = Buffer.from(`${'favonius'.repeat(4)}test\0`)
  const control = await connect()
  await control.expect(state.paramExchange)
  control.writeJson({ tcp: true, omit: 0, time: seconds, num: 0, blockcount: 0, parallel: 1, len: 131_072, pacing_timer: 1000, client_version: '3.12', ...(reverse && { reverse }) })
  await control.expect(state.createStreams)
  const data = await connect()
  await control.expect(state.testStart)
  await control.expect(state.testRunning)
  data.flow(reverse ? 'in' : 'out')
  await sleep(system, seconds * 1000)
  data.hold()
  control.say(state.testEnd)
  await control.expect(state.exchangeResults)
  const ours = data.bytes
  control.writeJson(results(ours, seconds))
  const theirs = bytesIn(await control.readJson())
  await control.expect(state.displayResults)
  control.say(state.iperfDone)
  for (const { connection } of [data, control]) connection.close()
  return { ours, theirs }
}
