/** Messages through shared memory instead of by clones: a `Port` like the other, on whose port only the bell is rung. */

import type { Port } from './protocol.ts'
import { Ring, RING } from './ring.ts'

/** «There is something for you», and «ring for me, in a turn of its own». */
const [BELL, AGAIN] = [0, 1] as const
/** Bytes that are handed on in one turn: others want theirs too. */
const TURN = 262_144
/** What moves bytes: many of these may be heard in one turn. Whoever hears another message is to have a turn before the next. */
const BULK = /^\{"op":"(?:received|wrote|write|took|send|datagram)"/

/**
 * Memory for both directions between two threads, to be posted to the other with the port; undefined where memory cannot be shared: in a page that is not
 * isolated (`crossOriginIsolated`).
 */
export function sharedMemory(): SharedArrayBuffer | undefined {
  const isolated = (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated
  return typeof SharedArrayBuffer === 'undefined' || isolated === false ? undefined : new SharedArrayBuffer(2 * RING)
}

/**
 * What `serveStack` and `stackOver` take instead of a port, when both do: bytes then go through `memory`, and are copied twice, without a clone and a task for
 * each message. `side` is 0 at one end, and 1 at the other. Without memory it is the port itself.
 */
export function sharedPort(port: Port, memory: SharedArrayBuffer | undefined, side: 0 | 1): Port {
  return memory === undefined ? port : new SharedPort(port, new Ring(memory, side * RING), new Ring(memory, (1 - side) * RING))
}

const nothing = new Uint8Array(0)
const encoder = /* @__PURE__ */ new TextEncoder()
const decoder = /* @__PURE__ */ new TextDecoder()

class SharedPort implements Port {
  readonly #port: Port
  readonly #out: Ring
  readonly #in: Ring
  /** What found no room. */
  readonly #waiting: { readonly head: Uint8Array; readonly body: Uint8Array }[] = []
  #hear: (event: { readonly data: unknown }) => void = () => {}
  /** What is said in one go rings once, at its end: a bell costs more than a message does. */
  #soon = false
  /** Something was written that the other side was not rung for, or room was made that it waits for. */
  #wrote = false
  #rings = false

  constructor(port: Port, out: Ring, into: Ring) {
    this.#port = port
    this.#out = out
    this.#in = into
    port.addEventListener('message', (event: { readonly data: unknown }) => {
      if (event.data === AGAIN) port.postMessage(BELL)
      else if (event.data !== BELL) this.#hear(event)
      else {
        this.#flush()
        this.#drain(TURN)
      }
    })
  }

  postMessage(message: unknown): void {
    const { bytes, ...rest } = message as { readonly bytes?: unknown }
    const binary = bytes instanceof Uint8Array
    this.#waiting.push({ head: encoder.encode(JSON.stringify(binary ? rest : message)), body: binary ? bytes : nothing })
    if (this.#waiting.length === 1) this.#flush()
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#out.write(next.head, next.body); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#wrote = true
    }
    this.#ringSoon()
  }

  #ringSoon(): void {
    if (this.#soon) return
    this.#soon = true
    queueMicrotask(() => this.#ring())
  }

  #ring(): void {
    this.#soon = false
    const rings = this.#rings || (this.#wrote && this.#out.wakesReader())
    this.#rings = this.#wrote = false
    if (rings) this.#port.postMessage(BELL)
  }

  /** Hands on what has come. */
  #drain(most: number): void {
    for (let left = most; ;) {
      const message = this.#in.read()
      if (message === undefined) {
        if (this.#in.sleep()) return
        continue
      }
      if (this.#in.hasMadeRoom()) {
        this.#rings = true
        this.#ringSoon()
      }
      const head = message === 'broken' ? '' : decoder.decode(message.head)
      this.#hear({ data: message === 'broken' ? undefined : read(head, message.body) })
      left -= head.length + (message === 'broken' ? 0 : message.body.length)
      if (most === Infinity || (left > 0 && BULK.test(head))) continue
      // There may be more, for a turn of its own.
      return this.#port.postMessage(AGAIN)
    }
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    if (type === 'message') this.#hear = listener
    else {
      this.#port.addEventListener(type, (event: unknown) => {
        // What was said before the port was closed is heard before that.
        this.#drain(Infinity)
        listener(event)
      })
    }
  }

  start(): void {
    this.#port.start?.()
    // What was written before we listened rang a bell that waits in the port.
  }
}

/** The message in a head and a body; undefined when it is none. */
function read(head: string, body: Uint8Array): unknown {
  try {
    const message: unknown = JSON.parse(head)
    return typeof message === 'object' && message !== null && !('bytes' in message) ? { ...message, bytes: body } : message
  } catch {
    return undefined
  }
}
