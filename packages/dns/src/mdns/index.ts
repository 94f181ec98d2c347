/**
 * Multicast DNS (RFC 6762) as resolver and responder, over any datagrams with groups.
 *
 * @packageDocumentation
 */

import type { DatagramNet, DatagramSocket, Endpoint, Env, NameResolver, Timer } from '@favonius/contract'
import { deferred, sleep, type Deferred } from '@favonius/clock'
import { address, failure } from '@favonius/inet'
import { IN, TYPE, type Resource } from '../wire.ts'
import { MdnsMachine, PORT, type MdnsInput } from './machine.ts'

/** RFC 6762 §3, §22. */
const GROUPS = { '0.0.0.0': '224.0.0.251', '::': 'ff02::fb' } as const

/** How mDNS works on a link. */
export interface MdnsOptions {
  /** The interface whose link it is, by name; where the net leaves it open, the default one. */
  readonly iface?: string | undefined
  /** Families to speak; both that can be opened, unless given. */
  readonly families?: readonly (4 | 6)[]
  /** Records of others remembered; 1024 unless given. */
  readonly maxRecords?: number
}

/** What was learned of a name. */
export interface MdnsEvent {
  /** There is such a record, or no longer. */
  readonly kind: 'added' | 'removed'
  readonly record: Resource
}

/** A name of ours. */
export interface MdnsName {
  /** As it came to be, after conflicts. */
  readonly name: string
  /** Says goodbye. */
  close(): void
}

/** The records under a name, for the name and the number of conflicts it had: 1 for the first try. */
export type Naming = (attempt: number) => { readonly name: string; readonly unique: readonly Resource[]; readonly shared: readonly Resource[] }

/** RFC 6762 §10: two minutes for what holds a host's name. */
export const HOST_TTL = 120

/** One link's mDNS. */
export class Mdns implements NameResolver {
  readonly #env: Env
  readonly #machine: MdnsMachine
  readonly #sockets = new Map<string, DatagramSocket>()
  readonly #claims = new Map<number, { readonly done: Deferred<boolean>; conflict(): void }>()
  readonly #asks = new Map<number, (event: MdnsEvent) => void>()
  readonly #timer: Timer
  #last = 0

  private constructor(env: Env, { maxRecords = 1024 }: MdnsOptions) {
    this.#env = env
    this.#machine = new MdnsMachine(env.random, { maxRecords })
    this.#timer = env.clock.timer((now) => {
      this.#machine.tick(now)
      this.#drain()
    })
  }

  /** Joins the groups of both families, or of those that there are. Rejects with the net's error when there is none. */
  static async open(env: Env, net: DatagramNet, options: MdnsOptions = {}): Promise<Mdns> {
    const made = new Mdns(env, options)
    let error: unknown
    for (const [any, group] of Object.entries(GROUPS)) {
      if (options.families?.includes(any === '::' ? 6 : 4) === false) continue
      try {
        const socket = await net.open({ address: any, port: PORT }, {
          receive: (data, from) => made.#handle({ kind: 'heard', from, data }),
          // The other end of a unicast answer may be gone: nothing is to be done.
          error() {},
        }, { reuse: true, v6only: true, hopLimit: 255, ...(options.iface === undefined ? {} : { iface: options.iface }) })
        made.#sockets.set(group, socket)
        socket.join(group, options.iface)
      } catch (why) {
        made.#sockets.get(group)?.close()
        made.#sockets.delete(group)
        error = why
      }
    }
    if (made.#sockets.size === 0) throw error
    return made
  }

  #handle(input: MdnsInput): void {
    this.#machine.handle(input, this.#env.clock.now())
    this.#drain()
  }

  #drain(): void {
    for (let out = this.#machine.poll(); out !== undefined; out = this.#machine.poll()) {
      switch (out.kind) {
        case 'send': this.#send(out.data, out.to); break
        case 'established': this.#claims.get(out.id)?.done.resolve(true); break
        case 'conflict': this.#claims.get(out.id)?.conflict(); break
        default: this.#asks.get(out.id)?.(out)
      }
    }
    const due = this.#machine.deadline()
    if (due === undefined) this.#timer.cancel()
    else this.#timer.schedule(due)
  }

  #send(data: Uint8Array, to: Endpoint | undefined): void {
    for (const [group, socket] of this.#sockets) {
      if (to === undefined) socket.send(data, { address: group, port: PORT })
      else if (to.address.includes(':') === group.includes(':')) socket.send(data, to)
    }
  }

  // ---- names of ours ----

  /**
   * Makes records ours: probes, announces, and answers for them until `close`. When somebody else has the name, `naming` is asked for another;
   * a name that is lost later is sought anew in the same way. Rejects with ECANCELED when it is closed meanwhile.
   */
  async claim(naming: Naming): Promise<MdnsName> {
    let attempt = 0
    let id = 0
    let closed = false
    let current = ''
    const seek = async (): Promise<void> => {
      for (;;) {
        const { name, unique, shared } = naming(++attempt)
        current = name
        id = ++this.#last
        const done = deferred<boolean>(this.#env)
        this.#claims.set(id, {
          done,
          conflict: () => {
            this.#claims.delete(id)
            if (done.settled) void seek()
            else done.resolve(false)
          },
        })
        this.#handle({ kind: 'claim', id, unique, shared })
        if (await done.promise || closed) return
        // RFC 6762 §8.1: after many conflicts, slowly.
        if (attempt >= 15) await sleep(this.#env, 5000)
      }
    }
    await seek()
    return {
      get name() { return current },
      close: () => {
        closed = true
        this.#claims.delete(id)
        this.#handle({ kind: 'release', id })
      },
    }
  }

  /** Makes `<host>.local` ours, with these addresses; `<host>-2.local` after a conflict. */
  host(host: string, addresses: readonly string[]): Promise<MdnsName> {
    return this.claim((attempt) => {
      const name = `${host}${attempt === 1 ? '' : `-${attempt}`}.local`
      const unique = addresses.map((text) => {
        const data = address(text.split('%', 1)[0]!)
        return { name, type: data.family === 4 ? TYPE.A : TYPE.AAAA, class: IN, ttl: HOST_TTL, data }
      })
      return { name, unique, shared: [] }
    })
  }

  // ---- names of others ----

  /** Asks for records of a type until the returned function is called. `heard` is told of each that appears and disappears. Throws EINVAL. */
  ask(name: string, type: number, heard: (event: MdnsEvent) => void): () => void {
    const id = ++this.#last
    this.#asks.set(id, heard)
    try {
      this.#handle({ kind: 'ask', id, name, type })
    } catch (error) {
      this.#asks.delete(id)
      throw error
    }
    return () => {
      this.#asks.delete(id)
      this.#handle({ kind: 'cease', id })
    }
  }

  /** The first records of a type that somebody answers with. ENOTFOUND when nobody has within `timeout` milliseconds (3000 unless given). */
  async resolve(name: string, type: number, { timeout = 3000, signal }: { readonly timeout?: number; readonly signal?: AbortSignal | undefined } = {}): Promise<Resource[]> {
    signal?.throwIfAborted()
    const found: Resource[] = []
    const done = deferred<void>(this.#env)
    const timer = this.#env.clock.timer(() => done.reject(failure('ENOTFOUND', `nobody on the link has ${name}`)))
    timer.schedule(this.#env.clock.now() + timeout)
    const abort = (): void => done.reject(signal!.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    const cease = this.ask(name, type, ({ kind, record }) => {
      if (kind === 'added') found.push(record)
      done.resolve()
    })
    try {
      await done.promise
      return found
    } finally {
      cease()
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
  }

  /** The addresses of a host on the link: `printer.local`. As `NameResolver` has it. */
  async lookup(name: string, { family, signal }: Parameters<NameResolver['lookup']>[1] = {}): ReturnType<NameResolver['lookup']> {
    const families = family === undefined ? [6, 4] as const : [family]
    const asked = await Promise.allSettled(families.map(async (version) =>
      (await this.resolve(name, version === 6 ? TYPE.AAAA : TYPE.A, { signal })).map(({ data }) => ({ address: String(data), family: version }))))
    const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    if (found.length === 0) throw (asked[0] as PromiseRejectedResult).reason
    return found
  }

  /** Says goodbye for all that is ours, and leaves the groups. */
  close(): void {
    for (const [id, { done }] of this.#claims) {
      this.#handle({ kind: 'release', id })
      done.reject(failure('ECANCELED', 'mDNS was closed while the name was probed for'))
    }
    for (const id of this.#asks.keys()) this.#handle({ kind: 'cease', id })
    this.#claims.clear()
    this.#asks.clear()
    this.#timer.cancel()
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }
}

export { MdnsMachine, type MdnsInput, type MdnsOutput, type MdnsSettings } from './machine.ts'
