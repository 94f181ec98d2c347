/**
 * The portable globals a protocol package may use, declared as little as it needs.
 *
 * Protocol packages compile with `lib: ["es2022"], types: []`: nothing of Node or of the DOM exists there. This file
 * adds back what every runtime has and no clock or entropy hides behind. It is read by the build alone and never
 * published, so that it cannot clash with a reader's own DOM or Node types.
 */

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: Uint8Array): string
}

/** For `coap` alone, which reads hosts by it. */
interface URL {
  readonly hostname: string
}

// oxlint-disable-next-line no-var -- a `var` merges with theirs, where a `const` is in its way
declare var URL: {
  new(url: string, base?: string | URL): URL
  canParse(url: string, base?: string | URL): boolean
}

interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** Web Streams, for sockets in the web's shape: as much as is constructed and handed out. */
// oxlint-disable-next-line typescript/no-explicit-any -- as Node and the DOM declare it, with which it merges where they are
interface ReadableStream<R = any> {
  readonly locked: boolean
  cancel(reason?: unknown): Promise<void>
  pipeTo(destination: WritableStream<R>): Promise<void>
}

// oxlint-disable-next-line typescript/no-explicit-any -- likewise
interface ReadableStreamDefaultController<R = any> {
  readonly desiredSize: number | null
  enqueue(chunk: R): void
  close(): void
  error(reason?: unknown): void
}

interface ReadableByteStreamController {
  enqueue(chunk: Uint8Array<ArrayBuffer>): void
  readonly byobRequest: { respond(bytes: number): void } | null
  close(): void
  error(reason?: unknown): void
}

// oxlint-disable-next-line no-var -- a `var` merges with theirs, where a `const` is in its way
declare var ReadableStream: {
  new(source: {
    type: 'bytes'
    start?(controller: ReadableByteStreamController): void | Promise<void>
    pull?(): void
    cancel?(reason?: unknown): void
  }, strategy?: { highWaterMark?: number }): ReadableStream<Uint8Array<ArrayBuffer>>
  new<R>(source: {
    start?(controller: ReadableStreamDefaultController<R>): void | Promise<void>
    pull?(): void
    cancel?(reason?: unknown): void
  }, strategy?: { highWaterMark?: number; size?(chunk: R): number }): ReadableStream<R>
}

// oxlint-disable-next-line typescript/no-explicit-any -- likewise
interface WritableStream<W = any> {
  readonly locked: boolean
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
}

interface WritableStreamDefaultController {
  error(reason?: unknown): void
}

// oxlint-disable-next-line no-var -- likewise
declare var WritableStream: {
  new<W>(sink: {
    start?(controller: WritableStreamDefaultController): void | Promise<void>
    write?(chunk: W): void | Promise<void>
    close?(): void
    abort?(reason?: unknown): void
  }): WritableStream<W>
}

/** For `netbuf` alone. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number })
    readonly buffer: ArrayBuffer
  }
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>)
  }
  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>)
    readonly exports: Record<string, unknown>
  }
}
