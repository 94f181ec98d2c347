/**
 * DNS messages: RFC 1035 §4, SRV of RFC 2782, AAAA of RFC 3596, EDNS(0) of RFC 6891. Read §4.1.4 before touching names.
 *
 * A name is text as RFC 1035 §5.1 writes it, without the last dot (the root is `.`): a dot or a backslash within a label is escaped by a
 * backslash, and a byte that is no visible ASCII as `\DDD`. So every name on the wire has one text, and comes back from it.
 */

import type { Address, Malformed } from '@favonius/contract'
import { failure, ipv4, ipv6 } from '@favonius/inet'

/** Where the fields of the header stand. */
export const at = { id: 0, flags: 2, questions: 4, answers: 6, authorities: 8, additionals: 10 } as const
/** Bytes of header before the questions. */
export const HEADER = 12

/** Bits of the header's second word (RFC 1035 §4.1.1). The last four are the response code. */
export const FLAG = { QR: 0x8000, OPCODE: 0x7800, AA: 0x400, TC: 0x200, RD: 0x100, RA: 0x80, RCODE: 15 } as const
/** RFC 1035 §4.1.1. */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const
/** Types that have a form of their own here; others are bytes. */
export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, NSEC: 47, ANY: 255 } as const
/** The Internet (RFC 1035 §3.2.4). */
export const IN = 1

/** RFC 2782: where a service is. */
export interface Service {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: string
}

/** RFC 1035 §3.3.13: who answers for a zone. Times in seconds. */
export interface Authority {
  readonly primary: string
  readonly mailbox: string
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  /** Seconds for which a name's absence may be remembered (RFC 2308 §4). */
  readonly minimum: number
}

/** What a record says: A and AAAA an address; CNAME, NS and PTR a name; SRV, SOA; TXT its strings; any other type its bytes. */
export type Data = Address | string | Service | Authority | readonly Uint8Array[] | Uint8Array

/** RFC 1035 §4.1.2. */
export interface Question {
  readonly name: string
  readonly type: number
  /** 1 is the Internet; its highest bit is mDNS's QU (RFC 6762 §5.4). */
  readonly class: number
}

/** RFC 1035 §4.1.3. */
export interface Resource extends Question {
  /** Seconds. In `class`, the highest bit is mDNS's cache flush (RFC 6762 §10.2). */
  readonly ttl: number
  /** Its form follows from `type`. */
  readonly data: Data
}

/** The OPT record (RFC 6891 §6.1). */
export interface Edns {
  /** Bytes of the largest datagram that its sender takes. */
  readonly size: number
  /** The upper eight bits of the response code. */
  readonly rcode: number
  readonly version: number
  readonly flags: number
  readonly options: Uint8Array
}

/** A message, read. */
export interface Message {
  readonly id: number
  readonly flags: number
  readonly questions: readonly Question[]
  readonly answers: readonly Resource[]
  readonly authorities: readonly Resource[]
  readonly additionals: readonly Resource[]
  readonly edns: Edns | undefined
}

/** What is to be written: whatever is left out is empty. */
export type Outgoing = Partial<Message> & Pick<Message, 'id' | 'flags'>

// ---- reading ----

/**
 * What `parse` has come upon. The first reason stays: `short` (it ends too early), `pointer` (to where no name was), `label` (of an unknown kind),
 * `name` (of more than 255 bytes), `length` (of a record, is wrong), `OPT` (more than one).
 */
class Reader {
  readonly u8: Uint8Array
  at = 0
  why = ''
  edns: Edns | undefined
  /** The first name, which most others point at. */
  #first = ''

  constructor(u8: Uint8Array) {
    this.u8 = u8
  }

  bad(why: string): '.' {
    this.why ||= why
    return '.'
  }

  u16(): number {
    const { u8, at } = this
    if (at + 2 > u8.length) this.bad('short')
    this.at = at + 2
    return (u8[at]! << 8) | u8[at + 1]!
  }

  i32(): number {
    return (this.u16() << 16) | this.u16()
  }

  /** A name, decompressed. Each pointer leads before what was read of the name, so that it ends. */
  name(): string {
    const { u8 } = this
    let from = this.at
    let floor = from
    let end = 0
    let length = 0
    let text = ''
    for (;;) {
      const size = u8[from]
      if (size === undefined) return this.bad('short')
      if (size === 0) break
      if (size >= 0xc0) {
        const to = ((size & 63) << 8) | u8[from + 1]!
        if (end === 0) end = from + 2
        if (to >= floor || to < HEADER) return this.bad('pointer')
        if (to === HEADER && text === '' && this.#first !== '') {
          this.at = end
          return this.#first
        }
        floor = from = to
        continue
      }
      if (size > 63) return this.bad('label')
      length += size + 1
      // RFC 1035 §2.3.4: 255 with the root.
      if (length > 254) return this.bad('name')
      if (text !== '') text += '.'
      const last = from + size
      if (last >= u8.length) return this.bad('short')
      while (from < last) {
        const byte = u8[++from]!
        if (byte > 0x20 && byte < 0x7f) text += byte === 0x2e ? '\\.' : byte === 0x5c ? '\\\\' : String.fromCharCode(byte)
        else text += `\\${String(byte).padStart(3, '0')}`
      }
      from++
    }
    text ||= '.'
    if (this.at === HEADER) this.#first = text
    this.at = end || from + 1
    return text
  }

  question(): Question {
    return { name: this.name(), type: this.u16(), class: this.u16() }
  }

  resources(count: number): Resource[] {
    const read: Resource[] = []
    while (count-- > 0 && this.why === '') {
      const name = this.name()
      const type = this.u16()
      const class_ = this.u16()
      const ttl = this.i32()
      const end = this.u16() + this.at
      if (end > this.u8.length) this.bad('short')
      else if (type === TYPE.OPT) {
        // RFC 6891 §6.1.1: there may be one.
        if (this.edns !== undefined) this.bad('OPT')
        this.edns = { size: class_, rcode: ttl >>> 24, version: (ttl >>> 16) & 255, flags: ttl & 0xffff, options: this.#bytes(end) }
      } else {
        // RFC 2181 §8: a TTL with the highest bit set is zero.
        read.push({ name, type, class: class_, ttl: Math.max(ttl, 0), data: this.#data(type, end) })
        if (this.at !== end) this.bad('length')
      }
    }
    return read
  }

  #bytes(end: number): Uint8Array {
    const from = this.at
    this.at = end
    return this.u8.slice(from, end)
  }

  #data(type: number, end: number): Data {
    switch (type) {
      case TYPE.A: return ipv4(this.i32())
      case TYPE.AAAA: return ipv6(this.i32(), this.i32(), this.i32(), this.i32())
      case TYPE.CNAME: case TYPE.NS: case TYPE.PTR: return this.name()
      case TYPE.SRV: return { priority: this.u16(), weight: this.u16(), port: this.u16(), target: this.name() }
      case TYPE.SOA: return {
        primary: this.name(), mailbox: this.name(), serial: this.i32() >>> 0, refresh: this.i32() >>> 0, retry: this.i32() >>> 0,
        expire: this.i32() >>> 0, minimum: this.i32() >>> 0,
      }
    }
    if (type !== TYPE.TXT) return this.#bytes(end)
    const strings: Uint8Array[] = []
    while (this.at < end) {
      const size = this.u8[this.at++]!
      strings.push(this.#bytes(this.at + size))
    }
    return strings
  }
}

/** The message in `bytes`, all of it, copied; or why it is none. Never throws, and takes time that grows with its length alone. */
export function parse(bytes: Uint8Array): Message | Malformed {
  const reader = new Reader(bytes)
  const id = reader.u16()
  const flags = reader.u16()
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const
  const questions: Question[] = []
  for (let n = counts[0]; n > 0 && reader.why === ''; n--) questions.push(reader.question())
  const [answers, authorities, additionals] = [reader.resources(counts[1]), reader.resources(counts[2]), reader.resources(counts[3])]
  return reader.why ? { malformed: reader.why } : { id, flags, questions, answers, authorities, additionals, edns: reader.edns }
}

// ---- writing ----

function refuse(name: string): never {
  throw failure('EINVAL', `${JSON.stringify(name)} is no domain name: labels of 1 to 63 bytes, 253 in all, in ASCII; other bytes as \\DDD`)
}

/** Writes the label that begins at character `from` of a name, behind its length. Returns both: the character at which it ends times 64, and its length. */
function putLabel(u8: Uint8Array, place: number, name: string, from: number): number {
  let size = 0
  for (; from < name.length; from++) {
    let code = name.charCodeAt(from)
    if (code === 0x2e) break
    if (code === 0x5c) {
      const digits = /^[0-9]{3}/.exec(name.slice(from + 1, from + 4))?.[0]
      code = digits === undefined ? name.charCodeAt(from + 1) : Number(digits)
      from += digits?.length ?? 1
      if (!(code < 256)) refuse(name)
    } else if (code < 0x21 || code > 0x7e) refuse(name)
    u8[place + ++size] = code
  }
  if (size === 0 || size > 63) refuse(name)
  u8[place] = size
  return (from << 6) | size
}

/** A question with recursion desired, and with EDNS(0) when `size`, the bytes of the largest datagram that is taken, is not 0. Throws EINVAL for a name that is none. */
export function emitQuery(id: number, name: string, type: number, size: number): Uint8Array {
  const labels = new Uint8Array(320)
  let end = 0
  for (let from = 0; name !== '.' && from < name.length; from++) {
    const put = putLabel(labels, end, name, from)
    from = put >>> 6
    end += (put & 63) + 1
    if (end > 254) refuse(name)
  }
  const edns = size > 0 ? [0, 0, TYPE.OPT, size >>> 8, size, 0, 0, 0, 0, 0, 0] : []
  return Uint8Array.of(id >>> 8, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, size && 1, ...labels.subarray(0, end + 1), type >>> 8, type, 0, IN, ...edns)
}

/** Writes past the end are lost, and noticed at the end of it all. */
class Writer {
  readonly u8: Uint8Array
  at = 0
  /** Names that were written, each of their endings too, and where. */
  readonly #names: string[] = []
  readonly #places: number[] = []

  constructor(u8: Uint8Array) {
    this.u8 = u8
  }

  u16(value: number): void {
    const { u8, at } = this
    u8[at] = value >>> 8
    u8[at + 1] = value
    this.at = at + 2
  }

  i32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value)
  }

  bytes(value: Uint8Array): void {
    // `set` alone would throw a RangeError where other writes are lost.
    if (this.at + value.length <= this.u8.length) this.u8.set(value, this.at)
    this.at += value.length
  }

  /** A name; endings that were written before become pointers (RFC 1035 §4.1.4), where the type's readers know of them. */
  name(name: string, compress = true): void {
    const { u8 } = this
    const start = this.at
    let from = name === '.' ? name.length : 0
    let rest = name
    while (from < name.length) {
      if (compress) {
        for (let i = 0; i < this.#names.length; i++) if (this.#names[i] === rest) return this.u16(0xc000 | this.#places[i]!)
        if (this.at < 0x4000) {
          this.#names.push(rest)
          this.#places.push(this.at)
        }
      }
      const put = putLabel(u8, this.at, name, from)
      from = put >>> 6
      this.at += (put & 63) + 1
      // RFC 1035 §2.3.4.
      if (this.at - start > 254) refuse(name)
      if (++from < name.length) rest = name.slice(from)
    }
    u8[this.at++] = 0
  }

  question({ name, type, class: class_ }: Question): void {
    this.name(name)
    this.u16(type)
    this.u16(class_)
  }

  resource(record: Resource): void {
    this.question(record)
    this.i32(record.ttl)
    const begin = (this.at += 2)
    this.#data(record)
    const length = this.at - begin
    this.u8[begin - 2] = length >>> 8
    this.u8[begin - 1] = length
  }

  #data({ type, data }: Resource): void {
    switch (type) {
      case TYPE.A: return this.i32((data as Address).w3)
      case TYPE.AAAA: {
        const { w0, w1, w2, w3 } = data as Address
        this.i32(w0)
        this.i32(w1)
        this.i32(w2)
        return this.i32(w3)
      }
      case TYPE.CNAME: case TYPE.NS: case TYPE.PTR: return this.name(data as string)
      case TYPE.SRV: {
        const { priority, weight, port, target } = data as Service
        this.u16(priority)
        this.u16(weight)
        this.u16(port)
        // RFC 2782: the target is not compressed.
        return this.name(target, false)
      }
      case TYPE.SOA: {
        const soa = data as Authority
        this.name(soa.primary)
        this.name(soa.mailbox)
        for (const value of [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum]) this.i32(value)
        return
      }
      case TYPE.TXT: {
        for (const one of data as readonly Uint8Array[]) {
          if (one.length > 255) throw failure('EINVAL', `a string of a TXT record has 255 bytes at most, not ${one.length}`)
          this.u8[this.at++] = one.length
          this.bytes(one)
        }
        return
      }
      default: this.bytes(data as Uint8Array)
    }
  }

  edns({ size, rcode, version, flags, options }: Edns): void {
    this.u8[this.at++] = 0
    this.u16(TYPE.OPT)
    this.u16(size)
    this.u16((rcode << 8) | version)
    this.u16(flags)
    this.u16(options.length)
    this.bytes(options)
  }
}

const none: readonly never[] = []

/**
 * Writes a message at the beginning of `into` and returns its length, with names compressed. Throws EMSGSIZE when it does not fit, and
 * EINVAL for a name that is none.
 */
export function emit(message: Outgoing, into: Uint8Array): number {
  const { questions = none, answers = none, authorities = none, additionals = none, edns } = message
  const writer = new Writer(into)
  writer.u16(message.id)
  writer.u16(message.flags)
  writer.u16(questions.length)
  writer.u16(answers.length)
  writer.u16(authorities.length)
  writer.u16(additionals.length + (edns === undefined ? 0 : 1))
  for (let i = 0; i < questions.length; i++) writer.question(questions[i]!)
  for (let i = 0; i < answers.length; i++) writer.resource(answers[i]!)
  for (let i = 0; i < authorities.length; i++) writer.resource(authorities[i]!)
  for (let i = 0; i < additionals.length; i++) writer.resource(additionals[i]!)
  if (edns !== undefined) writer.edns(edns)
  if (writer.at > into.length) throw failure('EMSGSIZE', `the message has ${writer.at} bytes, and there is room for ${into.length}`)
  return writer.at
}
