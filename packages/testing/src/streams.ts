/** What every `StreamNet` must do, whatever is behind it. */

import * as assert from 'uvu/assert'
import type { Endpoint, Listener, Stream, StreamNet, StreamSink } from '@favonius/contract'
import { codeOf, thrownCode } from './codes.ts'
import { suite } from './suite.ts'
import { inWorld } from './world.ts'

/** Two nets that reach each other, and how time passes for them. */
export interface StreamWorld {
  readonly a: StreamNet
  readonly b: StreamNet
  /** Where `a` and `b` are reached; the same where both are one host. */
  readonly addressA: string
  readonly addressB: string
  /** An address of the same family that is neither's. */
  readonly foreign: string
  /** An address that `a` has a way to, and nobody answers from; undefined where there is none. */
  readonly silent?: string | undefined
  /** Bytes that are more than both ends and what is between them hold; 12 million unless given, which are too many for a kernel. */
  readonly flood?: number | undefined
  /** Resolves when `done` says so, letting time pass. */
  until(done: () => boolean): Promise<void>
  /** Lets so much time pass that whatever was under way has happened. */
  settle(): Promise<void>
  /** Runs a test's body, in virtual time where that is how time passes. */
  run(body: () => Promise<void>): Promise<void>
  stop(): Promise<void>
}

/** What an end of a stream was told, in order: text that came, or the name of what happened. */
class Ear implements StreamSink {
  readonly events: string[] = []
  readonly parts: Uint8Array[] = []
  stream: Stream | undefined
  error: (Error & { code?: string }) | undefined
  size = 0
  drains = 0

  receive(chunk: Uint8Array): void {
    // Borrowed bytes are copied, as they must be; of a Buffer that would be a view.
    assert.is(Object.getPrototypeOf(chunk), Uint8Array.prototype)
    this.parts.push(chunk.slice())
    this.size += chunk.length
    if (this.events.at(-1) !== 'data') this.events.push('data')
  }

  drained(): void {
    this.drains++
  }

  ended(): void {
    this.events.push('ended')
  }

  closed(error?: Error): void {
    this.events.push('closed')
    this.error = error
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes)
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.size)
    let at = 0
    for (const part of this.parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  get isClosed(): boolean {
    return this.events.includes('closed')
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
/** Byte number `at` of a long stream: no period that a segment or a buffer could have. */
const byte = (at: number): number => (Math.imul(at, 0x9e3779b1) >>> 24) ^ (at & 255)
const pattern = (from: number, size: number): Uint8Array => {
  // Many megabytes of it are made: `Uint8Array.from` would take most of the time.
  const made = new Uint8Array(size)
  for (let i = 0; i < size; i++) made[i] = byte(from + i)
  return made
}

/** Writes bytes `0 … size` of the pattern as fast as they are taken, `most` at a time, and then the end. */
class Source extends Ear {
  readonly total: number
  readonly most: number
  taken = 0

  constructor(total: number, most = 30_000) {
    super()
    this.total = total
    this.most = most
  }

  override drained(): void {
    super.drained()
    this.fill()
  }

  fill(): void {
    while (this.taken < this.total) {
      const chunk = pattern(this.taken, Math.min(this.most, this.total - this.taken))
      const taken = this.stream!.write(chunk)
      assert.ok(taken >= 0 && taken <= chunk.length)
      this.taken += taken
      // What is not taken is not kept: its owner may use the memory.
      chunk.fill(0)
      if (taken < chunk.length) return
    }
    this.stream!.end()
  }
}

interface Ends {
  readonly listener: Listener
  /** Of `a`, and of `b` that accepted. */
  readonly near: Ear
  readonly far: Ear
}

/** Runs the suite of the `StreamNet` contract. */
export function streamConformance(name: string, make: () => Promise<StreamWorld>): void {
  const test = suite(`StreamNet: ${name}`, { timeout: 30_000 })
  const check = (title: string, body: (world: StreamWorld) => Promise<void>): void => test(title, inWorld(make, (world) => world.run(() => body(world))))

  /** A connection from `a` to `b` with what hears at both ends. */
  async function join<N extends Ear, F extends Ear>({ a, b, addressB, until }: StreamWorld, near: N, far: F): Promise<Ends & { readonly near: N; readonly far: F }> {
    const listener = await b.listen({ address: addressB }, (stream) => {
      far.stream = stream
      return far
    })
    near.stream = await a.connect({ address: addressB, port: listener.local.port }, near)
    await until(() => far.stream !== undefined)
    return { listener, near, far }
  }

  /** Both ends are closed, in order. */
  async function over({ until }: StreamWorld, { listener, near, far }: Ends): Promise<void> {
    await until(() => near.isClosed && far.isClosed)
    for (const { error } of [near, far]) assert.is(error, undefined, error?.message)
    for (const { events } of [near, far]) assert.is(events.filter((event) => event === 'closed').length, 1)
    listener.close()
  }

  check('what is written arrives, both ways, and both ends are told once, in order', async (world) => {
    const ends = await join(world, new Ear(), new Ear())
    const { near, far } = ends
    assert.is(near.stream!.write(bytes('question')), 8)
    await world.until(() => far.size === 8)
    assert.is(far.text, 'question')
    assert.is(far.stream!.write(bytes('answer')), 6)
    await world.until(() => near.size === 6)
    near.stream!.end()
    await world.until(() => far.events.includes('ended'))
    assert.is(far.isClosed, false)
    far.stream!.end()
    await over(world, ends)
    assert.equal(near.events, ['data', 'ended', 'closed'])
    assert.equal(far.events, ['data', 'ended', 'closed'])
    assert.is(near.text, 'answer')
  })

  check('both ends know both endpoints', async (world) => {
    const ends = await join(world, new Ear(), new Ear())
    const [near, far] = [ends.near.stream!, ends.far.stream!]
    const plain = ({ address, port }: Endpoint): Endpoint => ({ address, port })
    assert.equal(plain(near.local), plain(far.remote))
    assert.equal(plain(near.remote), plain(far.local))
    assert.equal(plain(near.remote), { address: world.addressB, port: ends.listener.local.port })
    assert.is(near.local.address, world.addressA)
    assert.is(near.local, near.local)
    near.end()
    far.end()
    await over(world, ends)
  })

  check('who ends may still be written to', async (world) => {
    const ends = await join(world, new Ear(), new Ear())
    const { near, far } = ends
    near.stream!.write(bytes('all of it'))
    near.stream!.end()
    near.stream!.end()
    await world.until(() => far.events.includes('ended'))
    assert.is(far.text, 'all of it')
    far.stream!.write(bytes('understood'))
    await world.until(() => near.size === 10)
    assert.equal(near.events, ['data'])
    far.stream!.end()
    await over(world, ends)
  })

  check('a megabyte arrives whole', async (world) => {
    const total = 1_000_000
    const ends = await join(world, new Source(total), new Ear())
    const { near, far } = ends
    near.fill()
    await world.until(() => far.events.includes('ended'))
    far.stream!.end()
    await over(world, ends)
    assert.is(far.size, total)
    assert.equal(far.bytes, pattern(0, total))
  })

  check('a chunk that is larger than what is taken at once goes in pieces', async (world) => {
    const total = 1_000_000
    const ends = await join(world, new Source(total, total), new Ear())
    const { near, far } = ends
    near.fill()
    await world.until(() => far.events.includes('ended'))
    far.stream!.end()
    await over(world, ends)
    assert.equal(far.bytes, pattern(0, total))
  })

  check('what is written is copied before write returns', async (world) => {
    const ends = await join(world, new Ear(), new Ear())
    const data = Buffer.from('first')
    ends.near.stream!.write(data)
    data.fill(0)
    ends.near.stream!.end()
    ends.far.stream!.end()
    await over(world, ends)
    assert.is(ends.far.text, 'first')
  })

  check('who pauses stops whoever writes, who is told when there is room again', async (world) => {
    const total = world.flood ?? 12_000_000
    const ends = await join(world, new Source(total), new Ear())
    const { near, far } = ends
    far.stream!.pause()
    near.fill()
    // Until no more is taken: how long that lasts is for the machine to say. Probes of a window that is shut may bring a byte or two.
    let stopped = 0
    for (let rounds = 0; near.taken - stopped >= 16; rounds++) {
      assert.ok(rounds < 100, `${near.taken - stopped} bytes more were taken each time`)
      stopped = near.taken
      await world.settle()
    }
    assert.ok(stopped < total, 'everything was taken, and nothing delivered')
    assert.is(far.size, 0)
    far.stream!.resume()
    await world.until(() => far.events.includes('ended'))
    far.stream!.end()
    await over(world, ends)
    assert.is(far.size, total)
    assert.ok(near.drains > 0, 'who waits for room was never told')
    let at = 0
    for (const part of far.parts) for (const value of part) if (value !== byte(at++)) assert.unreachable(`byte ${at - 1} is wrong`)
  })

  check('nothing is received after pause returns, the end not either', async (world) => {
    let pauses = 0
    const far = new (class extends Ear {
      override receive(chunk: Uint8Array): void {
        super.receive(chunk)
        this.stream!.pause()
        pauses++
      }
    })()
    const ends = await join(world, new Source(60_000), far)
    ends.near.fill()
    await world.until(() => pauses === 1)
    await world.settle()
    assert.is(pauses, 1)
    for (let had = far.size; far.size < 60_000; had = far.size) {
      far.stream!.resume()
      await world.until(() => far.size > had)
    }
    await world.settle()
    assert.equal(far.events, ['data'])
    far.stream!.resume()
    await world.until(() => far.events.includes('ended'))
    far.stream!.end()
    await over(world, ends)
    assert.equal(far.bytes, pattern(0, 60_000))
  })

  check('resume within receive is one receive after the other', async (world) => {
    let within = 0
    const far = new (class extends Ear {
      override receive(chunk: Uint8Array): void {
        assert.is(++within, 1)
        super.receive(chunk)
        this.stream!.pause()
        this.stream!.resume()
        within--
      }
    })()
    const ends = await join(world, new Source(200_000), far)
    ends.near.fill()
    far.stream!.end()
    await over(world, ends)
    assert.equal(far.bytes, pattern(0, 200_000))
  })

  check('an echo writes from within receive, and ends from within ended', async (world) => {
    /** Takes no more than it can give back. */
    const echo = new (class extends Ear {
      rest: Uint8Array | undefined
      finished = false
      override receive(chunk: Uint8Array): void {
        const taken = this.stream!.write(chunk)
        if (taken === chunk.length) return
        this.rest = chunk.slice(taken)
        this.stream!.pause()
      }
      override drained(): void {
        if (this.rest === undefined) return
        const taken = this.stream!.write(this.rest)
        if (taken < this.rest.length) {
          this.rest = this.rest.subarray(taken)
          return
        }
        this.rest = undefined
        this.stream!.resume()
      }
      override ended(): void {
        super.ended()
        this.stream!.end()
      }
    })()
    const ends = await join(world, new Source(400_000), echo)
    ends.near.fill()
    await over(world, ends)
    assert.equal(ends.near.bytes, pattern(0, 400_000))
    assert.equal(ends.near.events, ['data', 'ended', 'closed'])
  })

  check('an accepted stream may be written, ended and paused before accept returns', async (world) => {
    const { a, b, addressB, until } = world
    const far = new Ear()
    const listener = await b.listen({ address: addressB }, (stream) => {
      far.stream = stream
      stream.write(bytes('welcome'))
      stream.end()
      stream.pause()
      return far
    })
    const near = new Ear()
    near.stream = await a.connect({ address: addressB, port: listener.local.port }, near)
    near.stream.write(bytes('thanks'))
    near.stream.end()
    await until(() => near.events.includes('ended'))
    assert.is(near.text, 'welcome')
    await world.settle()
    assert.equal(far.events, [])
    far.stream!.resume()
    await over(world, { listener, near, far })
    assert.equal(far.events, ['data', 'ended', 'closed'])
  })

  check('nothing is received before the caller has the stream', async (world) => {
    const { a, b, addressB, until } = world
    const far = new Ear()
    const listener = await b.listen({ address: addressB }, (stream) => {
      far.stream = stream
      stream.write(bytes('at once'))
      stream.end()
      return far
    })
    const near = new (class extends Ear {
      override receive(chunk: Uint8Array): void {
        assert.ok(this.stream, 'it has no stream yet')
        super.receive(chunk)
      }
    })()
    const slowly = async (): Promise<Stream> => {
      const stream = await a.connect({ address: addressB, port: listener.local.port }, near)
      await Promise.resolve()
      return stream
    }
    near.stream = await slowly()
    await until(() => near.events.includes('ended'))
    assert.is(near.text, 'at once')
    near.stream.end()
    await over(world, { listener, near, far })
  })

  check('who gives up resets the other end, and is told once, later, with its own error', async (world) => {
    const { listener, near, far } = await join(world, new Ear(), new Ear())
    far.stream!.write(bytes('never read'))
    const error = new Error('enough')
    near.stream!.abort(error)
    assert.equal(near.events, [])
    near.stream!.abort(new Error('more than enough'))
    await world.until(() => near.isClosed && far.isClosed)
    await world.settle()
    assert.equal(near.events, ['closed'])
    assert.is(near.error, error)
    assert.equal(far.events, ['closed'])
    assert.is(far.error?.code, 'ECONNRESET')
    assert.is(far.stream!.write(bytes('to nobody')), 0)
    far.stream!.end()
    far.stream!.abort()
    listener.close()
  })

  check('who is reset is told though it has paused', async (world) => {
    const { listener, near, far } = await join(world, new Ear(), new Ear())
    far.stream!.pause()
    await world.settle()
    near.stream!.abort()
    await world.until(() => far.isClosed && near.isClosed)
    assert.is(far.error?.code, 'ECONNRESET')
    assert.is(near.error?.code, 'ECONNABORTED')
    listener.close()
  })

  check('abort from within receive is the last that is received', async (world) => {
    const far = new (class extends Ear {
      override receive(chunk: Uint8Array): void {
        super.receive(chunk)
        this.stream!.abort()
      }
    })()
    const { listener, near } = await join(world, new Source(100_000), far)
    near.fill()
    await world.until(() => near.isClosed && far.isClosed)
    await world.settle()
    assert.equal(far.events, ['data', 'closed'])
    assert.is(far.parts.length, 1)
    assert.is(near.error?.code, 'ECONNRESET')
    assert.is(near.events.at(-1), 'closed')
    listener.close()
  })

  check('nothing is written behind the end', async (world) => {
    const ends = await join(world, new Ear(), new Ear())
    ends.near.stream!.end()
    assert.is(thrownCode(() => ends.near.stream!.write(bytes('x'))), 'EPIPE')
    ends.far.stream!.end()
    await over(world, ends)
    assert.is(thrownCode(() => ends.near.stream!.write(bytes('x'))), 'EPIPE')
  })

  check('where nobody listens is refused, and the sink hears nothing of it', async ({ a, b, addressB, settle }) => {
    const listener = await b.listen({ address: addressB }, () => new Ear())
    const { port } = listener.local
    listener.close()
    listener.close()
    const near = new Ear()
    assert.is(await codeOf(a.connect({ address: addressB, port }, near)), 'ECONNREFUSED')
    await settle()
    assert.equal(near.events, [])
  })

  check('a listener that is closed leaves its connections alone', async (world) => {
    const ends = await join(world, new Ear(), new Ear())
    ends.listener.close()
    ends.near.stream!.write(bytes('still here'))
    await world.until(() => ends.far.size === 10)
    ends.near.stream!.end()
    ends.far.stream!.end()
    await over(world, ends)
  })

  check('who leaves has written what it wrote; what still comes is refused, and it hears nothing any more', async (world) => {
    const { until, settle } = world
    const ends = await join(world, new Ear(), new Ear())
    ends.near.stream!.write(bytes('the last words'))
    ends.near.stream!.close()
    await until(() => ends.far.text === 'the last words' && ends.far.events.includes('ended'))
    for (let tries = 0; !ends.far.isClosed && tries < 50; tries++) {
      ends.far.stream!.write(bytes('are you there?'))
      await settle()
    }
    assert.is(ends.far.error?.code, 'ECONNRESET')
    assert.equal(ends.near.events, [])
    ends.near.stream!.close()
    ends.near.stream!.configure({ noDelay: true, keepAlive: 1000 })
    ends.listener.close()
  })

  check('a stream begins where it is told to, and is configured while it lasts', async (world) => {
    const { a, b, addressA, addressB, until } = world
    const far = new Ear()
    const listener = await b.listen({ address: addressB }, (stream) => {
      far.stream = stream
      return far
    })
    const near = new Ear()
    near.stream = await a.connect({ address: addressB, port: listener.local.port }, near, { local: { address: addressA }, noDelay: true, keepAlive: 10_000 })
    assert.is(near.stream.local.address, addressA)
    near.stream.configure({ noDelay: false, keepAlive: 0 })
    await until(() => far.stream !== undefined)
    near.stream.end()
    far.stream!.end()
    await until(() => near.isClosed && far.isClosed)
    listener.close()
  })

  check('a port in use is refused, and free again once it is closed', async ({ b, addressB }) => {
    const one = await b.listen({ address: addressB }, () => new Ear())
    const { port } = one.local
    assert.ok(port > 0)
    assert.is(await codeOf(b.listen({ address: addressB, port }, () => new Ear())), 'EADDRINUSE')
    one.close()
    const again = await b.listen({ address: addressB, port }, () => new Ear())
    again.close()
  })

  check('the caller\'s mistakes have codes', async ({ a, addressA, addressB, foreign }) => {
    assert.is(await codeOf(a.listen({ address: foreign }, () => new Ear())), 'EADDRNOTAVAIL')
    assert.is(await codeOf(a.listen({ address: 'nonsense' }, () => new Ear())), 'EINVAL')
    assert.is(await codeOf(a.listen({ address: addressA, port: 65_536 }, () => new Ear())), 'EINVAL')
    assert.is(await codeOf(a.connect({ address: 'nonsense', port: 5 }, new Ear())), 'EINVAL')
    assert.is(await codeOf(a.connect({ address: addressB, port: 0 }, new Ear())), 'EINVAL')
    assert.is(await codeOf(a.connect({ address: addressB, port: 5 }, new Ear(), { timeout: -1 })), 'EINVAL')
  })

  check('who listens nowhere in particular is reached everywhere', async ({ a, b, addressB, until }) => {
    const far = new Ear()
    const listener = await b.listen({}, (stream) => {
      far.stream = stream
      return far
    })
    const near = new Ear()
    near.stream = await a.connect({ address: addressB, port: listener.local.port }, near)
    await until(() => far.stream !== undefined)
    assert.is(far.stream!.local.address, addressB)
    near.stream.end()
    far.stream!.end()
    await until(() => near.isClosed && far.isClosed)
    listener.close()
  })

  check('twenty connections at once do not mix', async ({ a, b, addressB, until }) => {
    const echoes: Ear[] = []
    const listener = await b.listen({ address: addressB }, (stream) => {
      const echo = new (class extends Ear {
        override receive(chunk: Uint8Array): void { stream.write(chunk) }
        override ended(): void { stream.end() }
      })()
      echoes.push(echo)
      return echo
    })
    const near = await Promise.all(Array.from({ length: 20 }, async (_, n) => {
      const ear = new Ear()
      ear.stream = await a.connect({ address: addressB, port: listener.local.port }, ear)
      ear.stream.write(bytes(`number ${n} `.repeat(50)))
      ear.stream.end()
      return ear
    }))
    await until(() => near.every((ear) => ear.isClosed) && echoes.every((echo) => echo.isClosed))
    assert.is(echoes.length, 20)
    for (const [n, ear] of near.entries()) assert.is(ear.text, `number ${n} `.repeat(50))
    listener.close()
  })

  check('a timeout ends the wait for who does not answer', async ({ a, silent, settle }) => {
    if (silent === undefined) return
    const near = new Ear()
    assert.is(await codeOf(a.connect({ address: silent, port: 5 }, near, { timeout: 100 })), 'ETIMEDOUT')
    await settle()
    assert.equal(near.events, [])
  })

  test.run()
}
