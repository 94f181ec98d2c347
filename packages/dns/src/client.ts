/** The resolver with a loop: sockets and streams under it, promises above it. */

import type { Address, Endpoint, Env, NameResolver, Timer } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { failure, LOOPBACK4, LOOPBACK6, parseAddress } from '@favonius/inet'
import type { Answer } from './cache.ts'
import { keyOf, Resolver, type Exchange, type ResolverInput, type ResolverSettings, type ResolverStatistics } from './machine.ts'
import { readServers, type Server } from './servers.ts'
import { IN, TYPE, type Authority, type Data, type Service } from './wire.ts'

/** Defaults are those of `dnsOptions`. */
export interface DnsClientOptions extends Partial<Omit<ResolverSettings, 'streams'>> {
  /** Separated by spaces, as `setServers` takes them. */
  readonly servers?: string
}

/** What hears messages: a `DatagramSink` is one. */
export interface MessageSink {
  receive(data: Uint8Array, from: Endpoint): void
  error(error: Error & { readonly code: string }): void
}

/** What opens sockets for messages: a `DatagramNet`, or `overTcp(…)` of `@favonius/dns/tcp`. */
export interface MessageNet {
  open(local: { readonly address: string }, sink: MessageSink): Promise<{ send(data: Uint8Array, to: Endpoint): boolean; close(): void }>
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

/** What asks for names: a `DnsClient`, and `stack.dns`. */
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
  /** As texts: `192.0.2.2`, `192.0.2.2:53`, `2001:db8::2`, `[fe80::1%eth0]:53`. Throws EINVAL. */
  setServers(servers: readonly string[]): void
  readonly statistics: ResolverStatistics
  /** Forgets what it knows. */
  flush(): void
  /** Who waits is told ECANCELLED, as node:dns has it. */
  close(): void
}

/** Who waits for one question. */
interface Waiting {
  readonly waiters: Set<Deferred<Answer>>
  /** What was opened for it, and closes with it. */
  readonly opened: { close(): void }[]
}

const decoder = /* @__PURE__ */ new TextDecoder()

/** A record's data as node:dns has it. */
const plain = (data: Data): unknown =>
  Array.isArray(data) ? data.map((one) => decoder.decode(one)) : typeof data === 'object' && 'w0' in data ? String(data) : data

/** Why a name has no answer, as node:dns tells it. */
const refusal = (query: string, name: string, code: string): Error =>
  Object.assign(failure(code, `query ${query} ${code} ${name}${code === 'ENOSERVER' ? ': no DNS server is known; setServers()' : ''}`), { hostname: name })

/** Resolves names over any datagrams, and over streams where answers are long. */
export class DnsClient implements Dns {
  local: NameResolver | undefined
  readonly #env: Env
  readonly #datagrams: MessageNet
  readonly #streams: MessageNet | undefined
  readonly #resolver: Resolver
  readonly #waiting = new Map<string, Waiting>()
  readonly #timer: Timer

  /** `streams` is for long answers: `overTcp(…)` of `@favonius/dns/tcp`. Without it a truncated answer is EBADRESP. */
  constructor(env: Env, datagrams: MessageNet, streams?: MessageNet, options: DnsClientOptions = {}) {
    this.#env = env
    this.#datagrams = datagrams
    this.#streams = streams
    this.#resolver = new Resolver(env.random, readServers(options.servers?.match(/\S+/g) ?? []), {
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
    if (code !== undefined) throw refusal(type, name, code)
    return records.map(({ data }) => plain(data)) as Resolved[T][]
  }

  async lookup(name: string, call: DnsCall & { readonly family?: 4 | 6 | undefined } = {}): Promise<LookupAddress[]> {
    const literal = parseAddress(name.split('%', 1)[0]!)
    if (literal !== undefined) return [{ address: name, family: literal.family }]
    if (this.local !== undefined && LOCAL.test(name)) return [...await this.local.lookup(name, call)]
    const types = [TYPE.AAAA, TYPE.A].filter((type) => call.family === undefined || (type === TYPE.A) === (call.family === 4))
    const answers = await Promise.all(types.map((type) => this.#ask(name, type, call)))
    const found = answers.flatMap(({ records }) => records.map(({ data }) => ({ address: String(data), family: (data as Address).family })))
    if (found.length > 0) return found
    // That the name exists without an address says less than that a server failed.
    throw refusal('address', name, (answers.find(({ code }) => code !== 'ENODATA') ?? answers[0]!).code!)
  }

  cached(name: string, type: keyof Resolved): Answer | undefined {
    return this.#resolver.find(keyOf(name, TYPE[type]), this.#env.clock.now())
  }

  async #ask(given: string, type: number, { signal }: DnsCall): Promise<Answer> {
    signal?.throwIfAborted()
    const name = given.replace(/(.)\.$/, '$1')
    const now = this.#env.clock.now()
    const key = keyOf(name, type)
    const known = this.#resolver.find(key, now) ?? special(name, type)
    if (known !== undefined) return known
    this.#resolver.handle({ kind: 'ask', name, type }, now)
    const waiting = this.#waiting.get(key) ?? { waiters: new Set(), opened: [] }
    this.#waiting.set(key, waiting)
    const waiter = deferred<Answer>(this.#env)
    waiting.waiters.add(waiter)
    this.#drain()
    const abort = (): void => {
      waiter.reject(signal!.reason as Error)
      waiting.waiters.delete(waiter)
      // The answer may have come in this very turn.
      if (waiting.waiters.size === 0 && this.#waiting.get(key) === waiting) this.#forget(key)
    }
    signal?.addEventListener('abort', abort)
    return waiter.promise.finally(() => signal?.removeEventListener('abort', abort))
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
    const { waiters, opened } = this.#waiting.get(key)!
    this.#waiting.delete(key)
    for (const one of opened) one.close()
    return waiters
  }

  /** Nobody waits for it any more. */
  #forget(key: string): Iterable<Deferred<Answer>> {
    this.#handle({ kind: 'forget', key })
    return this.#end(key)
  }

  async #send(exchange: Exchange): Promise<void> {
    const { key, server, stream, data } = exchange
    const waiting = this.#waiting.get(key)!
    const receive = (bytes: Uint8Array, from: Endpoint): void => this.#handle({ kind: 'heard', exchange, from, data: bytes })
    const error = (why: Error & { readonly code: string }): void => this.#handle({ kind: 'failed', exchange, code: why.code })
    try {
      // A promise follows that is settled without a word to the clock.
      this.#env.wake()
      const net = stream ? this.#streams! : this.#datagrams
      // A socket for each message: its port is a number more that a forger must guess (RFC 5452 §9.2).
      const socket = await net.open({ address: server.address.includes(':') ? '::' : '0.0.0.0' }, { receive, error })
      if (this.#waiting.get(key) !== waiting) return socket.close()
      waiting.opened.push(socket)
      // What is not sent for want of room is sent again in time.
      socket.send(data, server)
    } catch (why) {
      error(why as Error & { code: string })
    }
  }

  // ---- the rest ----

  get servers(): readonly Server[] {
    return this.#resolver.servers
  }

  set servers(servers: readonly Server[]) {
    this.#resolver.servers = servers
  }

  setServers(servers: readonly string[]): void {
    this.servers = readServers(servers)
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

/** Names under the link's domain (RFC 6762 §3). */
const LOCAL = /(^|\.)local\.?$/i

/** Names that never leave (RFC 6761 §6.3, §6.4; RFC 6762 §3). */
function special(name: string, type: number): Answer | undefined {
  const answer = { name, records: [], expires: 0 }
  if (/(^|\.)invalid$/i.test(name) || LOCAL.test(name)) return { ...answer, code: 'ENOTFOUND' }
  if (!/(^|\.)localhost$/i.test(name)) return undefined
  const data = type === TYPE.A ? LOOPBACK4 : type === TYPE.AAAA ? LOOPBACK6 : undefined
  return data === undefined ? { ...answer, code: 'ENODATA' } : { ...answer, code: undefined, records: [{ name, type, class: IN, ttl: 0, data }] }
}
