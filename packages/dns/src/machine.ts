/**
 * The resolver without a loop: questions in, what is to be sent and what came of it out. Read RFC 1035 §7 and RFC 5452 before touching what
 * is believed.
 *
 * Of an answer only this is believed: what comes from whom was asked, under the number and with the question that was asked, and of its
 * records those that lead from the question's name to what was asked for. Nothing else is kept.
 */

import type { Endpoint, Env, Instant, Machine } from '@favonius/contract'
import { earliest, failure } from '@favonius/inet'
import { Cache, type Answer } from './cache.ts'
import { canonical, type Server } from './servers.ts'
import { emitQuery, FLAG, IN, parse, RCODE, TYPE, type Authority, type Message, type Resource } from './wire.ts'

/** What happens to a resolver. */
export type ResolverInput =
  /** Somebody asks; `done` follows, once for all who ask the same. */
  | { readonly kind: 'ask'; readonly name: string; readonly type: number }
  /** Nobody waits for it any more. */
  | { readonly kind: 'forget'; readonly key: string }
  /** A message came for what was sent; by a stream, from whom it leads to. */
  | { readonly kind: 'heard'; readonly exchange: Exchange; readonly from: Endpoint; readonly data: Uint8Array }
  /** It could not be sent, or was refused; `code` is errno's. */
  | { readonly kind: 'failed'; readonly exchange: Exchange; readonly code: string }

/** What a resolver wants done. */
export type ResolverOutput = Exchange | { readonly kind: 'done'; readonly key: string; readonly answer: Answer }

/** One message, to be sent from a port that no other uses, or by a new stream. What comes of it is told with it, until its question is `done`. */
export interface Exchange {
  readonly kind: 'send'
  readonly key: string
  readonly query: Query
  readonly server: Server
  readonly stream: boolean
  readonly data: Uint8Array
  readonly id: number
  /** In the case in which it was asked for. */
  readonly name: string
  readonly edns: boolean
}

/** As `dnsOptions` has them. */
export interface ResolverSettings {
  readonly timeout: number
  readonly rounds: number
  readonly maxQueries: number
  readonly maxAliases: number
  readonly cacheSize: number
  readonly maxTtl: number
  readonly ednsSize: number
  readonly mixCase: boolean
  /** Truncated answers can be asked for again by TCP. */
  readonly streams: boolean
}

/** Why messages were not believed. */
export type Disbelief = 'malformed' | 'source' | 'id' | 'question' | 'case' | 'late'

/** What was counted. */
export interface ResolverStatistics {
  sent: number
  received: number
  /** Answers taken from the cache. */
  hits: number
  readonly dropped: Record<Disbelief, number>
}

/** One question under way. */
export interface Query {
  readonly key: string
  readonly type: number
  /** What is asked for now: the name, or where its aliases have led. */
  name: string
  aliases: number
  /** Seconds that the aliases so far are true. */
  ttl: number
  /** Servers asked, each time counted, and the last of them. */
  asked: number
  server: Server | undefined
  /** Those that answered that they cannot. */
  readonly refused: Set<Server>
  code: string
  due: Instant
  last: Exchange | undefined
}

/** RFC 2308 §5: seconds that an absence is remembered at most. */
const MAX_NEGATIVE = 10_800

/** By response code. */
const CODES: readonly string[] = ['', 'EFORMERR', 'ESERVFAIL', 'ENOTFOUND', 'ENOTIMP', 'EREFUSED']

/** What one question is known by. */
export const keyOf = (name: string, type: number): string => `${name.toLowerCase()}/${type}`

const same = (a: string, b: string): boolean => a === b || a.toLowerCase() === b.toLowerCase()

/** Whether `name` is `zone` or below it. */
const within = (name: string, zone: string): boolean => zone === '.' || same(name, zone) || name.toLowerCase().endsWith(`.${zone.toLowerCase()}`)

export class Resolver implements Machine<ResolverInput, ResolverOutput> {
  readonly cache: Cache
  readonly statistics: ResolverStatistics = {
    sent: 0, received: 0, hits: 0, dropped: { malformed: 0, source: 0, id: 0, question: 0, case: 0, late: 0 },
  }
  /** In the order in which they are asked. */
  servers: readonly Server[]
  readonly #random: Env['random']
  readonly #settings: ResolverSettings
  readonly #queries = new Map<string, Query>()
  readonly #out: ResolverOutput[] = []

  constructor(random: Env['random'], servers: readonly Server[], settings: ResolverSettings) {
    this.#random = random
    this.servers = servers
    this.#settings = settings
    this.cache = new Cache(settings.cacheSize)
  }

  /** What is known already, under the key of a question. */
  find(key: string, now: Instant): Answer | undefined {
    const found = this.cache.find(key, now)
    if (found !== undefined) this.statistics.hits++
    return found
  }

  handle(input: ResolverInput, now: Instant): void {
    switch (input.kind) {
      case 'ask': return this.#ask(input.name, input.type, now)
      case 'forget': this.#queries.delete(input.key); return
      case 'failed': return this.#refuse(input.exchange, input.code, now)
      case 'heard': return this.#hear(input.exchange, input.from, input.data, now)
    }
  }

  tick(now: Instant): void {
    for (const query of this.#queries.values()) if (query.due <= now) this.#next(query, now)
  }

  poll(): ResolverOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    return earliest(this.#queries.values())
  }

  // ---- asking ----

  #ask(name: string, type: number, now: Instant): void {
    const key = keyOf(name, type)
    if (this.#queries.has(key)) return
    if (this.#queries.size >= this.#settings.maxQueries) throw failure('ENOBUFS', `${this.#queries.size} DNS questions are under way: raise maxQueries, or ask later`)
    const query: Query = { key, type, name, aliases: 0, ttl: this.#settings.maxTtl, asked: 0, server: undefined, refused: new Set(), code: 'ETIMEOUT', due: now, last: undefined }
    this.#next(query, now)
  }

  /** RFC 1035 §4.2.1: another server first, the same one again only when all were asked. */
  #next(query: Query, now: Instant): void {
    const { servers } = this
    const { rounds } = this.#settings
    if (servers.length === 0) return this.#done(query, now, 'ENOSERVER')
    while (query.asked < rounds * servers.length) {
      const server = servers[query.asked % servers.length]!
      const round = Math.floor(query.asked++ / servers.length)
      if (query.refused.has(server)) continue
      query.due = now + this.#settings.timeout * 2 ** round
      query.server = server
      return this.#send(query, server, false)
    }
    this.#done(query, now, query.code)
  }

  #send(query: Query, server: Server, stream: boolean): void {
    const id = this.#random.uint32() & 0xffff
    const name = this.#settings.mixCase && !server.caseless ? this.#mixed(query.name) : query.name
    const size = server.plain ? 0 : this.#settings.ednsSize
    const data = emitQuery(id, name, query.type, size)
    this.#queries.set(query.key, query)
    query.last = { kind: 'send', key: query.key, query, server, stream, data, id, name, edns: size > 0 }
    this.statistics.sent++
    this.#out.push(query.last)
  }

  /** draft-vixie-dnsext-dns0x20: a bit for each letter that a forger must guess. */
  #mixed(name: string): string {
    return name.replace(/[a-z]/gi, (letter) => (this.#random.uint32() & 1 ? letter.toUpperCase() : letter.toLowerCase()))
  }

  // ---- believing ----

  #hear(exchange: Exchange, from: Endpoint, data: Uint8Array, now: Instant): void {
    const { statistics } = this
    statistics.received++
    const heard = this.#read(exchange, from, data)
    if (typeof heard !== 'string') return this.#take(exchange, heard, now)
    statistics.dropped[heard]++
    if (heard !== 'case') return
    // A server that does not repeat our case, or a forger who has guessed all else: TCP tells.
    const { query, server } = exchange
    if (!this.#settings.streams) server.caseless = true
    this.#send(query, server, this.#settings.streams)
  }

  #isUnderWay({ key, query }: Exchange): boolean {
    return this.#queries.get(key) === query
  }

  /** The message, when it answers what was sent; otherwise why not (RFC 5452 §9.1). */
  #read(exchange: Exchange, from: Endpoint, data: Uint8Array): Message | Disbelief {
    const { server, stream, id, name, query } = exchange
    if (!this.#isUnderWay(exchange)) return 'late'
    if (from.port !== server.port || canonical(from.address) !== server.address) return 'source'
    const message = parse(data)
    if ('malformed' in message) return 'malformed'
    if (message.id !== id || (message.flags & (FLAG.QR | FLAG.OPCODE)) !== FLAG.QR) return 'id'
    const { questions: [told], questions: { length } } = message
    // Who could not read the question cannot repeat it.
    if (length === 0 && (message.flags & FLAG.RCODE) === RCODE.FORMERR) return message
    if (length !== 1 || told!.type !== query.type || told!.class !== IN || !same(told!.name, name)) return 'question'
    // One such answer is enough to ask again: those that follow it are not.
    if (told!.name !== name && !stream && !server.caseless) return query.last === exchange ? 'case' : 'late'
    return message
  }

  #take(exchange: Exchange, message: Message, now: Instant): void {
    const { query, server, stream, edns } = exchange
    const rcode = (message.flags & FLAG.RCODE) | ((message.edns?.rcode ?? 0) << 4)
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) {
      // RFC 6891 §7: it may not know EDNS(0), or not our version of it.
      if (edns && !server.plain && (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === 16)) {
        server.plain = true
        return this.#send(query, server, stream)
      }
      return this.#refuse(exchange, CODES[rcode] ?? 'EBADRESP', now)
    }
    if (message.flags & FLAG.TC) {
      // RFC 2181 §9: of what was cut off nothing is used.
      if (stream || !this.#settings.streams) return this.#refuse(exchange, 'EBADRESP', now)
      query.due = now + this.#settings.timeout
      return this.#send(query, server, true)
    }
    this.#follow(exchange, message, rcode === RCODE.NXDOMAIN, now)
  }

  /** From the name that was asked for along its aliases (RFC 1034 §3.6.2), to what was asked for. */
  #follow(exchange: Exchange, { answers, authorities, flags }: Message, absent: boolean, now: Instant): void {
    const { query } = exchange
    const began = query.name
    const of = (type: number): Resource[] => answers.filter((record) => record.type === type && record.class === IN && same(record.name, query.name))
    let records = of(query.type)
    while (records.length === 0) {
      const [alias] = of(TYPE.CNAME)
      if (alias === undefined) break
      if (++query.aliases > this.#settings.maxAliases) return this.#done(query, now, 'EBADRESP')
      query.ttl = Math.min(query.ttl, alias.ttl)
      query.name = alias.data as string
      records = of(query.type)
    }
    if (records.length > 0) return this.#done(query, now, undefined, Math.min(query.ttl, ...records.map(({ ttl }) => ttl)), records)
    const soa = authorities.find(({ type, name }) => type === TYPE.SOA && within(query.name, name))
    if (!absent && soa === undefined) {
      // The answer ends with an alias: the rest is to be asked for.
      if (query.name !== began) {
        query.asked = 0
        query.refused.clear()
        return this.#next(query, now)
      }
      // RFC 2308 §2.2: a referral, from a server that does not recurse.
      if (!(flags & FLAG.AA) && authorities.some(({ type }) => type === TYPE.NS)) return this.#refuse(exchange, 'ESERVFAIL', now)
    }
    // RFC 2308 §5: without an SOA it is not remembered.
    const ttl = soa === undefined ? 0 : Math.min(query.ttl, soa.ttl, (soa.data as Authority).minimum, MAX_NEGATIVE)
    this.#done(query, now, absent ? 'ENOTFOUND' : 'ENODATA', ttl)
  }

  /** This server cannot: another one. */
  #refuse(exchange: Exchange, code: string, now: Instant): void {
    const { query, server } = exchange
    if (!this.#isUnderWay(exchange) || query.refused.has(server)) return
    query.refused.add(server)
    query.code = code
    // Of one that was passed over already nothing more was hoped for: the next one is being asked.
    if (query.server === server) this.#next(query, now)
  }

  #done({ key, name }: Query, now: Instant, code: string | undefined, ttl = 0, records: readonly Resource[] = []): void {
    const answer: Answer = { code, name, records, expires: now + ttl * 1000 }
    this.cache.add(key, answer, now)
    this.#queries.delete(key)
    this.#out.push({ kind: 'done', key, answer })
  }
}
