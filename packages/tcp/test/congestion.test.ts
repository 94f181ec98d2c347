import { virtual } from '@favonius/clock'
import { feature } from '@favonius/kconfig'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { initialWindow, type Congestion, type CongestionControl } from '../src/congestion/congestion.ts'
import { cubic } from '../src/congestion/cubic.ts'
import { newReno, reno } from '../src/congestion/newreno.ts'

const test = suite('tcp: congestion control')

const MSS = 1000

/** One round trip: what the window has under way is acknowledged, two segments at a time (RFC 9293 §3.8.6.3). Returns the window in segments. */
function round(control: CongestionControl, now: number, roundTrip = 100, limited = true): number {
  const bytes = control.window
  for (let acknowledged = 0; acknowledged < bytes; acknowledged += 2 * MSS) {
    control.acknowledged(Math.min(2 * MSS, bytes - acknowledged), now + (roundTrip * acknowledged) / bytes, roundTrip, limited)
  }
  return control.window / MSS
}
/** A window of so many segments in congestion avoidance, after a loss with so much under way. */
function after(congestion: Congestion, segments: number): CongestionControl {
  const control = congestion.begin(MSS)
  while (control.window < segments * MSS) control.acknowledged(Math.min(2 * MSS, segments * MSS - control.window), 0, 100, true)
  assert.is(control.window, segments * MSS)
  control.lost(segments * MSS, 0)
  return control
}
const near = (a: number, b: number, part: number, what: string): void => assert.ok(Math.abs(a - b) <= part * b, `${what}: ${a}, not ${b}`)

test('RFC 6928 §2: the initial window', () => {
  assert.equal([536, 1000, 1220, 1460, 4000, 9000].map(initialWindow), [5360, 10_000, 12_200, 14_600, 14_600, 18_000])
  for (const kind of [reno, cubic]) assert.equal([kind.begin(1460).window, kind.begin(1460).threshold], [14_600, Infinity])
})

test('slow start doubles the window each round trip, of either kind', () => {
  for (const kind of [reno, cubic]) {
    const control = kind.begin(MSS)
    assert.equal([0, 100, 200, 300].map((now) => round(control, now)), [20, 40, 80, 160], kind.name)
    // RFC 3465 §2.3: one acknowledgement of much counts as two segments.
    control.acknowledged(100 * MSS, 400, 100, true)
    assert.is(control.window, 162 * MSS)
  }
})

test('a window that was not used is not widened', () => {
  for (const kind of [reno, cubic]) {
    const control = kind.begin(MSS)
    assert.is(round(control, 0, 100, false), 10)
    const later = after(kind, 20)
    const { window } = later
    for (let now = 0; now < 10_000; now += 100) round(later, now, 100, false)
    assert.is(later.window, window)
  }
})

test('NewReno, RFC 5681 §3.1: half of what was under way, then one segment for each round trip', () => {
  const control = after(reno, 40)
  assert.equal([control.window, control.threshold], [20 * MSS, 20 * MSS])
  assert.equal([1, 2, 3, 4].map((n) => round(control, n * 100)), [21, 22, 23, 24])
  control.lost(10_001, 500)
  assert.is(control.window, 5000)
  control.lost(100, 600)
  assert.equal([control.window, control.threshold], [2 * MSS, 2 * MSS])
})

test('NewReno, RFC 5681 §3.1: after a timeout slow start from one segment up to the threshold, which further timeouts do not change', () => {
  const control = after(reno, 40)
  control.timedOut(16 * MSS, 0)
  assert.equal([control.window, control.threshold], [MSS, 8 * MSS])
  control.timedOut(MSS, 1000)
  assert.equal([control.window, control.threshold], [MSS, 8 * MSS])
  // RFC 3465 §2.3: of an acknowledgement of much, one segment counts now.
  control.acknowledged(10 * MSS, 2000, 100, true)
  assert.is(control.window, 2 * MSS)
  for (let i = 0; i < 6; i++) control.acknowledged(MSS, 2100, 100, true)
  assert.is(control.window, 8 * MSS)
  assert.is(round(control, 2200), 9)
  control.timedOut(8 * MSS, 3000)
  assert.is(control.threshold, 4 * MSS, 'a timeout of its own')
})

test('RFC 5681 §4.1: after a pause the window is the initial one at most', () => {
  for (const kind of [reno, cubic]) {
    const control = after(kind, 100)
    control.idled(10_000)
    assert.is(control.window, 10 * MSS)
    assert.ok(control.threshold >= 50 * MSS)
    assert.is(round(control, 10_000), 20)
    control.timedOut(10 * MSS, 11_000)
    control.idled(20_000)
    assert.is(control.window, MSS)
  }
})

test('what was in vain is undone, once', () => {
  for (const kind of [reno, cubic]) {
    const control = kind.begin(MSS)
    control.undo()
    assert.is(control.window, 10 * MSS)
    round(control, 0)
    control.timedOut(20 * MSS, 100)
    control.timedOut(20 * MSS, 300)
    control.acknowledged(MSS, 400, 100, true)
    control.undo()
    assert.equal([control.window, control.threshold], [20 * MSS, Infinity], kind.name)
    control.lost(20 * MSS, 500)
    const { window } = control
    control.undo()
    assert.is(control.window, 20 * MSS)
    assert.ok(window < 20 * MSS)
    control.undo()
    assert.is(control.window, 20 * MSS)
  }
})

test('CUBIC, RFC 9438 §4.2, §4.4 and §4.5: the window follows the curve, concave and then convex', () => {
  const control = after(cubic, 1000)
  assert.equal([control.window, control.threshold], [700 * MSS, 700 * MSS])
  const k = Math.cbrt(300 / 0.4)
  near(k, 9.0856, 1e-4, 'K')
  let now = 0
  for (const [seconds, segments] of [[1, 788.6], [3, 910.1], [6, 988.2], [9.0856, 1000], [12, 1009.9], [16, 1132.2], [20, 1520.1]] as const) {
    near(0.4 * (seconds - k) ** 3 + 1000, segments, 1e-3, 'equation 1')
    for (; now < seconds * 1000; now += 100) round(control, now)
    near(control.window / MSS, segments, 0.015, `window after ${seconds} s`)
  }
  // The same curve on a path of which the round trip is a fifth.
  const near20 = after(cubic, 1000)
  for (now = 0; now < 6000; now += 20) round(near20, now, 20)
  near(near20.window / MSS, 988.2, 0.015, 'window after 6 s')
})

test('CUBIC, §4.3: on a short path it has what Reno would have', () => {
  const control = after(cubic, 20)
  assert.is(control.window, 14 * MSS)
  // α_cubic is 0.529: from 14 to 20 segments takes 11.3 round trips, and then it is one segment for each.
  for (let n = 0; n < 10; n++) near(round(control, n * 10, 10), 14 + 0.529 * (n + 1), 0.02, `round ${n + 1}`)
  for (let n = 10; n < 31; n++) round(control, n * 10, 10)
  near(control.window / MSS, 20 + (31 - 11.3), 0.02, 'round 31')
})

test('CUBIC, §4.6 and §4.7: a loss before the window has come back makes room', () => {
  const control = after(cubic, 1000)
  for (let now = 0; now < 1000; now += 100) round(control, now)
  const window = control.window / MSS
  near(window, 788.6, 0.015, 'window')
  control.lost(control.window, 1000)
  near(control.window / MSS, 0.7 * window, 1e-3, 'after the second loss')
  // W_max is 0.85 of the window now: there the curve is flat.
  const k = Math.cbrt((0.85 - 0.7) * window / 0.4)
  for (let now = 1000; now < 1000 + k * 1000; now += 100) round(control, now)
  near(control.window / MSS, 0.85 * window, 0.015, 'at the flat place')
})

test('CUBIC, §4.9: a loss in vain leaves the curve as it was; found late, it changes nothing', () => {
  const control = after(cubic, 1000)
  const other = after(cubic, 1000)
  let now = 0
  for (; now < 5000; now += 100) {
    round(control, now)
    round(other, now)
  }
  control.lost(control.window, now)
  round(control, now)
  control.undo()
  round(other, now)
  for (now += 100; now < 12_000; now += 100) assert.ok(Math.abs(round(control, now) - round(other, now)) < 5)
  const { window } = control
  control.lost(window, now)
  for (; control.window <= window; now += 100) round(control, now)
  const grown = [control.window, control.threshold]
  control.undo()
  assert.equal([control.window, control.threshold], grown)
})

test('CUBIC, §4.8: after a timeout the curve begins where slow start ends', () => {
  const control = after(cubic, 100)
  control.timedOut(70 * MSS, 0)
  assert.equal([control.window, control.threshold], [MSS, 49 * MSS])
  control.timedOut(MSS, 500)
  assert.is(control.threshold, 49 * MSS)
  while (control.window < 49 * MSS) control.acknowledged(MSS, 1000, 100, true)
  let now = 1000
  for (; now < 3000; now += 100) round(control, now)
  // §4.3: Reno's 49 + 0.529 × 20 is above the curve's 49 + 0.4 × 2³.
  near(control.window / MSS, 49 + 0.529 * 20, 0.02, 'two seconds later')
  for (; now < 9000; now += 100) round(control, now)
  near(control.window / MSS, 49 + 0.4 * 8 ** 3, 0.03, 'eight seconds later')
})

test('CUBIC, §4.2: time in which the window was not used does not count', () => {
  const control = after(cubic, 1000)
  const other = after(cubic, 1000)
  let now = 0
  for (; now < 3000; now += 100) {
    round(control, now)
    round(other, now)
  }
  for (let pause = now; pause < 8000; pause += 100) control.acknowledged(MSS, pause, 100, false)
  for (let i = 0; i < 20; i++) {
    round(control, 7900 + i * 100)
    round(other, now + i * 100)
  }
  near(control.window, other.window, 0.01, 'window')
})

test('bytes of any number keep the window whole and above zero', () => {
  let seed = 7
  const random = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n
  for (const kind of [reno, cubic]) {
    const control = kind.begin(MSS)
    for (let now = 0; now < 100_000; now += random(200)) {
      const what = random(50)
      if (what === 0) control.lost(random(2 * control.window), now)
      else if (what === 1) control.timedOut(random(2 * control.window), now)
      else if (what === 2) control.idled(now)
      else if (what === 3) control.undo()
      else control.acknowledged(random(5 * MSS), now, random(300), random(3) > 0)
      assert.ok(Number.isInteger(control.window) && control.window >= MSS, `${kind.name}: ${control.window}`)
      assert.ok(control.threshold >= 2 * MSS)
    }
  }
})

test('the feature makes NewReno that of the stack, until the stack stops', async () => {
  const tcp = { congestion: cubic }
  const host = feature({ name: 'tcp', symbol: 'CONFIG_NET_TCP', create: (): { congestion: Congestion } => tcp })
  const stack = compose(virtual(), host(), newReno())
  assert.is(tcp.congestion, reno)
  assert.is(stack.newReno.name, 'newreno')
  await stack.stop()
  assert.is(tcp.congestion, cubic)
})

test.run()
