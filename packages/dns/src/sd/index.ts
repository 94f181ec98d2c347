/**
 * DNS service discovery (RFC 6763) over mDNS: services of ours, and those of others on the link.
 *
 * @packageDocumentation
 */

import type { Env } from '@favonius/contract'
import { deferred, type Deferred } from '@favonius/clock'
import { HOST_TTL, type Mdns, type MdnsName } from '../mdns/index.ts'
import { IN, TYPE, type Resource, type Service } from '../wire.ts'

/** RFC 6762 §10: 75 minutes for what holds no host's name. */
const SERVICE_TTL = 4500

/** A service to be found. */
export interface ServiceOffer {
  /** For people, in any letters: `Printer, 2nd floor`. 63 bytes of UTF-8 at most. */
  readonly name: string
  /** `_http._tcp`. */
  readonly type: string
  /** The host that has it, as `Mdns.host` named it: `alice.local`. */
  readonly host: string
  readonly port: number
  /** RFC 6763 §6: keys and values; true for a key without a value. */
  readonly txt?: Readonly<Record<string, string | true>>
}

/** A service that came or went. */
export interface ServiceEvent {
  readonly kind: 'up' | 'down'
  /** For people. */
  readonly name: string
  /** For `find`. */
  readonly instance: string
}

/** Where a service is. */
export interface FoundService {
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
  readonly txt: Readonly<Record<string, string | true>>
}

const encoder = /* @__PURE__ */ new TextEncoder()
const decoder = /* @__PURE__ */ new TextDecoder()

/** A name in any letters as one label of a domain name (RFC 6763 §4.1.1). */
export const toLabel = (text: string): string => Array.from(encoder.encode(text), (byte) =>
  (byte > 0x20 && byte < 0x7f ? (byte === 0x2e || byte === 0x5c ? '\\' : '') + String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`)).join('')

/** The first label of a domain name, in its letters. */
export function fromLabel(name: string): string {
  const bytes: number[] = []
  for (const [part] of name.matchAll(/\\[0-9]{3}|\\.|[^\\.]|\./gs)) {
    if (part === '.') break
    bytes.push(part.length === 4 ? Number(part.slice(1)) : part.charCodeAt(part.length - 1))
  }
  return decoder.decode(Uint8Array.from(bytes))
}

/** Offers a service until it is closed; as `Printer (2)` when the name is taken. */
export function offer(mdns: Mdns, { name, type, host, port, txt = {} }: ServiceOffer): Promise<MdnsName> {
  const strings = Object.entries(txt).map(([key, value]) => encoder.encode(value === true ? key : `${key}=${value}`))
  return mdns.claim((attempt) => {
    const instance = `${toLabel(attempt === 1 ? name : `${name} (${attempt})`)}.${type}.local`
    return {
      name: instance,
      unique: [
        { name: instance, type: TYPE.SRV, class: IN, ttl: HOST_TTL, data: { priority: 0, weight: 0, port, target: host } },
        // RFC 6763 §6.1: one empty string where there is nothing to say.
        { name: instance, type: TYPE.TXT, class: IN, ttl: SERVICE_TTL, data: strings.length > 0 ? strings : [new Uint8Array()] },
      ],
      shared: [
        { name: `${type}.local`, type: TYPE.PTR, class: IN, ttl: SERVICE_TTL, data: instance },
        // RFC 6763 §9.
        { name: '_services._dns-sd._udp.local', type: TYPE.PTR, class: IN, ttl: SERVICE_TTL, data: `${type}.local` },
      ],
    }
  })
}

/** Services of a type as they come and go, until the loop is left or `signal` says so. Those that are there come first. */
export async function* browse(env: Env, mdns: Mdns, type: string, { signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ServiceEvent, void, undefined> {
  const events: ServiceEvent[] = []
  let more: Deferred<void> = deferred(env)
  const cease = mdns.ask(`${type}.local`, TYPE.PTR, ({ kind, record }) => {
    const instance = record.data as string
    events.push({ kind: kind === 'added' ? 'up' : 'down', name: fromLabel(instance), instance })
    more.resolve()
  })
  const abort = (): void => more.resolve()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    while (signal?.aborted !== true) {
      const event = events.shift()
      if (event !== undefined) yield event
      else {
        await more.promise
        more = deferred(env)
      }
    }
  } finally {
    cease()
    signal?.removeEventListener('abort', abort)
  }
}

/** RFC 6763 §6.4: the first of each key counts, and what has none is not used. */
function txtOf(records: readonly Resource[]): Record<string, string | true> {
  const found: Record<string, string | true> = {}
  for (const one of records.flatMap(({ data }) => data as readonly Uint8Array[])) {
    const [, key, value] = /^([^=]+)(?:=(.*))?$/s.exec(decoder.decode(one)) ?? []
    if (key !== undefined && !Object.hasOwn(found, key)) found[key] = value ?? true
  }
  return found
}

/** Where the service is that `browse` found. ENOTFOUND when nobody answers in time. */
export async function find(mdns: Mdns, instance: string, call: { readonly timeout?: number; readonly signal?: AbortSignal } = {}): Promise<FoundService> {
  const [[srv], texts] = await Promise.all([mdns.resolve(instance, TYPE.SRV, call), mdns.resolve(instance, TYPE.TXT, call)])
  const { target, port } = srv!.data as Service
  const addresses = await mdns.lookup(target, { signal: call.signal })
  return { host: target, port, addresses: addresses.map(({ address }) => address), txt: txtOf(texts) }
}
