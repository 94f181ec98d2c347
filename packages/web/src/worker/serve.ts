/** The stack's side: it does what an application at the other end of a port asks. */

import type { DatagramInfo, DatagramNet, DatagramSink, DatagramSocket, Endpoint, Listener, Stream, StreamNet, StreamSink } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { DATAGRAM, DATAGRAMS, isMessage, toFailure, WINDOW, type Port, type Reply, type Request } from './protocol.ts'

/** What is served. */
export interface Served {
  /** Messages that made no sense, and were passed over. */
  readonly refused: number
  /** Datagrams that the application was not told of, because it had not read those before. */
  readonly dropped: number
  /** Gives up all that the application has opened. */
  close(): void
}

/** A stream, and what is under way of it. */
class ServedStream implements StreamSink {
  readonly #say: (reply: Reply) => void
  readonly #id: number
  readonly #gone: () => void
  stream: Stream | undefined
  /** Bytes that were said and not passed on yet over there. */
  #said = 0
  #paused = false
  /** What the stack has not taken yet, and whether the end follows it. */
  readonly #rest: Uint8Array[] = []
  #ending = false
  /** The application has left; only what it had written is still to go. */
  #left = false

  constructor(say: (reply: Reply) => void, id: number, gone: () => void) {
    this.#say = say
    this.#id = id
    this.#gone = gone
  }

  receive(chunk: Uint8Array): void {
    if (this.#left) return
    this.#said += chunk.length
    // However large a chunk is, a message has its bound.
    for (let at = 0; at < chunk.length; at += WINDOW) this.#say({ op: 'received', id: this.#id, bytes: new Uint8Array(chunk.subarray(at, at + WINDOW)) })
    if (this.#said < WINDOW) return
    this.#paused = true
    this.stream!.pause()
  }

  took(bytes: number): void {
    this.#said -= bytes
    if (!this.#paused || this.#said > WINDOW / 2) return
    this.#paused = false
    this.stream!.resume()
  }

  drained(): void {
    this.#write()
  }

  ended(): void {
    if (!this.#left) this.#say({ op: 'ended', id: this.#id })
  }

  closed(error?: Error): void {
    if (!this.#left) this.#say({ op: 'closed', id: this.#id, why: error && toFailure(error) })
    this.#gone()
  }

  write(bytes: Uint8Array): void {
    this.#rest.push(bytes)
    if (this.#rest.length === 1) this.#write()
  }

  #write(): void {
    let wrote = 0
    for (let bytes = this.#rest[0]; bytes !== undefined; bytes = this.#rest[0]) {
      const taken = this.stream!.write(bytes)
      wrote += taken
      if (taken < bytes.length) {
        this.#rest[0] = bytes.subarray(taken)
        break
      }
      this.#rest.shift()
    }
    if (wrote > 0 && !this.#left) this.#say({ op: 'wrote', id: this.#id, bytes: wrote })
    if (this.#rest.length > 0) return
    if (this.#left) this.#close()
    else if (this.#ending) this.stream!.end()
  }

  end(): void {
    this.#ending = true
    if (this.#rest.length === 0) this.stream!.end()
  }

  /** What was written is still sent. */
  leave(): void {
    this.#left = true
    if (this.#paused) this.stream!.resume()
    if (this.#rest.length === 0) this.#close()
  }

  #close(): void {
    this.stream!.close()
    this.#gone()
  }

  abort(): void {
    this.stream?.abort(failure('ECONNABORTED', 'the connection was given up on our side'))
  }
}

/** A datagram socket, and how much of what came to it the application has not passed on. */
class ServedDatagrams implements DatagramSink {
  readonly #say: (reply: Reply) => void
  readonly #id: number
  readonly #drop: () => void
  #said = 0

  constructor(say: (reply: Reply) => void, id: number, drop: () => void) {
    this.#say = say
    this.#id = id
    this.#drop = drop
  }

  receive(data: Uint8Array, from: Endpoint, { local, iface, multicast, hopLimit }: DatagramInfo): void {
    if (this.#said >= DATAGRAMS) return this.#drop()
    this.#said += data.length + DATAGRAM
    this.#say({ op: 'datagram', id: this.#id, bytes: new Uint8Array(data), from: plain(from), info: { local, iface, multicast, hopLimit } })
  }

  took(bytes: number): void {
    this.#said -= bytes + DATAGRAM
  }

  error(error: Error): void {
    this.#say({ op: 'error', id: this.#id, why: toFailure(error) })
  }
}

/**
 * Serves the sockets of a stack to whoever has the other end of `port`, where `stackOver` makes a `StreamNet` and a `DatagramNet` of it: an application on a
 * page's main thread, and the stack in a worker.
 */
export function serveStack(port: Port, { streams, datagrams }: { readonly streams: StreamNet; readonly datagrams: DatagramNet }): Served {
  const open = new Map<number, ServedStream>()
  const listeners = new Map<number, Listener>()
  const sockets = new Map<number, DatagramSocket>()
  const sinks = new Map<number, ServedDatagrams>()
  /** Those that are being opened: true once they are not wanted any more. */
  const opening = new Map<number, boolean>()
  let refused = 0
  let dropped = 0
  let next = 1
  const say = (reply: Reply): void => port.postMessage(reply)

  const begin = <T>(id: number, made: Promise<T>, use: (it: T) => void, undo: (it: T) => void): void => {
    opening.set(id, false)
    made.then(
      (it) => {
        const unwanted = opening.get(id)!
        opening.delete(id)
        if (unwanted) undo(it)
        else use(it)
      },
      (error: unknown) => {
        opening.delete(id)
        open.delete(id)
        say({ op: 'failed', id, why: toFailure(error) })
      },
    )
  }

  function act(request: Request): boolean {
    const { id } = request
    const stream = open.get(id)
    switch (request.op) {
      case 'connect': {
        const served = new ServedStream(say, id, () => open.delete(id))
        open.set(id, served)
        begin(id, streams.connect(request.to, served, request.options), (made) => {
          served.stream = made
          say({ op: 'connected', id, local: plain(made.local), remote: plain(made.remote) })
        }, (made) => made.close())
        return true
      }
      case 'listen':
        begin(id, streams.listen(request.at, (made) => {
          const number = next
          next += 2
          const served = new ServedStream(say, number, () => open.delete(number))
          served.stream = made
          open.set(number, served)
          say({ op: 'accepted', id: number, listener: id, local: plain(made.local), remote: plain(made.remote) })
          return served
        }), (made) => {
          listeners.set(id, made)
          say({ op: 'opened', id, local: plain(made.local) })
        }, (made) => made.close())
        return true
      case 'open': {
        const sink = new ServedDatagrams(say, id, () => dropped++)
        begin(id, datagrams.open(request.local, sink, request.options), (made) => {
          sockets.set(id, made)
          sinks.set(id, sink)
          say({ op: 'opened', id, local: plain(made.local) })
        }, (made) => made.close())
        return true
      }
      case 'write':
        // What comes behind the end of a stream that is over was said before that was known.
        if (!(request.bytes instanceof Uint8Array)) return false
        if (stream?.stream !== undefined) stream.write(request.bytes)
        return true
      case 'took':
        if (!Number.isInteger(request.bytes)) return false
        stream?.took(request.bytes)
        sinks.get(id)?.took(request.bytes)
        return true
      case 'end': if (stream?.stream !== undefined) stream.end(); return true
      case 'configure': stream?.stream?.configure(request.settings); return true
      case 'leave': case 'abort':
        if (opening.has(id)) opening.set(id, true)
        if (stream?.stream === undefined) return true
        if (request.op === 'leave') stream.leave()
        else stream.abort()
        return true
      case 'send': {
        if (!(request.bytes instanceof Uint8Array)) return false
        const socket = sockets.get(id)
        if (socket === undefined) return true
        const sent = socket.send(request.bytes, request.to)
        say({ op: 'wrote', id, bytes: request.bytes.length })
        if (!sent) say({ op: 'error', id, why: { code: 'ENOBUFS', message: `a datagram to ${request.to.address} was not sent: no room, or no route` } })
        return true
      }
      case 'join': sockets.get(id)?.join(request.group, request.iface); return true
      case 'part': sockets.get(id)?.leave(request.group, request.iface); return true
      case 'close':
        if (opening.has(id)) opening.set(id, true)
        listeners.get(id)?.close()
        sockets.get(id)?.close()
        listeners.delete(id)
        sockets.delete(id)
        sinks.delete(id)
        return true
      default: return false
    }
  }

  function close(): void {
    for (const id of opening.keys()) opening.set(id, true)
    for (const stream of open.values()) stream.abort()
    for (const one of [...listeners.values(), ...sockets.values()]) one.close()
    for (const all of [open, listeners, sockets, sinks]) all.clear()
  }

  port.addEventListener('message', ({ data }: { readonly data: unknown }) => {
    if (!isMessage(data)) refused++
    else {
      try {
        if (!act(data as Request)) refused++
      } catch (error) {
        // A mistake of the application's that its own side did not find.
        say({ op: 'error', id: data.id, why: toFailure(error) })
      }
    }
  })
  port.addEventListener('close', close)
  port.start?.()
  return {
    get refused() { return refused },
    get dropped() { return dropped },
    close,
  }
}

/** An endpoint without what else its maker keeps in it. */
const plain = ({ address, port }: Endpoint): Endpoint => ({ address, port })
