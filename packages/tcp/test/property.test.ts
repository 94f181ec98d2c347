/** Any calls of an owner and any segments of a peer, in any order: nothing throws, nothing is left, nobody is told anything after the end. */

import type { TcpSink } from '@favonius/contract'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Script } from './script.ts'

const test = suite('tcp: any script', { timeout: 60_000 })

type Step = (s: Script) => void
type Named = readonly [string, Step]

/** Numbers near those that mean something: where both sides are, their edges, and far away. */
const near = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 6 }) }, { weight: 3, arbitrary: fc.integer({ min: 0, max: 9000 }) }, { weight: 1, arbitrary: fc.nat(2 ** 31) })
const length = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.integer({ min: 1, max: 1400 }) })
const flags = fc.oneof(
  { weight: 8, arbitrary: fc.constant('.') },
  { weight: 3, arbitrary: fc.constantFrom('P.', 'F.', 'FP.', 'S.', 'S', 'R', 'R.') },
  { weight: 1, arbitrary: fc.subarray([...'SFRPU.'], { minLength: 1 }).map((letters) => letters.join('')) },
)
const win = fc.oneof(fc.constantFrom(0, 1, 100, 65_535), fc.nat(65_535))
const options = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.constant(' <ts>') },
  { weight: 1, arbitrary: fc.tuple(near, near).map(([a, b]) => ` <sack ${a}:${b}>`) },
  { weight: 1, arbitrary: fc.tuple(near, near, near).map(([a, b, c]) => ` <sack ${a}:${b} ${b}:${c}>`) },
  { weight: 1, arbitrary: fc.nat(2 ** 31).map((ts) => ` <ts ${ts}:0>`) },
  { weight: 1, arbitrary: fc.constantFrom(' <mss 0>', ' <mss 1,sackOK,ts,wscale 14>', ' <mss 65535,wscale 0>') },
)
/** What a well-behaved peer would say next is as likely as anything: it acknowledges all that was sent. */
const polite: fc.Arbitrary<Named> = fc.tuple(length, fc.constantFrom('', 'P', 'F')).map(([size, more]) => ['the peer goes on', (s) => {
  const c = s.connection as unknown as { irs: number; rcvNxt: number; iss: number; sndNxt: number } | undefined
  if (c === undefined) return
  const from = Math.max(0, (c.rcvNxt - c.irs) | 0)
  const ack = Math.max(0, (c.sndNxt - c.iss) | 0)
  s.receive(`${more}. ${from}:${from + size}(${size}) ack ${ack}`)
}])
const strange: fc.Arbitrary<Named> = fc.tuple(flags, near, length, near, win, options).map(([letters, from, size, ack, window, rest]) => {
  const line = `${letters} ${from}:${from + size}(${size})${letters.includes('.') ? ` ack ${ack}` : ''} win ${window}${rest}`
  return [line, (s) => void s.receive(line)]
})
const call: fc.Arbitrary<Named> = fc.oneof(
  fc.nat(20_000).map((bytes): Named => [`write ${bytes}`, (s) => {
    try {
      s.connection?.write(new Uint8Array(bytes))
    } catch (error) {
      assert.is((error as { code?: string }).code, 'EPIPE')
    }
  }]),
  fc.nat(5000).map((bytes): Named => [`read ${bytes}`, (s) => void s.connection?.read(new Uint8Array(bytes))]),
  fc.constant<Named>(['take', (s) => s.connection?.take()?.unref()]),
  fc.constant<Named>(['end', (s) => s.connection?.end()]),
  fc.constant<Named>(['keepAlive', (s) => { if (s.connection) s.connection.keepAlive = { idle: 1000, interval: 500, count: 3 } }]),
  fc.constant<Named>(['userTimeout', (s) => { if (s.connection) s.connection.userTimeout = 3000 }]),
  fc.boolean().map((busy): Named => [busy ? 'busy' : 'ready', (s) => void s.busy(busy)]),
)
const leave: fc.Arbitrary<Named> = fc.constantFrom<Named>(['close', (s) => s.connection?.close()], ['abort', (s) => s.connection?.abort()], ['unlisten', (s) => s.listener?.close()])
const pause: fc.Arbitrary<Named> = fc.constantFrom(0, 1, 50, 250, 1500, 20_000).map((ms) => [`after ${ms}`, (s) => void s.after(ms)])
const step = fc.oneof({ weight: 5, arbitrary: polite }, { weight: 5, arbitrary: strange }, { weight: 4, arbitrary: call }, { weight: 3, arbitrary: pause }, { weight: 1, arbitrary: leave })

const beginning = fc.constantFrom('connect', 'listen', 'both', 'established', 'accepted')

test('nothing throws, hangs or is left', async () => {
  await fc.assert(fc.asyncProperty(beginning, fc.array(step, { maxLength: 40 }), fc.constantFrom(undefined, 24_576), async (how, steps, quota) => {
    const s = new Script({ tcp: { receiveBuffer: 8000, sendBuffer: 20_000, retryCount: 4, synRetryCount: 3 }, ...(quota === undefined ? {} : { quota }) })
    let over = 0
    const watch = (sink: TcpSink): TcpSink => ({
      readable() { assert.is(over, 0, 'readable after the end') },
      writable() { assert.is(over, 0, 'writable after the end') },
      ended() { assert.is(over, 0, 'ended after the end') },
      closed(error) {
        over++
        assert.is(over, 1, 'closed twice')
        sink.closed(error)
      },
    })
    const accept = (): void => {
      const connection = s.connection === undefined ? s.listener?.accept() : undefined
      if (connection === undefined) return
      s.connection = connection
      connection.sink = watch(s.sink)
    }
    if (how === 'established' || how === 'accepted') s.established({ passive: how === 'accepted' })
    if (how === 'listen' || how === 'both') s.listen()
    if (how === 'connect' || how === 'both') s.connect()
    if (s.connection !== undefined) s.connection.sink = watch(s.sink)
    s.sent()
    for (const [, act] of steps) {
      act(s)
      s.sent()
      accept()
      // What it holds is what it says it holds.
      for (const connection of s.stack.tcp.connections) {
        const { flight, sndUna, sndNxt, outgoing, incoming } = connection as unknown as Inside
        assert.ok(flight.pipe >= 0 && flight.sacked >= 0 && flight.lost >= 0, 'the flight counts wrong')
        assert.is(flight.outstanding, (sndNxt - sndUna) | 0, 'what is in flight is what was not acknowledged')
        assert.ok(outgoing.length + 2 >= flight.outstanding)
        assert.ok(incoming.available + incoming.outOfOrder <= 8001)
      }
    }
    // Left alone by its peer, and by its owner, everything is over after a while.
    s.busy(false)
    s.connection?.close()
    s.listener?.close()
    for (let n = 0; n < 40; n++) {
      s.after(30_000)
      s.sent()
    }
    assert.is(s.stack.tcp.connections.length, 0, 'a connection is left that nobody owns')
    await s.end()
  }), { seed: 20_261, numRuns: 300 })
})

interface Inside {
  readonly flight: { readonly pipe: number; readonly sacked: number; readonly lost: number; readonly outstanding: number }
  readonly sndUna: number
  readonly sndNxt: number
  readonly outgoing: { readonly length: number }
  readonly incoming: { readonly available: number; readonly outOfOrder: number }
}

test.run()
