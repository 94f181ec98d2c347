/** What every `Env` must do: its clock, its timers and its randomness. */

import * as assert from 'uvu/assert'
import type { Env, Timer } from '@favonius/contract'
import { suite } from './suite.ts'

/** An environment, and how time passes in it. */
export interface EnvWorld {
  readonly env: Env
  /** Wall time by another clock, in milliseconds since 1970. Undefined where wall time is made up. */
  wall?(): number
  /** Resolves when `done` says so, letting time pass. */
  until(done: () => boolean): Promise<void>
}

/** Runs the suite of the `Env` contract. */
export function envConformance(name: string, make: () => EnvWorld): void {
  const test = suite(`Env: ${name}`)

  /** Timers that write down their names when they fire, and check what every timer may rely on. */
  const recorder = ({ env: { clock } }: EnvWorld) => {
    const log: string[] = []
    let scheduling = false
    return {
      log,
      timer(name: string, then?: (timer: Timer) => void): Timer {
        let due = Number.NaN
        const inner = clock.timer((now) => {
          assert.not(scheduling, `${name} fired within schedule()`)
          assert.ok(now >= due, `${name} came ${due - now} ms early`)
          assert.is(clock.now(), now, 'the present stands still while a timer fires')
          assert.is(inner.due, undefined, 'a timer that fires is not armed')
          log.push(name)
          then?.(timer)
        })
        const timer: Timer = {
          schedule(at) {
            due = at
            scheduling = true
            inner.schedule(at)
            scheduling = false
          },
          cancel: () => inner.cancel(),
          get due() { return inner.due },
        }
        return timer
      },
    }
  }

  // ---- the clock ----

  test('time does not go back', async () => {
    const world = make()
    const { clock } = world.env
    let last = clock.now()
    const look = (): void => {
      const now = clock.now()
      assert.ok(Number.isFinite(now) && now >= last, `${now} came after ${last}`)
      last = now
    }
    for (let n = 0; n < 1000; n++) look()
    let fired = 0
    const again = clock.timer((now) => {
      look()
      if (++fired < 20) again.schedule(now + 0.25)
    })
    again.schedule(clock.now())
    await world.until(() => fired === 20)
    look()
  })

  test('the exact present stands still no longer than it must, and is never behind the present', async () => {
    const world = make()
    const { clock } = world.env
    const began = clock.exact()
    let seen: { readonly now: number; readonly first: number; readonly last: number; readonly still: number } | undefined
    clock.timer((now) => {
      const first = clock.exact()
      let last = first
      // A real clock moves on while a timer fires, within a second of anyone's patience; a virtual one does not.
      for (let n = 0; world.wall && last === first && n < 1e7; n++) last = clock.exact()
      seen = { now, first, last, still: clock.now() }
    }).schedule(clock.now())
    await world.until(() => seen !== undefined)
    const { now, first, last, still } = seen!
    assert.ok(began <= first && now <= first, `${began}, ${now}, ${first}`)
    assert.is(still, now, 'the present stands still while a timer fires')
    if (world.wall) assert.ok(last > first, 'and the exact one does not')
    else assert.equal([first, last], [now, now], 'made-up time has one present')
    assert.ok(clock.exact() >= last && clock.now() >= now)
  })

  test('the epoch is the wall time of instant 0, and stays so', async () => {
    const world = make()
    const { clock } = world.env
    const { epoch } = clock
    assert.ok(Number.isFinite(epoch))
    if (world.wall) assert.ok(Math.abs(epoch + clock.now() - world.wall()) < 1000, 'the epoch is within a second of wall time')
    let fired = false
    clock.timer(() => { fired = true }).schedule(clock.now() + 5)
    await world.until(() => fired)
    assert.is(clock.epoch, epoch)
  })

  // ---- timers ----

  test('timers fire in the order of their instants, and at one instant in the order of scheduling', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    const start = world.env.clock.now()
    for (const [name, at] of [['e', 4], ['a', 1], ['c', 2.5], ['d', 2.5], ['b', 2]] as const) timer(name).schedule(start + at)
    await world.until(() => log.length === 5)
    assert.is(log.join(''), 'abcde')
  })

  test('a thousand timers, moved about and cancelled, fire in order and once each', async () => {
    const world = make()
    const { clock, random } = world.env
    const start = clock.now()
    const pick = (below: number): number => random.uint32() % below
    const wanted = new Map<Timer, number>()
    let scheduled = 0
    const order = new Map<Timer, number>()
    const fired: Timer[] = []
    const timers = Array.from({ length: 1000 }, () => {
      const timer: Timer = clock.timer(() => fired.push(timer))
      return timer
    })
    const schedule = (timer: Timer): void => {
      const at = start + 1 + pick(20) / 4
      timer.schedule(at)
      wanted.set(timer, at)
      order.set(timer, scheduled++)
    }
    timers.forEach(schedule)
    for (let n = 0; n < 1000; n++) schedule(timers[pick(1000)]!)
    for (let n = 0; n < 300; n++) {
      const timer = timers[pick(1000)]!
      timer.cancel()
      wanted.delete(timer)
    }
    await world.until(() => fired.length >= wanted.size)
    const expected = [...wanted.keys()].sort((a, b) => wanted.get(a)! - wanted.get(b)! || order.get(a)! - order.get(b)!)
    assert.is(fired.length, expected.length)
    assert.ok(fired.every((timer, i) => timer === expected[i]))
  })

  test('a timer that is moved fires once, at its last instant', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    const start = world.env.clock.now()
    const [earlier, later, again] = [timer('earlier'), timer('later'), timer('again')]
    earlier.schedule(start + 3_600_000)
    later.schedule(start + 1)
    again.schedule(start + 2)
    timer('between').schedule(start + 2)
    earlier.schedule(start + 1)
    later.schedule(start + 3)
    again.schedule(start + 2)            // said again: after the other of that instant
    timer('last').schedule(start + 4)
    await world.until(() => log.includes('last'))
    assert.equal(log, ['earlier', 'between', 'again', 'later', 'last'])
  })

  test('a timer that is cancelled does not fire, and may be armed again', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    const start = world.env.clock.now()
    const [cancelled, idle, revived] = [timer('cancelled'), timer('idle'), timer('revived')]
    idle.cancel()
    cancelled.schedule(start - 5)
    cancelled.cancel()
    cancelled.cancel()
    revived.schedule(start + 1)
    revived.cancel()
    revived.schedule(start + 2)
    timer('last').schedule(start + 3)
    await world.until(() => log.includes('last'))
    assert.equal(log, ['revived', 'last'])
  })

  test('a timer may cancel and move others that are due with it', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    const start = world.env.clock.now()
    const [doomed, moved] = [timer('doomed'), timer('moved')]
    timer('first', () => {
      doomed.cancel()
      moved.schedule(start + 2)
    }).schedule(start + 1)
    doomed.schedule(start + 1)
    moved.schedule(start + 1)
    timer('beside').schedule(start + 1)
    timer('last').schedule(start + 3)
    await world.until(() => log.includes('last'))
    assert.equal(log, ['first', 'beside', 'moved', 'last'])
  })

  test('what is scheduled for the past fires on a later turn, in the order of its instants', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    const { clock } = world.env
    const start = clock.now()
    timer('present').schedule(start)
    timer('past').schedule(start - 1000)
    timer('long past').schedule(start - 1_000_000)
    for (let n = 0; n < 10; n++) await Promise.resolve()
    assert.equal(log, [], 'promises go on before')
    await world.until(() => log.length === 3)
    assert.equal(log, ['long past', 'past', 'present'])
  })

  test('a timer may arm itself from within fire(), for the present too, and is not entered twice', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    let depth = 0
    timer('tick', (self) => {
      assert.is(depth++, 0)
      if (log.length < 5) self.schedule(world.env.clock.now())
      else if (log.length < 8) self.schedule(world.env.clock.now() + 1)
      depth--
    }).schedule(world.env.clock.now())
    await world.until(() => log.length === 8)
    assert.is(log.length, 8)
  })

  test('due says when a timer will fire, and nothing when it will not', async () => {
    const world = make()
    const { log, timer } = recorder(world)
    const start = world.env.clock.now()
    const one = timer('one')
    assert.is(one.due, undefined)
    one.schedule(start + 100)
    assert.is(one.due, start + 100)
    one.schedule(start + 1.5)
    assert.is(one.due, start + 1.5)
    one.cancel()
    assert.is(one.due, undefined)
    one.schedule(start + 1)
    await world.until(() => log.length === 1)
    assert.is(one.due, undefined)
  })

  // ---- randomness ----

  test('fill fills all of what it is given, nothing beside it, and returns it', () => {
    const { random } = make().env
    for (const length of [...Array.from({ length: 131 }, (_, n) => n), 1000, 65_535, 65_537, 200_001]) {
      const memory = new Uint8Array(length + 16).fill(0xa5)
      const into = memory.subarray(8, 8 + length)
      // A byte that is written is 0 in one of 256 cases, and in none of so many tries in as good as none.
      const written = new Uint8Array(length)
      for (let n = 0; n < (length > 131 ? 2 : 12); n++) {
        into.fill(0)
        assert.is(random.fill(into), into)
        for (let i = 0; i < length; i++) written[i]! |= into[i]!
      }
      if (length <= 131) assert.ok(written.every((byte) => byte !== 0), `${length} bytes: ${written.indexOf(0)} stays 0`)
      // In a long one: no run of 16 zeros, and its end is written too.
      else assert.not.match(Buffer.from(written).toString('latin1'), /\0{16}/)
      assert.ok(memory.subarray(0, 8).every((byte) => byte === 0xa5) && memory.subarray(8 + length).every((byte) => byte === 0xa5), 'nothing beside it')
    }
  })

  test('bytes are spread evenly, and do not follow from those before them', () => {
    const { random } = make().env
    const even = (counts: readonly number[], what: string): void => {
      const mean = counts.reduce((sum, n) => sum + n, 0) / 256
      // Pearson's χ² with 255 degrees of freedom: 255 ± 23, and outside of these bounds in one run of many millions.
      const chi = counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0)
      assert.ok(chi > 120 && chi < 420, `χ² of ${what} is ${chi}`)
    }
    for (const length of [3, 64, 65_536]) {
      const bytes = new Array<number>(256).fill(0)
      /** Of one byte's upper half and the next one's lower half, and the other way round. */
      const joints = [new Array<number>(256).fill(0), new Array<number>(256).fill(0)] as const
      for (let left = 65_536; left > 0; left -= length) {
        const filled = random.fill(new Uint8Array(length))
        for (const [i, byte] of filled.entries()) {
          bytes[byte]!++
          const next = filled[i + 1]
          if (next === undefined) continue
          joints[0][(byte & 0xf0) | (next & 15)]!++
          joints[1][((byte & 15) << 4) | next >>> 4]!++
        }
      }
      even(bytes, `bytes, ${length} at a time`)
      for (const joint of joints) even(joint, `halves of neighbours, ${length} at a time`)
    }
  })

  test('uint32 gives whole numbers from 0 to 2³²−1, each bit set half of the time, none again soon', () => {
    const { random } = make().env
    const bits = new Array<number>(32).fill(0)
    const seen = new Set<number>()
    for (let n = 0; n < 4096; n++) {
      const value = random.uint32()
      assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32, `${value}`)
      seen.add(value)
      for (let bit = 0; bit < 32; bit++) bits[bit]! += value >>> bit & 1
    }
    assert.ok(seen.size > 4090)
    // 2048 ± 32, and beyond 6 times that in one run of millions.
    for (const [bit, count] of bits.entries()) assert.ok(Math.abs(count - 2048) < 210, `bit ${bit} was set ${count} times of 4096`)
  })

  test.run()
}
