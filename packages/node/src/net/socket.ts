/** A Duplex that passes for a `net.Socket`, over a `StreamNet`. */

import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction, type TcpNetConnectOpts } from 'node:net'
import { Duplex } from 'node:stream'
import type { Endpoint, Stream, StreamNet, StreamSink } from '@favonius/contract'
import { addressError, badPort, callError, nodeError } from './errors.ts'

/** Bytes that are handed on at once, as a read of Node's own; and those of several chunks that are put together before they are written. */
const COALESCED = 65_536
const COALESCED_WRITE = 1 << 20

/** What a face stands on. */
export interface FaceParts {
  readonly streams: StreamNet
  /** Names to addresses, as `dns.lookup`; what the operating system knows unless given. */
  readonly lookup?: LookupFunction | undefined
  /** Called when Node's own queues have something to do, so that virtual time lets them: `Env.wake`. */
  readonly wake?: (() => void) | undefined
}

/** As in `new net.Socket(options)`. */
export interface FaceSocketOptions {
  readonly allowHalfOpen?: boolean
  readonly signal?: AbortSignal
  readonly noDelay?: boolean
  readonly keepAlive?: boolean
  readonly keepAliveInitialDelay?: number
  readonly highWaterMark?: number
}

type Done = (error?: Error | null) => void
type ConnectArguments = readonly [TcpNetConnectOpts | number | string, (string | (() => void))?, (() => void)?]

/** As `net.Socket`: the same events in the same order, and errors in the same shape. */
export class FaceSocket extends Duplex {
  readonly #parts: FaceParts
  /** @internal What its stream tells. */
  readonly sink: StreamSink = {
    receive: (chunk) => this.#receive(chunk), drained: () => this.#drained(), ended: () => this.#ended(), closed: (error) => this.#closed(error),
  }
  #stream: Stream | undefined
  #hostname: string | undefined
  connecting = false
  /** The server that accepted it. */
  server: unknown
  bytesRead = 0
  /** Milliseconds of idleness until 'timeout'; undefined when there is none. */
  timeout: number | undefined
  autoSelectFamilyAttemptedAddresses: string[] | undefined
  #written = 0
  #idle: NodeJS.Timeout | undefined
  #noDelay: boolean | undefined
  #keepAlive: number | undefined
  /** What is being written and was not taken yet, and who waits for that. */
  #rest: Uint8Array | undefined
  #taken: Done | undefined
  /** What came in this turn; and what came before and had no room. */
  #came: Buffer[] = []
  #cameSize = 0
  #held: Buffer | undefined
  /** The peer's end has come, and what came before it is not all handed on. */
  #ending = false
  /** Our end is on its way, and nobody has been told. */
  #finishing: Done | undefined
  /** It was connected, or told to. */
  #begun = false
  /** The peer ended, or the connection is over. */
  #over = false

  constructor(parts: FaceParts, options: FaceSocketOptions = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false, emitClose: false, autoDestroy: true, decodeStrings: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }), ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark }),
    })
    this.#parts = parts
    if (options.noDelay) this.#noDelay = true
    if (options.keepAlive) this.#keepAlive = options.keepAliveInitialDelay || 7_200_000
    // net.Socket does so too: what is written behind the peer's end, without half-open, is refused in words.
    this.on('end', () => {
      if (!this.allowHalfOpen) this.write = refuseBehindEnd
    })
  }

  // ---- connecting ----

  /** @internal Begins with a stream that a listener gave. */
  accepted(stream: Stream): void {
    this.#stream = stream
    this.#begun = true
    stream.pause()
    this.#apply()
  }

  /** As `socket.connect(options)`, `(port, host)`. A path is refused: there are no local sockets here. */
  connect(...args: ConnectArguments): this {
    const [options, ready] = readConnect(args)
    if (ready !== undefined) this.once('connect', ready)
    if (options.timeout !== undefined) this.setTimeout(options.timeout)
    this.connecting = this.#begun = true
    this.#touch()
    const port = Number(options.port)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw badPort('Port', options.port)
    if (options.noDelay) this.#noDelay = true
    if (options.keepAlive) this.#keepAlive = options.keepAliveInitialDelay || 7_200_000
    const host = options.host ?? 'localhost'
    this.#hostname = host
    const lookup = options.lookup ?? this.#parts.lookup
    const family = isIP(host)
    if (family !== 0) queueMicrotask(() => void this.#dial([{ address: host, family }], port, options))
    else this.#find(host, port, options, lookup ?? (systemLookup as unknown as LookupFunction))
    return this
  }

  #find(host: string, port: number, options: TcpNetConnectOpts, lookup: LookupFunction): void {
    const several = options.autoSelectFamily !== false && options.family !== 4 && options.family !== 6
    lookup(host, { family: options.family ?? 0, hints: options.hints ?? 0, all: several } as never, (error, found, family) => {
      this.#parts.wake?.()
      const all = (Array.isArray(found) ? found : [{ address: found as string, family: family ?? isIP(String(found)) }]) as { address: string; family: number }[]
      for (const one of error ? [] : all) this.emit('lookup', null, one.address, one.family, host)
      if (error) this.emit('lookup', error, undefined, undefined, host)
      if (!this.connecting || this.destroyed) return
      if (error) this.destroy(error)
      else void this.#dial(all, port, options)
    })
  }

  /** One address after the other, until one answers (RFC 8305 §5, without its head starts). */
  async #dial(addresses: readonly { readonly address: string; readonly family: number }[], port: number, options: TcpNetConnectOpts): Promise<void> {
    if (addresses.length > 1) this.autoSelectFamilyAttemptedAddresses = []
    const errors: Error[] = []
    for (const { address } of addresses) {
      if (!this.connecting || this.destroyed) return
      this.autoSelectFamilyAttemptedAddresses?.push(`${address}:${port}`)
      try {
        const stream = await this.#parts.streams.connect({ address, port }, this.sink, {
          ...(options.localAddress === undefined && options.localPort === undefined ? {} : {
            local: { ...(options.localAddress === undefined ? {} : { address: options.localAddress }), ...(options.localPort === undefined ? {} : { port: options.localPort }) },
          }),
          ...(this.#noDelay === undefined ? {} : { noDelay: this.#noDelay }), ...(this.#keepAlive === undefined ? {} : { keepAlive: this.#keepAlive }),
        })
        if (this.destroyed) return stream.close()
        return this.#connected(stream)
      } catch (error) {
        errors.push(addressError(error, 'connect', address, port))
      }
    }
    this.#parts.wake?.()
    if (this.destroyed) return
    const [first] = errors
    this.destroy(errors.length === 1 ? first : Object.assign(new AggregateError(errors, ''), { code: (first as { code?: string }).code }))
  }

  #connected(stream: Stream): void {
    this.#parts.wake?.()
    this.#stream = stream
    this.connecting = false
    this.#touch()
    // Data waits until somebody reads.
    stream.pause()
    this.emit('connect')
    this.emit('ready')
    if (this.destroyed) return
    // As net.Socket: it begins to read unless it was paused, and so the end is heard of.
    if (!this.isPaused()) this.read(0)
  }

  // ---- what the stream tells ----

  #receive(chunk: Uint8Array): void {
    this.#parts.wake?.()
    this.#touch()
    this.bytesRead += chunk.length
    // The bytes are borrowed. What comes in one turn is handed on as one, as the kernel would: there are fewer events, and fewer buffers.
    if (this.#came.push(Buffer.from(chunk)) === 1) queueMicrotask(() => this.#flush())
    this.#cameSize += chunk.length
    if (this.#cameSize >= COALESCED) this.#stream!.pause()
  }

  #flush(): void {
    const came = this.#came
    if (came.length === 0) return
    this.#came = []
    this.#cameSize = 0
    if (this.destroyed) return
    if (this.#hand(came.length === 1 ? came[0]! : Buffer.concat(came))) this.#stream!.resume()
    else this.#stream!.pause()
  }

  /**
   * Gives bytes to the readable side. False when there is enough in it. Never more than its high-water mark when its owner asks for them: above that
   * Node does not tell again that there is something to be read (aedes waits for ever then).
   */
  #hand(bytes: Buffer): boolean {
    // At least a byte: what `_read` asked for is over with a push alone.
    const room = this.readableFlowing === true ? Infinity : Math.max(1, this.readableHighWaterMark - this.readableLength)
    if (bytes.length <= room) return this.push(bytes)
    this.#held = bytes.subarray(room)
    this.push(bytes.subarray(0, room))
    return false
  }

  #drained(): void {
    this.#parts.wake?.()
    if (this.#rest !== undefined) this.#give(this.#rest)
  }

  #ended(): void {
    this.#parts.wake?.()
    this.#touch()
    // Our own end was before: a peer that answers it may be heard in the same turn.
    this.#finish()
    this.#over = this.#ending = true
    this.#flush()
    this.#endReading()
  }

  /** The end is told behind the last byte. */
  #endReading(): void {
    if (!this.#ending || this.#held !== undefined || this.destroyed) return
    this.#ending = false
    this.push(null)
    // What nobody has asked for yet would keep the end from being told.
    if (this.readableLength === 0 && !this.isPaused()) this.read(0)
  }

  #closed(error?: Error): void {
    this.#parts.wake?.()
    this.#flush()
    this.#over = true
    this.#stream = this.#stream && new Over(this.#stream)
    const done = this.#taken
    this.#taken = this.#rest = undefined
    if (error !== undefined) {
      const shaped = callError(error, done === undefined ? 'read' : 'write')
      if (done !== undefined) done(shaped)
      else this.destroy(shaped)
    } else done?.()
  }

  // ---- Duplex ----

  override _read(): void {
    if (this.connecting || this.#stream === undefined) {
      this.once('connect', () => this._read())
      return
    }
    // Node asks before it takes out what is there: the room comes with the next turn.
    if (this.#came.length > 0) return
    if (this.#held === undefined) this.#stream.resume()
    else queueMicrotask(() => this.#handHeld())
  }

  #handHeld(): void {
    const held = this.#held
    this.#held = undefined
    if (this.destroyed || held === undefined) return
    if (this.#hand(held)) this.#stream!.resume()
    this.#endReading()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    if (this.#waitsFor('connect', () => this._write(chunk, _encoding, done), done)) return
    this.#begin(chunk, done)
  }

  override _writev(chunks: { readonly chunk: Uint8Array }[], done: Done): void {
    if (this.#waitsFor('connect', () => this._writev(chunks, done), done)) return
    let size = 0
    for (const { chunk } of chunks) size += chunk.length
    if (size <= COALESCED_WRITE) return this.#begin(Buffer.concat(chunks.map(({ chunk }) => chunk), size), done)
    const next = (at: number): Done => (error) => {
      if (error || at === chunks.length) done(error)
      else this.#begin(chunks[at]!.chunk, next(at + 1))
    }
    next(0)()
  }

  override _final(done: Done): void {
    if (this.connecting) {
      this.once('connect', () => this._final(done))
      return
    }
    this.#finishing = done
    this.#stream?.end()
    // Node tells of it when the kernel has: on a later turn.
    setImmediate(() => {
      this.#parts.wake?.()
      this.#finish()
    })
    this.#parts.wake?.()
  }

  #finish(): void {
    this.#finishing?.()
    this.#finishing = undefined
  }

  override _destroy(error: Error | null, done: Done): void {
    this.connecting = false
    clearTimeout(this.#idle)
    const taken = this.#taken
    this.#taken = this.#rest = undefined
    this.#stream?.close()
    taken?.(error ?? nodeError('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed'))
    done(error)
    // Behind the error, which is told on the next tick. One that never began has no «had error», as net.Socket has none.
    setImmediate(() => {
      this.#parts.wake?.()
      if (this.#begun) this.emit('close', error !== null)
      else this.emit('close')
    })
    this.#parts.wake?.()
  }

  /** True when it is not connected yet; `then` follows. */
  #waitsFor(event: 'connect', then: () => void, done: Done): boolean {
    if (this.connecting) {
      const closed = (): void => done(nodeError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'Socket closed before the connection was established'))
      this.once(event, () => {
        this.off('close', closed)
        then()
      })
      this.once('close', closed)
      return true
    }
    if (this.#stream !== undefined) return false
    done(nodeError('ERR_SOCKET_CLOSED', 'Socket is closed'))
    return true
  }

  #begin(chunk: Uint8Array, done: Done): void {
    this.#touch()
    this.#taken = done
    this.#give(chunk)
  }

  #give(chunk: Uint8Array): void {
    let taken: number
    try {
      taken = this.#stream!.write(chunk)
    } catch (error) {
      const failed = this.#taken!
      this.#taken = this.#rest = undefined
      return failed(callError(error, 'write'))
    }
    this.#written += taken
    this.#touch()
    if (taken < chunk.length) {
      this.#rest = chunk.subarray(taken)
      return
    }
    const done = this.#taken!
    this.#taken = this.#rest = undefined
    done()
  }

  // ---- net.Socket ----

  get bytesWritten(): number {
    return this.#written + (this.#rest?.length ?? 0) + this.writableLength - (this.#taken === undefined ? 0 : this.#rest?.length ?? 0)
  }

  get pending(): boolean {
    return this.#stream === undefined || this.connecting
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable && this.writable) return 'open'
    return this.readable ? 'readOnly' : this.writable ? 'writeOnly' : 'closed'
  }

  get bufferSize(): number {
    return this.writableLength
  }

  #end(which: 'local' | 'remote'): Endpoint | undefined {
    return this.destroyed ? undefined : this.#stream?.[which]
  }

  get localAddress(): string | undefined { return this.#end('local')?.address }
  get localPort(): number | undefined { return this.#end('local')?.port }
  get localFamily(): string | undefined { return familyOf(this.localAddress) }
  get remoteAddress(): string | undefined { return this.#end('remote')?.address }
  get remotePort(): number | undefined { return this.#end('remote')?.port }
  get remoteFamily(): string | undefined { return familyOf(this.remoteAddress) }

  /** The host that it was told to connect to. */
  get _host(): string | undefined { return this.#hostname }

  address(): { address: string; family: string; port: number } | Record<string, never> {
    const local = this.#end('local')
    return local === undefined ? {} : { address: local.address, family: familyOf(local.address)!, port: local.port }
  }

  setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay
    this.#stream?.configure({ noDelay })
    return this
  }

  setKeepAlive(enable = false, initialDelay = 0): this {
    this.#keepAlive = enable ? initialDelay || 7_200_000 : 0
    this.#stream?.configure({ keepAlive: this.#keepAlive })
    return this
  }

  #apply(): void {
    if (this.#noDelay === undefined && this.#keepAlive === undefined) return
    this.#stream!.configure({ ...(this.#noDelay === undefined ? {} : { noDelay: this.#noDelay }), ...(this.#keepAlive === undefined ? {} : { keepAlive: this.#keepAlive }) })
  }

  /** 'timeout' after so many milliseconds without anything sent or received; 0 for never. */
  setTimeout(ms: number, then?: () => void): this {
    this.timeout = ms
    clearTimeout(this.#idle)
    this.#idle = undefined
    if (ms > 0) {
      if (then !== undefined) this.once('timeout', then)
      this.#touch()
    } else if (then !== undefined) this.removeListener('timeout', then)
    return this
  }

  /** Something was sent or received. */
  #touch(): void {
    if (!this.timeout || this.destroyed) return
    if (this.#idle !== undefined) {
      this.#idle.refresh()
      return
    }
    // As Node's own: it keeps no process alive.
    this.#idle = setTimeout(() => {
      this.#parts.wake?.()
      this.emit('timeout')
    }, this.timeout).unref()
  }

  /** What keeps the process alive is the stack's devices and timers. */
  ref(): this { return this }
  unref(): this { return this }

  /** Ends it when everything is written. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Gives it up with a reset, both directions at once. */
  resetAndDestroy(): this {
    if (this.connecting) this.once('connect', () => this.resetAndDestroy())
    else if (this.#stream === undefined || this.#over) this.destroy(nodeError('ERR_SOCKET_CLOSED', 'Socket is closed'))
    else {
      this.#stream.abort()
      this.destroy()
    }
    return this
  }
}

const familyOf = (address: string | undefined): string | undefined => (address === undefined ? undefined : address.includes(':') ? 'IPv6' : 'IPv4')

/** The stream of a connection that is over: its ends are still known, and it takes no more. */
class Over implements Stream {
  readonly local: Endpoint
  readonly remote: Endpoint

  constructor({ local, remote }: Stream) {
    this.local = local
    this.remote = remote
  }

  write(): number { throw Object.assign(new Error('the connection is over'), { code: 'EPIPE' }) }
  pause(): void {}
  resume(): void {}
  end(): void {}
  configure(): void {}
  close(): void {}
  abort(): void {}
}

/** As net.Socket's, once the peer has ended and half-open was not allowed. */
function refuseBehindEnd(this: FaceSocket, ...args: unknown[]): boolean {
  if (!this.writableEnded) return Duplex.prototype.write.apply(this, args as never)
  const done = args.find((one) => typeof one === 'function') as Done | undefined
  const error = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' })
  if (done !== undefined) process.nextTick(done, error)
  this.destroy(error)
  return false
}

function readConnect(args: ConnectArguments): [TcpNetConnectOpts, (() => void) | undefined] {
  const [first, second, third] = args
  const ready = [second, third].find((one) => typeof one === 'function') as (() => void) | undefined
  if (typeof first === 'object') {
    // Agents of node:http say null.
    if (typeof (first as { path?: string | null }).path === 'string') throw nodeError('ERR_INVALID_ARG_VALUE', `The property 'options.path' is not supported: a stack has no local sockets; give a port and a host`, TypeError)
    return [first, ready]
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) throw nodeError('ERR_INVALID_ARG_VALUE', `${JSON.stringify(first)} is a path: a stack has no local sockets; give a port and a host`, TypeError)
  return [{ port: Number(first), ...(typeof second === 'string' ? { host: second } : {}) }, ready]
}
