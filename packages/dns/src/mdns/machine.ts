/**
 * Multicast DNS without a loop (RFC 6762): names that are ours are probed for, announced, defended and answered for; questions are asked until
 * nobody asks any more, and what is heard is remembered as long as it is true. One machine for one link.
 */

import type { Endpoint, Env, Instant, Machine } from '@favonius/contract'
import { between, failure } from '@favonius/inet'
import { emit, FLAG, IN, parse, TYPE, type Message, type Outgoing, type Question, type Resource } from '../wire.ts'

/** RFC 6762 §3. */
export const PORT = 5353
/** RFC 6762 §10.2 of records, §5.4 of questions. */
const TOP = 0x8000
/** Bytes of a message: one Ethernet frame's (RFC 6762 §17). */
const ROOM = 1440

export type MdnsInput =
  /** These records are to be ours; those in `unique` ours alone. `established` or `conflict` follows. */
  | { readonly kind: 'claim'; readonly id: number; readonly unique: readonly Resource[]; readonly shared: readonly Resource[] }
  /** They are no longer: goodbye. */
  | { readonly kind: 'release'; readonly id: number }
  /** Ask until `cease`; `added` follows at once for what is known. */
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly type: number }
  | { readonly kind: 'cease'; readonly id: number }
  | { readonly kind: 'heard'; readonly from: Endpoint; readonly data: Uint8Array }

export type MdnsOutput =
  /** To the group, unless it says to whom. */
  | { readonly kind: 'send'; readonly to: Endpoint | undefined; readonly data: Uint8Array }
  | { readonly kind: 'established'; readonly id: number }
  /** Somebody else has the name: the claim is gone, another name is to be chosen (RFC 6762 §9). */
  | { readonly kind: 'conflict'; readonly id: number }
  | { readonly kind: 'added' | 'removed'; readonly id: number; readonly record: Resource }

/** As `mdnsOptions` has them. */
export interface MdnsSettings {
  readonly maxRecords: number
}

interface Job {
  due: Instant
  readonly run: (now: Instant) => void
}

interface Claim {
  readonly id: number
  readonly unique: readonly Resource[]
  readonly shared: readonly Resource[]
  state: 'probing' | 'established'
  sent: number
  job: Job
}

interface Ask {
  readonly id: number
  readonly name: string
  readonly type: number
  interval: number
  job: Job
}

/** A record that was heard. */
interface Known {
  readonly record: Resource
  readonly heard: Instant
  /** Its life in milliseconds. */
  readonly life: number
  expires: Instant
  stage: number
  job: Job
}

/** RFC 6762 §5.2: when a record that is asked for is asked for anew, in hundredths of its life. */
const REFRESH = [80, 85, 90, 95]

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
const matches = (record: Resource, name: string, type: number): boolean => (type === TYPE.ANY || record.type === type) && same(record.name, name)

/** What a record says, as bytes without compression (RFC 6762 §8.2). */
function rdata(record: Resource): Uint8Array {
  const into = new Uint8Array(9000)
  return into.slice(23, emit({ id: 0, flags: 0, answers: [{ ...record, name: '.', ttl: 0 }] }, into))
}

/** RFC 6762 §8.2: the class without its highest bit, the type, the data. */
function compare(a: Resource, b: Resource): number {
  const [x, y] = [rdata(a), rdata(b)]
  let at = 0
  while (at < x.length && at < y.length && x[at] === y[at]) at++
  return (a.class & 0x7fff) - (b.class & 0x7fff) || a.type - b.type || (x[at] ?? -1) - (y[at] ?? -1)
}

const equal = (a: Resource, b: Resource): boolean => same(a.name, b.name) && compare(a, b) === 0

/** RFC 6762 §6.1: of a name that is ours alone, the types that it has, and so the types that it has not. */
function nsec(name: string, records: readonly Resource[]): Resource {
  const bits = new Uint8Array(32)
  for (const { type } of records) if (type < 256) bits[type >> 3]! |= 0x80 >> (type & 7)
  let length = 32
  while (bits[length - 1] === 0) length--
  const into = new Uint8Array(300)
  // A name's own bytes, as a question has them behind the header.
  const end = emit({ id: 0, flags: 0, questions: [{ name, type: 0, class: 0 }] }, into) - 4
  return { name, type: TYPE.NSEC, class: IN | TOP, ttl: records[0]!.ttl, data: Uint8Array.of(...into.subarray(12, end), 0, length, ...bits.subarray(0, length)) }
}

export class MdnsMachine implements Machine<MdnsInput, MdnsOutput> {
  readonly #random: Env['random']
  readonly #limit: number
  readonly #out: MdnsOutput[] = []
  readonly #jobs = new Set<Job>()
  readonly #claims = new Map<number, Claim>()
  readonly #asks = new Map<number, Ask>()
  #known: Known[] = []
  /** Answers that wait for others to go with (RFC 6762 §6.3), with those that must not be said again within a second (§6). */
  #answers = new Set<Resource>()
  readonly #said = new Map<Resource, Instant>()
  #aggregate: Job | undefined

  constructor(random: Env['random'], settings: MdnsSettings) {
    this.#random = random
    this.#limit = settings.maxRecords
  }

  // ---- the loop ----

  tick(now: Instant): void {
    for (;;) {
      const job = this.#first()
      if (job === undefined || job.due > now) return
      this.#jobs.delete(job)
      job.run(now)
    }
  }

  poll(): MdnsOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    return this.#first()?.due
  }

  #first(): Job | undefined {
    let first: Job | undefined
    for (const job of this.#jobs) if (first === undefined || job.due < first.due) first = job
    return first
  }

  #at(due: Instant, run: (now: Instant) => void): Job {
    const job = { due, run }
    this.#jobs.add(job)
    return job
  }

  /** Milliseconds in a range, by chance. */
  #between(least: number, most: number): number {
    return between(this.#random, least, most)
  }

  handle(input: MdnsInput, now: Instant): void {
    switch (input.kind) {
      case 'claim': return this.#claim(input, now)
      case 'release': return this.#release(input.id)
      case 'ask': return this.#ask(input, now)
      case 'cease': {
        const ask = this.#asks.get(input.id)
        if (ask !== undefined) this.#jobs.delete(ask.job)
        this.#asks.delete(input.id)
        return
      }
      case 'heard': {
        const message = parse(input.data)
        // RFC 6762 §18.3, §18.11: with another opcode or response code it is not for us.
        if ('malformed' in message || message.flags & (FLAG.OPCODE | FLAG.RCODE)) return
        if (!(message.flags & FLAG.QR)) this.#query(message, input.from, now)
        // RFC 6762 §6: responses come from port 5353.
        else if (input.from.port === PORT) this.#response(message, now)
      }
    }
  }

  #send(message: Omit<Outgoing, 'id'> & { readonly id?: number }, to?: Endpoint): void {
    const into = new Uint8Array(9000)
    this.#out.push({ kind: 'send', to, data: into.slice(0, emit({ id: 0, ...message }, into)) })
  }

  // ---- names of ours ----

  #claim({ id, unique, shared }: MdnsInput & { kind: 'claim' }, now: Instant): void {
    const flushed = unique.map((record) => ({ ...record, class: IN | TOP }))
    // RFC 6762 §8.1: hosts that are switched on together are not to probe together.
    const claim: Claim = { id, unique: flushed, shared, state: 'probing', sent: 0, job: this.#at(now + this.#between(0, 250), (at) => this.#probe(claim, at)) }
    this.#claims.set(id, claim)
  }

  /** RFC 6762 §8.1: three probes, 250 ms apart, and then as long again. */
  #probe(claim: Claim, now: Instant): void {
    if (claim.sent === 3 || claim.unique.length === 0) {
      claim.state = 'established'
      claim.sent = 0
      this.#out.push({ kind: 'established', id: claim.id })
      return this.#announce(claim, now)
    }
    claim.sent++
    const questions = [...new Set(claim.unique.map(({ name }) => name))].map((name) => ({ name, type: TYPE.ANY, class: IN | TOP }))
    // RFC 6762 §10.2: proposed records do not flush.
    this.#send({ flags: 0, questions, authorities: claim.unique.map((record) => ({ ...record, class: IN })) })
    claim.job = this.#at(now + 250, (at) => this.#probe(claim, at))
  }

  /** RFC 6762 §8.3: twice, a second apart. */
  #announce(claim: Claim, now: Instant): void {
    const answers = [...claim.shared, ...claim.unique]
    this.#send({ flags: FLAG.QR | FLAG.AA, answers })
    for (const record of answers) this.#said.set(record, now)
    if (++claim.sent < 2) claim.job = this.#at(now + 1000, (at) => this.#announce(claim, at))
  }

  /** RFC 6762 §10.1. */
  #release(id: number): void {
    const claim = this.#drop(id)
    if (claim?.state !== 'established') return
    const shared = [...claim.shared, ...claim.unique].filter((record) => !this.#ours().some((other) => equal(other, record)))
    if (shared.length > 0) this.#send({ flags: FLAG.QR | FLAG.AA, answers: shared.map((record) => ({ ...record, ttl: 0 })) })
  }

  #drop(id: number): Claim | undefined {
    const claim = this.#claims.get(id)
    if (claim === undefined) return undefined
    this.#claims.delete(id)
    this.#jobs.delete(claim.job)
    for (const record of [...claim.shared, ...claim.unique]) {
      this.#said.delete(record)
      this.#answers.delete(record)
    }
    return claim
  }

  #ours(): Resource[] {
    return [...this.#claims.values()].flatMap(({ state, shared, unique }) => (state === 'established' ? [...shared, ...unique] : []))
  }

  // ---- questions of others ----

  #query({ id, flags, questions, answers: known, authorities }: Message, from: Endpoint, now: Instant): void {
    for (const claim of this.#claims.values()) if (claim.state === 'probing') this.#tieBreak(claim, authorities, now)
    // RFC 6762 §6.7: who asks from another port knows DNS alone.
    const legacy = from.port !== PORT
    const immediate = new Set<Resource>()
    const delayed = new Set<Resource>()
    const direct = new Set<Resource>()
    const ours = this.#ours()
    for (const { name, type, class: class_ } of questions) {
      const named = ours.filter((record) => same(record.name, name))
      const found = named.filter((record) => matches(record, name, type))
      // RFC 6762 §6.1: what is ours alone and has no such type says so.
      const alone = named.filter((record) => record.class & TOP)
      if (found.length === 0 && alone.length > 0) (legacy || class_ & TOP ? direct : immediate).add(nsec(alone[0]!.name, alone))
      for (const record of found) {
        // RFC 6762 §7.1: what is known with half of its life left is not said.
        if (known.some((one) => one.ttl * 2 >= record.ttl && equal(one, record))) continue
        const recent = now - (this.#said.get(record) ?? -Infinity)
        // RFC 6762 §5.4: by unicast, when the group has heard it within a quarter of its life.
        if (legacy || (class_ & TOP && recent < record.ttl * 250)) direct.add(record)
        // RFC 6762 §6: not twice in a second; but a prober is answered.
        else if (recent >= 1000 || authorities.length > 0) (record.class & TOP ? immediate : delayed).add(record)
      }
    }
    if (direct.size > 0) this.#answer([...direct], from, legacy ? { id, questions } : undefined)
    // RFC 6762 §6, §7.2: shared answers are many people's: by chance one after another; and more known answers follow a truncated question.
    for (const record of flags & FLAG.TC ? [...immediate, ...delayed] : delayed) this.#answers.add(record)
    if (this.#answers.size > 0 && this.#aggregate === undefined) {
      this.#aggregate = this.#at(now + (flags & FLAG.TC ? this.#between(400, 500) : this.#between(20, 120)), (at) => this.#flush(at))
    }
    if (questions.length === 0) for (const record of this.#answers) if (known.some((one) => one.ttl * 2 >= record.ttl && equal(one, record))) this.#answers.delete(record)
    if (!(flags & FLAG.TC) && immediate.size > 0) this.#multicast([...immediate], now)
  }

  #flush(now: Instant): void {
    this.#aggregate = undefined
    const answers = [...this.#answers]
    this.#answers.clear()
    if (answers.length > 0) this.#multicast(answers, now)
  }

  #multicast(answers: readonly Resource[], now: Instant): void {
    for (const record of answers) this.#said.set(record, now)
    // What was made for this answer alone is not remembered.
    for (const record of answers) if (record.type === TYPE.NSEC) this.#said.delete(record)
    this.#answer(answers, undefined, undefined)
  }

  #answer(answers: readonly Resource[], to: Endpoint | undefined, legacy: { readonly id: number; readonly questions: readonly Question[] } | undefined): void {
    // RFC 6763 §12: with a pointer its service, with a service its addresses.
    const additionals = new Set<Resource>()
    const follow = (name: string): void => {
      for (const record of this.#ours()) {
        if (!(record.class & TOP) || !same(record.name, name) || answers.includes(record) || additionals.has(record)) continue
        additionals.add(record)
        if (record.type === TYPE.SRV) follow((record.data as { target: string }).target)
      }
    }
    for (const { type, data } of answers) {
      if (type === TYPE.PTR) follow(data as string)
      if (type === TYPE.SRV) follow((data as { target: string }).target)
    }
    // RFC 6762 §6.7: ten seconds at most, and no flag that DNS does not have.
    const shown = (record: Resource): Resource => (legacy === undefined ? record : { ...record, class: IN, ttl: Math.min(record.ttl, 10) })
    const message = { flags: FLAG.QR | FLAG.AA, ...legacy, answers: answers.map(shown) }
    this.#send({ ...message, additionals: [...additionals].map(shown) }, to)
  }

  /** RFC 6762 §8.2: two who probe for one name at once: whose records come later in order has it. */
  #tieBreak(claim: Claim, authorities: readonly Resource[], now: Instant): void {
    const order = (records: readonly Resource[]): Resource[] => records.filter(({ name }) => claim.unique.some((record) => same(record.name, name))).sort(compare)
    const [theirs, ours] = [order(authorities), order(claim.unique)]
    if (theirs.length === 0) return
    let difference = 0
    for (let i = 0; difference === 0 && i < Math.max(theirs.length, ours.length); i++) {
      const [our, their] = [ours[i], theirs[i]]
      difference = our === undefined ? -1 : their === undefined ? 1 : compare(our, their)
    }
    if (difference >= 0) return
    // We have lost: a second later the winner has the name, or was a ghost.
    this.#jobs.delete(claim.job)
    claim.sent = 0
    claim.job = this.#at(now + 1000, (at) => this.#probe(claim, at))
  }

  // ---- what others say ----

  #response({ answers, additionals }: Message, now: Instant): void {
    const records = [...answers, ...additionals].filter((record) => (record.class & 0x7fff) === IN)
    for (const claim of [...this.#claims.values()]) this.#defend(claim, records, now)
    const flushed = new Set<string>()
    for (const record of records) {
      const key = `${record.name.toLowerCase()}/${record.type}`
      // RFC 6762 §10.2: the others of this name and type are over in a second, unless they were said within the last one.
      if (record.class & TOP && !flushed.has(key)) {
        flushed.add(key)
        for (const known of this.#known) if (matches(known.record, record.name, record.type) && now - known.heard > 1000) this.#shorten(known, now)
      }
      this.#learn(record, now)
    }
  }

  #defend(claim: Claim, records: readonly Resource[], now: Instant): void {
    const foreign = records.some((record) => record.ttl > 0 && claim.unique.some((own) => same(own.name, record.name) && (claim.state === 'probing' || own.type === record.type))
      && !claim.unique.some((own) => equal(own, record)) && record.type !== TYPE.NSEC)
    if (!foreign) return
    if (claim.state === 'probing') {
      this.#drop(claim.id)
      this.#out.push({ kind: 'conflict', id: claim.id })
      return
    }
    // RFC 6762 §9: whose it is, probing tells.
    this.#jobs.delete(claim.job)
    claim.state = 'probing'
    claim.sent = 0
    this.#probe(claim, now)
  }

  #learn(record: Resource, now: Instant): void {
    const before = this.#known.find((known) => equal(known.record, record))
    if (record.ttl === 0) {
      // RFC 6762 §10.1: goodbye, in a second.
      if (before !== undefined) this.#shorten(before, now)
      return
    }
    if (before !== undefined) this.#jobs.delete(before.job)
    else if (this.#known.length >= this.#limit) this.#forget(this.#known[0]!)
    const life = record.ttl * 1000
    const known: Known = { record, heard: now, life, expires: now + life, stage: 0, job: this.#at(0, () => {}) }
    this.#jobs.delete(known.job)
    this.#known = [...this.#known.filter((one) => one !== before), known]
    this.#keep(known)
    if (before !== undefined) return
    for (const ask of this.#asks.values()) if (matches(record, ask.name, ask.type)) this.#out.push({ kind: 'added', id: ask.id, record })
  }

  /** RFC 6762 §5.2: what somebody here asks for is asked for anew before it is over. */
  #keep(known: Known): void {
    const share = REFRESH[known.stage]
    if (share === undefined) {
      known.job = this.#at(known.expires, () => this.#forget(known))
      return
    }
    known.job = this.#at(known.heard + known.life * (share + this.#between(0, 2)) / 100, (now) => {
      known.stage++
      const { name, type } = known.record
      if ([...this.#asks.values()].some((ask) => matches(known.record, ask.name, ask.type))) this.#question([{ name, type, class: IN }], now)
      this.#keep(known)
    })
  }

  #shorten(known: Known, now: Instant): void {
    if (known.expires <= now + 1000) return
    this.#jobs.delete(known.job)
    known.expires = now + 1000
    known.stage = REFRESH.length
    this.#keep(known)
  }

  #forget(known: Known): void {
    this.#jobs.delete(known.job)
    this.#known = this.#known.filter((one) => one !== known)
    for (const ask of this.#asks.values()) if (matches(known.record, ask.name, ask.type)) this.#out.push({ kind: 'removed', id: ask.id, record: known.record })
  }

  // ---- our questions ----

  #ask({ id, name, type }: MdnsInput & { kind: 'ask' }, now: Instant): void {
    // A name that is none is the caller's mistake, and is to be heard of now.
    emit({ id: 0, flags: 0, questions: [{ name, type, class: IN }] }, new Uint8Array(300))
    if (this.#asks.has(id)) throw failure('EEXIST', `question ${id} is asked already`)
    for (const { record } of this.#known) if (matches(record, name, type)) this.#out.push({ kind: 'added', id, record })
    // RFC 6762 §5.2: the first after 20 to 120 ms, the second a second later, and then after twice the time, up to an hour.
    const ask: Ask = { id, name, type, interval: 1000, job: this.#at(now + this.#between(20, 120), (at) => this.#repeat(ask, at)) }
    this.#asks.set(id, ask)
  }

  #repeat(ask: Ask, now: Instant): void {
    this.#question([{ name: ask.name, type: ask.type, class: IN }], now)
    ask.job = this.#at(now + ask.interval, (at) => this.#repeat(ask, at))
    ask.interval = Math.min(ask.interval * 2, 3_600_000)
  }

  /** RFC 6762 §7.1: with what is known already, as far as it fits; the rest in messages that follow (§7.2). */
  #question(questions: readonly Question[], now: Instant): void {
    const known = this.#known.filter(({ record, expires, life }) => expires - now > life / 2 && questions.some(({ name, type }) => matches(record, name, type)))
      .map(({ record, expires }) => ({ ...record, class: record.class & 0x7fff, ttl: Math.floor((expires - now) / 1000) }))
    const messages: Resource[][] = [[]]
    let room = ROOM - 300
    for (const record of known) {
      room -= record.name.length + 12 + rdata(record).length
      if (room < 0) {
        messages.push([])
        room = ROOM - 300
      }
      messages.at(-1)!.push(record)
    }
    messages.forEach((answers, i) => this.#send({ flags: i < messages.length - 1 ? FLAG.TC : 0, questions: i === 0 ? questions : [], answers }))
  }
}
