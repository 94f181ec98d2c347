/** The application's side: sockets of a stack that is elsewhere. */

import type { DatagramNet, DatagramOptions, DatagramSink, DatagramSocket, Endpoint, Listener, Stream, StreamNet, StreamOptions, StreamSettings, StreamSink } from '@favonius/contract'
import { checkPort, failure, familyOf, isMulticast, parseAddress, type ErrorCode } from '@favonius/inet'
import { DATAGRAM, DATAGRAMS, isMessage, TOLD, WINDOW, type Failure, type Port, type Reply, type Request } from './protocol.ts'

/** RFC 768: the length field counts eight bytes of header. */
const MAX_PAYLOAD = 65_527
/** Remote endpoints that one datagram socket remembers; all are forgotten when there are more. */
const ENDPOINTS = 4096

const toError = ({ code, message }: Failure): Error & { readonly code: string } => failure(code as ErrorCode, message)

/** Throws EINVAL. */
function check({ address, port }: Partial<Endpoint>, least: 0 | 1): void {
  if (address !== undefined) familyOf(address)
  if (port !== undefined || least === 1) checkPort(port, least)
}

/** What is open has a number, and hears what is said of that. */
interface Heard {
  hear(reply: Reply): void
  /** The stack is gone. */
  lost(error: Error): void
}

type Say = (request: Request) => void

class RemoteStream implements Stream, Heard {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly #id: number
  readonly #say: Say
  readonly #gone: () => void
  sink: StreamSink
  /** Bytes that may still be written. */
  #credit = WINDOW
  #short = false
  /** Bytes passed on that the stack was not told of yet. */
  #took = 0
  #paused = false
  #delivering = false
  /** What came and was not wanted yet: bytes, the end, the last word. */
  readonly #waiting: Reply[] = []
  #ended = false
  #over = false
  #aborted: Error | undefined

  constructor(id: number, say: Say, gone: () => void, { local, remote }: { readonly local: Endpoint; readonly remote: Endpoint }, sink: StreamSink) {
    this.#id = id
    this.#say = say
    this.#gone = gone
    this.local = local
    this.remote = remote
    this.sink = sink
  }

  hear(reply: Reply): void {
    if (this.#over) return
    if (reply.op === 'wrote') {
      this.#credit += reply.bytes
      if (!this.#short || this.#ended) return
      this.#short = false
      this.sink.drained?.()
    } else if (reply.op === 'closed' && reply.why !== undefined) this.#close(this.#aborted ?? toError(reply.why))
    else {
      this.#waiting.push(reply)
      this.#deliver()
    }
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (!this.#paused && !this.#over && this.#aborted === undefined) {
        const reply = this.#waiting.shift()
        if (reply === undefined) return
        if (reply.op === 'received') {
          this.sink.receive(reply.bytes)
          this.#took += reply.bytes.length
          if (this.#took < TOLD) continue
          this.#say({ op: 'took', id: this.#id, bytes: this.#took })
          this.#took = 0
        } else if (reply.op === 'ended') this.sink.ended?.()
        else if (reply.op === 'closed') this.#close(undefined)
      }
    } finally {
      this.#delivering = false
    }
  }

  #close(error: Error | undefined): void {
    this.#over = true
    this.#waiting.length = 0
    this.#gone()
    this.sink.closed(error)
  }

  lost(error: Error): void {
    if (!this.#over) this.#close(error)
  }

  write(chunk: Uint8Array): number {
    if (this.#ended) throw failure('EPIPE', 'the stream was ended: nothing can be written behind its end')
    if (this.#over) return 0
    const taken = Math.min(chunk.length, this.#credit)
    this.#short = taken < chunk.length
    if (taken === 0) return 0
    this.#credit -= taken
    // A copy of its own: what a view is cloned with is all of its memory.
    this.#say({ op: 'write', id: this.#id, bytes: new Uint8Array(chunk.subarray(0, taken)) })
    return taken
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
  }

  end(): void {
    if (this.#ended || this.#over) return
    this.#ended = true
    this.#say({ op: 'end', id: this.#id })
  }

  configure(settings: StreamSettings): void {
    if (!this.#over) this.#say({ op: 'configure', id: this.#id, settings })
  }

  close(): void {
    if (this.#over) return
    this.#ended = this.#over = true
    this.#waiting.length = 0
    this.#say({ op: 'leave', id: this.#id })
    this.#gone()
  }

  abort(error: Error = failure('ECONNABORTED', 'the connection was given up on our side')): void {
    if (this.#over || this.#aborted !== undefined) return
    this.#ended = true
    this.#aborted = error
    this.#say({ op: 'abort', id: this.#id })
  }
}

class RemoteDatagrams implements DatagramSocket, Heard {
  readonly #id: number
  readonly #say: Say
  readonly #gone: () => void
  readonly #sink: DatagramSink
  readonly #local: Endpoint
  readonly #family: 4 | 6
  readonly #peers = new Map<string, Endpoint>()
  /** Groups that it has joined. */
  readonly #groups = new Set<string>()
  #credit = DATAGRAMS
  #closed = false

  constructor(id: number, say: Say, gone: () => void, local: Endpoint, sink: DatagramSink) {
    this.#id = id
    this.#say = say
    this.#gone = gone
    this.#local = local
    this.#family = local.address.includes(':') ? 6 : 4
    this.#sink = sink
  }

  get local(): Endpoint {
    this.#mustBeOpen()
    return this.#local
  }

  #mustBeOpen(): void {
    if (this.#closed) throw failure('EBADF', 'the socket is closed')
  }

  hear(reply: Reply): void {
    if (this.#closed) return
    if (reply.op === 'wrote') this.#credit += reply.bytes + DATAGRAM
    else if (reply.op === 'datagram') {
      this.#say({ op: 'took', id: this.#id, bytes: reply.bytes.length })
      this.#sink.receive(reply.bytes, this.#peer(reply.from), reply.info)
    } else if (reply.op === 'error') this.#sink.error?.(toError(reply.why))
  }

  #peer(from: Endpoint): Endpoint {
    const key = `${from.address}|${from.port}`
    const known = this.#peers.get(key)
    if (known !== undefined) return known
    if (this.#peers.size >= ENDPOINTS) this.#peers.clear()
    this.#peers.set(key, from)
    return from
  }

  lost(error: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#sink.error?.(error as Error & { readonly code: string })
  }

  send(data: Uint8Array, to: Endpoint): boolean {
    this.#mustBeOpen()
    check(to, 1)
    if (data.length > MAX_PAYLOAD) throw failure('EMSGSIZE', `${data.length} bytes are more than a datagram carries (${MAX_PAYLOAD})`)
    if (this.#family === 4 && to.address.includes(':')) throw failure('EINVAL', `${to.address} is an IPv6 address, and the socket is bound to an IPv4 one`)
    if (this.#credit <= 0) return false
    this.#credit -= data.length + DATAGRAM
    this.#say({ op: 'send', id: this.#id, bytes: new Uint8Array(data), to: { address: to.address, port: to.port } })
    return true
  }

  join(group: string, iface?: string): void {
    this.#membership('join', group, iface)
  }

  leave(group: string, iface?: string): void {
    this.#membership('part', group, iface)
  }

  /** What the stack has against it comes as an error: it is elsewhere. */
  #membership(op: 'join' | 'part', group: string, iface: string | undefined): void {
    this.#mustBeOpen()
    const address = parseAddress(group, () => 1)
    if (address === undefined || !isMulticast(address)) throw failure('EINVAL', `${JSON.stringify(group)} is no group: write 239.1.2.3 or ff05::123`)
    const key = `${group}|${iface ?? ''}`
    if (op === 'join') this.#groups.add(key)
    else if (!this.#groups.delete(key)) throw failure('EADDRNOTAVAIL', `the socket is not in ${group}${iface === undefined ? '' : ` on ${iface}`}`)
    this.#say({ op, id: this.#id, group, iface })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#say({ op: 'close', id: this.#id })
    this.#gone()
  }
}

/** The sockets of a stack that is elsewhere. */
export interface RemoteStack {
  readonly streams: StreamNet
  readonly datagrams: DatagramNet
  /** Messages that made no sense, and were passed over. */
  readonly refused: number
  /** Says that the stack is gone, where the port does not: a worker that was terminated. All that is open ends with ECONNABORTED. */
  lost(): void
}

/** Makes a `StreamNet` and a `DatagramNet` of the port whose other end `serveStack` has. */
export function stackOver(port: Port): RemoteStack {
  const open = new Map<number, Heard>()
  /** Those that wait for an answer. */
  const asked = new Map<number, { readonly answered: (reply: Reply) => void; readonly failed: (error: Error) => void }>()
  const listeners = new Map<number, (stream: Stream) => StreamSink>()
  let refused = 0
  let next = 2
  let gone: Error | undefined
  const say: Say = (request) => {
    if (gone === undefined) port.postMessage(request)
  }
  const ask = (request: (id: number) => Request): Promise<Reply> => new Promise((resolve, reject) => {
    if (gone !== undefined) return reject(gone)
    const id = next
    next += 2
    asked.set(id, { answered: resolve, failed: reject })
    say(request(id))
  })

  function hear(reply: Reply): boolean {
    const { id } = reply
    const waiting = asked.get(id)
    switch (reply.op) {
      case 'connected': case 'opened':
        asked.delete(id)
        waiting?.answered(reply)
        return waiting !== undefined
      case 'failed':
        asked.delete(id)
        waiting?.failed(toError(reply.why))
        return waiting !== undefined
      case 'accepted': {
        const accept = listeners.get(reply.listener)
        const stream = new RemoteStream(id, say, () => open.delete(id), reply, { receive() {}, closed() {} })
        if (accept === undefined) {
          stream.abort()
          return true
        }
        open.set(id, stream)
        stream.sink = accept(stream)
        return true
      }
      default:
        // Of what is over more may have been under way.
        open.get(id)?.hear(reply)
        return ['received', 'wrote', 'ended', 'closed', 'datagram', 'error'].includes(reply.op)
    }
  }

  function lost(): void {
    if (gone !== undefined) return
    gone = failure('ECONNABORTED', 'the stack is gone: the worker that it was in has ended')
    for (const { failed } of asked.values()) failed(gone)
    for (const one of [...open.values()]) one.lost(gone)
    for (const all of [asked, open, listeners]) all.clear()
  }

  port.addEventListener('message', ({ data }: { readonly data: unknown }) => {
    if (!isMessage(data) || !hear(data as Reply)) refused++
  })
  port.addEventListener('close', lost)
  port.start?.()

  return {
    streams: {
      async connect(to: Endpoint, sink: StreamSink, options: StreamOptions = {}): Promise<Stream> {
        check(to, 1)
        if (options.timeout !== undefined && !(options.timeout > 0)) throw failure('EINVAL', `timeout ${options.timeout}: give milliseconds, more than 0`)
        const reply = await ask((id) => ({ op: 'connect', id, to: { address: to.address, port: to.port }, options: { ...options } })) as Reply & { op: 'connected' }
        const stream = new RemoteStream(reply.id, say, () => open.delete(reply.id), reply, sink)
        open.set(reply.id, stream)
        return stream
      },
      async listen(at: Partial<Endpoint>, accept: (stream: Stream) => StreamSink): Promise<Listener> {
        check(at, 0)
        let own = 0
        const { id, local } = await ask((number) => {
          listeners.set(own = number, accept)
          return { op: 'listen', id: number, at: { ...at } }
        }).catch((error: unknown) => {
          listeners.delete(own)
          throw error
        }) as Reply & { op: 'opened' }
        return {
          local,
          close() {
            listeners.delete(id)
            say({ op: 'close', id })
          },
        }
      },
    },
    datagrams: {
      async open(local: Partial<Endpoint>, sink: DatagramSink, options: DatagramOptions = {}): Promise<DatagramSocket> {
        check(local, 0)
        const { id, local: own } = await ask((number) => ({ op: 'open', id: number, local: { ...local }, options: { ...options } })) as Reply & { op: 'opened' }
        const socket = new RemoteDatagrams(id, say, () => open.delete(id), own, sink)
        open.set(id, socket)
        return socket
      },
    },
    get refused() { return refused },
    lost,
  }
}
