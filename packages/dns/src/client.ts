/** The resolver with a loop: sockets and streams under it, promises above it. */

import type { DatagramNet, Endpoint, Env, NameResolver, StreamNet, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { failure, LOOPBACK4, LOOPBACK6, parseAddress } from '@favonius/inet'
import type { Answer } from './cache.ts'
import { keyOf, Resolver, type ResolverInput, type ResolverOutput, type ResolverSettings, type ResolverStatistics } from './machine.ts'
import { Servers, type Server, type ServerSource } from './servers.ts'
import { IN, TYPE, type Authority, type Data, type Service } from './wire.ts'

/** Defaults are those of `dnsOptions`. */
export interface DnsClientOptions extends Partial<Omit<ResolverSettings, 'streams'>> {
  /** Separated by spaces, as `setServers` takes them. */
  readonly servers?: string
  readonly maxServers?: number
}

/** What a call may be given. */
export interface DnsCall {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined
}

/** An address that a name has. */
export interface LookupAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** What `resolve` gives for each type: as node:dns does, but for TXT, where strings that are no UTF-8 keep a replacement character. */
export interface Resolved {
  A: string
  AAAA: string
  CNAME: string
  NS: string
  PTR: string
  SRV: Service
  TXT: string[]
  SOA: Authority
}

/** `stack.dns`, and what a program has that makes its own. */
export interface Dns {
  /**
   * The records of a type, aliases followed; from the cache where it knows. Rejects with the codes of node:dns: ENOTFOUND (there is no such name),
   * ENODATA (it has none of this type), ETIMEOUT, ESERVFAIL, EREFUSED, EFORMERR, ENOTIMP, EBADRESP, and ENOSERVER, EINVAL, ENOBUFS.
   */
  resolve<T extends keyof Resolved>(name: string, type: T, call?: DnsCall): Promise<Resolved[T][]>
  /**
   * The addresses of a host, IPv6 first, in the order of the answers. An address is its own, and `localhost` is ours (RFC 6761 §6.3): neither leaves.
   * Rejects as `resolve` does, when neither family has any.
   */
  lookup(name: string, call?: DnsCall & { readonly family?: 4 | 6 | undefined }): Promise<LookupAddress[]>
  /** Who is asked for addresses of names under `.local`, which are the link's (RFC 6762 §3): an `Mdns`. Without one they are not found: they never leave. */
  local: NameResolver | undefined
  /** What the cache knows, without a promise. */
  cached(name: string, type: keyof Resolved): Answer | undefined
  /** In the order in which they are asked. */
  readonly servers: readonly Server[]
  /** Makes these the servers of `source` (`static` unless given); others stay. Throws EINVAL, ENOBUFS. */
  setServers(servers: readonly string[], source?: ServerSource): void
  addServer(server: string, source?: ServerSource): void
  /** Without effect when there is none such. */
  removeServer(server: string, source?: ServerSource): void
  readonly statistics: ResolverStatistics
  /** Forgets what it knows. */
  flush(): void
  /** Who waits is told ECANCELLED, as node:dns has it. */
  close(): void
}

/** Who waits for one question. */
interface Waiting {
  readonly waiters: Set<Deferred<Answer>>
  /** Closes what was opened for it. */
  readonly closers: (() => void)[]
}

const decoder = /* @__PURE__ */ new TextDecoder()

/** A record's data as node:dns has it. */
const plain = (data: Data): unknown =>
  Array.isArray(data) ? data.map((one) => decoder.decode(one)) : typeof data === 'object' && 'w0' in data ? String(data) : data

/** Resolves names over any datagrams, and over streams where answers are long. */
export class DnsClient implements Dns {
  local: NameResolver | undefined
  readonly #env: Env
  readonly #datagrams: DatagramNet
  readonly #streams: StreamNet | undefined
  readonly #servers: Servers
  readonly #resolver: Resolver
  readonly #waiting = new Map<string, Waiting>()
  readonly #timer: Timer

  /** Without `streams` a truncated answer is EBADRESP. */
  constructor(env: Env, datagrams: DatagramNet, streams?: StreamNet, options: DnsClientOptions = {}) {
    this.#env = env
    this.#datagrams = datagrams
    this.#streams = streams
    this.#servers = new Servers(options.maxServers ?? 8)
    this.setServers((options.servers ?? '').split(' ').filter((text) => text !== ''))
    this.#resolver = new Resolver(env.random, this.#servers, {
      timeout: 2000, rounds: 3, maxQueries: 64, maxAliases: 8, cacheSize: 256, maxTtl: 86_400, ednsSize: 1232, mixCase: true,
      ...options, streams: streams !== undefined,
    })
    this.#timer = env.clock.timer((now) => {
      this.#resolver.tick(now)
      this.#drain()
    })
  }

  // ---- asking ----

  async resolve<T extends keyof Resolved>(name: string, type: T, call: DnsCall = {}): Promise<Resolved[T][]> {
    const { code, records } = await this.#ask(name, TYPE[type], call)
    if (code === undefined) return records.map(({ data }) => plain(data)) as Resolved[T][]
    throw Object.assign(failure(code, `query ${type} ${code} ${name}${code === 'ENOSERVER' ? ': no DNS server is known; setServers()' : ''}`), { hostname: name })
  }

  async lookup(name: string, call: DnsCall & { readonly family?: 4 | 6 | undefined } = {}): Promise<LookupAddress[]> {
    const literal = parseAddress(name.split('%', 1)[0]!)
    if (literal !== undefined) return [{ address: name, family: literal.family }]
    if (this.local !== undefined && LOCAL.test(name)) return [...await this.local.lookup(name, call)]
    const families = call.family === undefined ? [6, 4] as const : [call.family]
    const asked = await Promise.allSettled(families.map(async (family) =>
      (await this.resolve(name, family === 6 ? 'AAAA' : 'A', call)).map((address) => ({ address, family }))))
    const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    if (found.length > 0) return found
    // That the name exists without an address says less than that a server failed.
    const errors = asked.map((one) => (one as PromiseRejectedResult).reason as { code?: string })
    throw errors.find(({ code }) => code !== 'ENODATA') ?? errors[0]!
  }

  cached(name: string, type: keyof Resolved): Answer | undefined {
    return this.#resolver.find(keyOf(name, TYPE[type]), this.#env.clock.now())
  }

  #ask(given: string, type: number, { signal }: DnsCall): Answer | Promise<Answer> {
    signal?.throwIfAborted()
    const name = given.length > 1 && given.endsWith('.') ? given.slice(0, -1) : given
    const now = this.#env.clock.now()
    const key = keyOf(name, type)
    const known = this.#resolver.find(key, now) ?? special(name, type)
    if (known !== undefined) return known
    this.#resolver.handle({ kind: 'ask', name, type }, now)
    const waiting = this.#waiting.get(key) ?? { waiters: new Set(), closers: [] }
    this.#waiting.set(key, waiting)
    const waiter = deferred<Answer>(this.#env)
    waiting.waiters.add(waiter)
    this.#drain()
    if (signal === undefined) return waiter.promise
    const abort = (): void => {
      waiter.reject(signal.reason as Error)
      waiting.waiters.delete(waiter)
      if (waiting.waiters.size === 0) this.#forget(key)
    }
    signal.addEventListener('abort', abort, { once: true })
    return waiter.promise.finally(() => signal.removeEventListener('abort', abort))
  }

  // ---- the loop ----

  #handle(input: ResolverInput): void {
    this.#resolver.handle(input, this.#env.clock.now())
    this.#drain()
  }

  #drain(): void {
    for (let out = this.#resolver.poll(); out !== undefined; out = this.#resolver.poll()) {
      if (out.kind === 'send') void this.#send(out)
      else for (const waiter of this.#end(out.key)) waiter.resolve(out.answer)
    }
    const due = this.#resolver.deadline()
    if (due === undefined) this.#timer.cancel()
    else this.#timer.schedule(due)
  }

  /** Closes what was opened for it; who waited for it is to be told. */
  #end(key: string): Iterable<Deferred<Answer>> {
    const { waiters, closers } = this.#waiting.get(key)!
    this.#waiting.delete(key)
    for (const close of closers) close()
    return waiters
  }

  /** Nobody waits for it any more. */
  #forget(key: string): Iterable<Deferred<Answer>> {
    this.#handle({ kind: 'forget', key })
    return this.#end(key)
  }

  async #send({ key, exchange, server, stream, data }: ResolverOutput & { kind: 'send' }): Promise<void> {
    let over = false
    let close = (): void => {}
    this.#waiting.get(key)!.closers.push(() => {
      over = true
      close()
    })
    const receive = (bytes: Uint8Array, from?: Endpoint): void => {
      if (!over) this.#handle({ kind: 'heard', exchange, from, data: bytes })
    }
    const error = (why?: Error & { readonly code?: string }): void => {
      if (!over) this.#handle({ kind: 'failed', exchange, code: why?.code ?? 'ECONNRESET' })
    }
    try {
      // A promise follows that is settled without a word to the clock.
      this.#env.wake()
      if (stream) close = await exchangeOver(this.#streams!, server, data, receive, error)
      else {
        // A socket for each message: its port is a number more that a forger must guess (RFC 5452 §9.2).
        const socket = await this.#datagrams.open({ address: server.address.includes(':') ? '::' : '0.0.0.0' }, { receive, error })
        close = () => socket.close()
        // What is not sent for want of room is sent again in time.
        if (!over) socket.send(data, server)
      }
      if (over) close()
    } catch (why) {
      error(why as Error)
    }
  }

  // ---- the rest ----

  get servers(): readonly Server[] {
    return this.#servers.list
  }

  setServers(servers: readonly string[], source: ServerSource = 'static'): void {
    this.#servers.set(servers, source)
  }

  addServer(server: string, source: ServerSource = 'static'): void {
    this.#servers.set([...this.#servers.of(source), server], source)
  }

  removeServer(server: string, source: ServerSource = 'static'): void {
    const before = this.#servers.of(source)
    this.#servers.set([server], source)
    const [gone] = this.#servers.of(source)
    this.#servers.set(before.filter((one) => one !== gone), source)
  }

  get statistics(): ResolverStatistics {
    return this.#resolver.statistics
  }

  flush(): void {
    this.#resolver.cache.clear()
  }

  close(): void {
    for (const key of this.#waiting.keys()) for (const waiter of this.#forget(key)) waiter.reject(failure('ECANCELLED', 'the DNS client was closed'))
  }
}

/** One message there and one back by a stream of its own: RFC 7766 §8, two bytes of length before each. Returns how to end it. */
async function exchangeOver(
  net: StreamNet, server: Endpoint, data: Uint8Array, hear: (bytes: Uint8Array) => void, fail: (error?: Error) => void,
): Promise<() => void> {
  let rest = Uint8Array.of(data.length >>> 8, data.length, ...data)
  let got: number[] = []
  const stream = await net.connect(server, {
    receive(chunk) {
      for (const byte of chunk) got.push(byte)
      const end = (got[0]! << 8 | got[1]!) + 2
      if (got.length < 2 || got.length < end) return
      // A peer that sends more has no more to say.
      stream.pause()
      hear(Uint8Array.from(got.slice(2, end)))
      got = []
    },
    drained: () => write(),
    closed: fail,
    ended: fail,
  })
  const write = (): void => {
    rest = rest.subarray(stream.write(rest))
  }
  write()
  return () => stream.abort()
}

/** Names under the link's domain (RFC 6762 §3). */
const LOCAL = /(^|\.)local\.?$/i

/** Names that never leave (RFC 6761 §6.3, §6.4; RFC 6762 §3). */
function special(name: string, type: number): Answer | undefined {
  if (/(^|\.)invalid$/i.test(name) || LOCAL.test(name)) return { code: 'ENOTFOUND', name, records: [], expires: 0 }
  if (!/(^|\.)localhost$/i.test(name)) return undefined
  const data = type === TYPE.A ? LOOPBACK4 : type === TYPE.AAAA ? LOOPBACK6 : undefined
  return { code: data === undefined ? 'ENODATA' : undefined, name, records: data === undefined ? [] : [{ name, type, class: IN, ttl: 0, data }], expires: 0 }
}
