/** Streams and WebSockets in memory, in virtual time, and what was said over them as people read it. */

import * as assert from 'uvu/assert'
import { virtual, type VirtualEnv } from '@favonius/clock'
import type { Endpoint, Env, Listener, Stream, StreamNet, StreamSink } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { CoapClient, CoapServer, OPTION, type CoapClientOptions, type Settings } from '../src/index.ts'
import { codeName } from '../src/show.ts'
import type { Connections } from '../src/tcp/connections.ts'
import { CoapStreams } from '../src/tcp/index.ts'
import { Deframer } from '../src/tcp/wire.ts'
import { Message } from '../src/wire.ts'
import { CoapWebSockets, SUBPROTOCOL, type WebSocketLike } from '../src/ws/index.ts'
import { readMessage } from '../src/ws/wire.ts'

/** Bytes that are under way in one direction at most. */
const WINDOW = 16_384

/** `PUT 1:3/1/BERT 8192`: kind, number, more and size of block options as RFC 8323 §6.1 has them, and the payload's length. */
export function tell(message: Message): string {
  const blocks = [OPTION.BLOCK2, OPTION.BLOCK1].filter((number) => message.find(number)).map((number) => {
    message.find(number)
    const value = message.valueUint()
    return ` ${number === OPTION.BLOCK1 ? 1 : 2}:${value >>> 4}/${(value >> 3) & 1}/${(value & 7) === 7 ? 'BERT' : 16 << (value & 7)}`
  })
  return `${codeName(message.code)}${blocks.join('')}${message.payload.length > 0 ? ` ${message.payload.length}` : ''}`
}

/** One end of a connection. */
class Half implements Stream {
  readonly local: Endpoint
  readonly remote: Endpoint
  sink!: StreamSink
  other!: Half
  readonly #env: Env
  readonly #log: (message: Message) => void
  readonly #deframer = new Deframer(1 << 24)
  #under = 0
  #short = false
  #paused = false
  #ended = false
  #over = false
  readonly #came: Uint8Array[] = []

  constructor(env: Env, local: Endpoint, remote: Endpoint, log: (message: Message) => void) {
    this.#env = env
    this.local = local
    this.remote = remote
    this.#log = log
  }

  later(body: () => void): void {
    this.#env.clock.timer(body).schedule(this.#env.clock.now() + 10)
  }

  write(chunk: Uint8Array): number {
    assert.not.ok(this.#ended)
    if (this.#over) return 0
    const taken = chunk.slice(0, WINDOW - this.#under)
    this.#under += taken.length
    this.#short = taken.length < chunk.length
    const message = new Message()
    this.#deframer.take(taken, message, () => {
      this.#log(message)
      return true
    })
    if (taken.length > 0) this.later(() => this.other.#come(taken))
    return taken.length
  }

  #come(data: Uint8Array): void {
    if (this.#over) return
    this.#came.push(data)
    this.#read()
  }

  #read(): void {
    while (!this.#paused && !this.#over && this.#came.length > 0) {
      const data = this.#came.shift()!
      this.sink.receive(data)
      this.other.#read1(data.length)
    }
  }

  #read1(length: number): void {
    this.#under -= length
    if (!this.#short || this.#over) return
    this.#short = false
    this.sink.drained?.()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#read()
  }

  configure(): void {}

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.later(() => {
      if (this.other.#over) return
      this.other.sink.ended?.()
      // An end is acknowledged, as it is by TCP: until then the other is here.
      if (this.other.#ended) this.later(() => [this, this.other].forEach((half) => half.#close()))
    })
  }

  #close(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.sink.closed(error)
  }

  close(): void {
    this.#over = true
    this.later(() => this.other.#close(failure('ECONNRESET', 'it was closed')))
  }

  abort(): void {
    this.later(() => {
      this.#close(failure('ECONNABORTED', 'given up'))
      this.other.#close(failure('ECONNRESET', 'it was given up'))
    })
  }
}

/** A `StreamNet` with one listener. */
export class TestStreams implements StreamNet {
  readonly log: string[] = []
  readonly #env: Env
  #accept: ((stream: Stream) => StreamSink) | undefined
  #port = 1000

  constructor(env: Env) {
    this.#env = env
  }

  async listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener> {
    this.#accept = accept
    return { local: { address: '::1', port: at.port ?? 5683 }, close: () => { this.#accept = undefined } }
  }

  connect(to: Endpoint, sink: StreamSink): Promise<Stream> {
    const from = { address: '::1', port: this.#port++ }
    const [ours, theirs] = [new Half(this.#env, from, to, (message) => this.log.push(`> ${tell(message)}`)), new Half(this.#env, to, from, (message) => this.log.push(`< ${tell(message)}`))]
    ours.other = theirs
    theirs.other = ours
    ours.sink = sink
    return new Promise((resolve, reject) => {
      ours.later(() => {
        this.#env.wake()
        if (this.#accept === undefined) return reject(failure('ECONNREFUSED', 'nobody listens'))
        theirs.sink = this.#accept(theirs)
        resolve(ours)
      })
    })
  }
}

/** One end of a WebSocket in memory: what is sent comes to the other 10 ms later. */
export class End implements WebSocketLike {
  binaryType = ''
  readyState = 0
  bufferedAmount = 0
  protocol: string
  other!: End
  /** What was sent, when it is to be looked at. */
  readonly sent: Uint8Array[] = []
  readonly #env: Env
  readonly #listeners = new Map<string, ((event: { readonly data: unknown }) => void)[]>()

  constructor(env: Env, protocol: string) {
    this.#env = env
    this.protocol = protocol
  }

  addEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void {
    this.#listeners.set(type, [...this.#listeners.get(type) ?? [], listener])
  }

  tell(type: string, data?: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data })
  }

  later(body: () => void): void {
    this.#env.clock.timer(body).schedule(this.#env.clock.now() + 10)
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    assert.is(this.readyState, 1)
    this.sent.push(data.slice())
    const { buffer } = data.slice()
    this.later(() => this.other.tell('message', buffer))
  }

  close(): void {
    if (this.readyState > 1) return
    this.readyState = 2
    this.later(() => {
      for (const end of [this, this.other]) {
        if (end.readyState === 3) continue
        end.readyState = 3
        end.tell('close')
      }
    })
  }
}

export const ends = (env: Env, protocol = SUBPROTOCOL): readonly [End, End] => {
  const [a, b] = [new End(env, protocol), new End(env, protocol)]
  a.other = b
  b.other = a
  return [a, b]
}

/** Both ends, over streams or WebSockets. */
export interface Joined {
  readonly env: VirtualEnv
  readonly client: CoapClient
  readonly server: CoapServer
  readonly asking: Connections
  readonly accepting: Connections
  /** A URI's beginning. */
  readonly at: string
  /** What was said since it was last called, but for signals: `> GET`, `< 2.05 Content 2:0/1/BERT 8192`. */
  log(): string[]
}

export interface Ends {
  readonly client?: CoapClientOptions
  readonly server?: Partial<Settings>
}

async function run(env: VirtualEnv, made: Omit<Joined, 'env' | 'client' | 'server'>, { client: own = {} }: Ends, body: (joined: Joined) => Promise<void>): Promise<void> {
  const server = new CoapServer(made.accepting, env)
  const client = new CoapClient(made.asking, env, own)
  await env.run(async () => {
    if (made.accepting instanceof CoapStreams) await made.accepting.listen()
    try {
      await body({ ...made, env, client, server })
    } finally {
      client.close()
      server.close()
    }
  })
  env.advance(1000)
  assert.is(env.armed, 0, `${env.armed} timers are armed`)
}

const isSignal = (line: string): boolean => / 7\./.test(line)

export async function overStreams(options: Ends, body: (joined: Joined) => Promise<void>): Promise<void> {
  const env = virtual({ seed: 5 })
  const net = new TestStreams(env)
  const made = { at: 'coap+tcp://[::1]', asking: new CoapStreams(net, env, options.client), accepting: new CoapStreams(net, env, options.server), log: () => net.log.splice(0).filter((line) => !isSignal(line)) }
  await run(env, made, options, body)
}

export async function overWebSockets(options: Ends, body: (joined: Joined) => Promise<void>): Promise<void> {
  const env = virtual({ seed: 5 })
  const sent: (() => string[])[] = []
  const said = (way: string, end: End) => (): string[] => end.sent.splice(0).map((data) => {
    const message = new Message()
    readMessage(data, message)
    return `${way} ${tell(message)}`
  })
  const accepting = new CoapWebSockets(env, undefined, options.server)
  const asking = new CoapWebSockets(env, () => {
    const [ours, theirs] = ends(env)
    sent.push(said('>', ours), said('<', theirs))
    ours.later(() => {
      ours.readyState = theirs.readyState = 1
      accepting.accept(theirs, { address: 'tab', port: sent.length })
      ours.tell('open')
    })
    return ours
  }, options.client)
  // One end after the other, which is in turn where nothing overlaps.
  const log = (): string[] => {
    const [theirs, ours] = [0, 1].map((way) => sent.filter((_, i) => i % 2 !== way).flatMap((all) => all())) as [string[], string[]]
    return ours.flatMap((line, i) => [line, ...theirs[i] === undefined ? [] : [theirs[i]]]).filter((line) => !isSignal(line))
  }
  await run(env, { at: 'coap+ws://host', asking, accepting, log }, options, body)
}
