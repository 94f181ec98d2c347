import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { RoundTrip } from '../src/rtt.ts'

const test = suite('tcp: round trip')

const close = (a: number, b: number, what = ''): void => assert.ok(Math.abs(a - b) < 1e-9, `${what} ${a}, not ${b}`)

test('RFC 6298 §2.1: one second before the first sample, doubled up to the most', () => {
  const trip = new RoundTrip(1000, 200, 5000)
  assert.equal([trip.smoothed, trip.minimum, trip.rto], [-1, -1, 1000])
  trip.backOff()
  assert.is(trip.rto, 2000)
  trip.backOff()
  trip.backOff()
  assert.is(trip.rto, 5000)
  trip.restore()
  assert.is(trip.rto, 1000)
})

test('RFC 6298 §2.2 and §2.3: one sample for each round trip', () => {
  const trip = new RoundTrip(1000, 10, 60_000)
  trip.sample(100, 0)
  assert.equal([trip.smoothed, trip.variance, trip.rto], [100, 50, 300])
  let [srtt, rttvar] = [100, 50]
  let now = 0
  for (const r of [120, 80, 300, 100, 100, 90]) {
    now += 1000
    trip.sample(r, now)
    rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - r)
    srtt = 0.875 * srtt + 0.125 * r
    close(trip.smoothed, srtt, `SRTT after ${r}`)
    close(trip.variance, rttvar, `RTTVAR after ${r}`)
    close(trip.rto, srtt + 4 * rttvar, `RTO after ${r}`)
  }
  trip.backOff()
  close(trip.rto, 2 * (srtt + 4 * rttvar))
  trip.sample(srtt, now + 1000)
  close(trip.rto, srtt + 3 * rttvar)
})

test('the timeout leaves room for a delayed acknowledgement however steady the round trip is', () => {
  const trip = new RoundTrip(1000, 200, 60_000)
  for (let i = 0; i < 100; i++) trip.sample(150, i * 150)
  close(trip.rto, 350)
  for (let i = 0; i < 200; i++) trip.sample(1e6, 15_000 + i * 1e6)
  assert.is(trip.rto, 60_000)
})

test('RFC 7323 appendix G: many samples in a round trip weigh as much as one', () => {
  const one = new RoundTrip(1000, 200, 60_000)
  const many = new RoundTrip(1000, 200, 60_000)
  one.sample(100, 0)
  many.sample(100, 0)
  let now = 0
  for (let round = 0; round < 30; round++) {
    const r = round < 20 ? 100 : 200
    for (let i = 0; i < 50; i++) many.sample(r, now + (i * r) / 50)
    now += r
    one.sample(r, now)
  }
  assert.ok(one.smoothed > 170 && one.smoothed < 180)
  assert.ok(Math.abs(one.smoothed - many.smoothed) < 10, `${one.smoothed} and ${many.smoothed}`)
  assert.ok(Math.abs(one.variance - many.variance) < 12, `${one.variance} and ${many.variance}`)
})

test('the minimum is of the last 5 to 10 s', () => {
  const trip = new RoundTrip(1000, 200, 60_000)
  trip.sample(50, 0)
  for (let now = 500; now < 5000; now += 500) trip.sample(80, now)
  assert.is(trip.minimum, 50)
  for (let now = 5000; now < 10_000; now += 500) trip.sample(90, now)
  assert.is(trip.minimum, 50)
  trip.sample(90, 10_000)
  assert.is(trip.minimum, 90)
  trip.sample(70, 10_001)
  assert.is(trip.minimum, 70)
  trip.sample(300, 40_000)
  assert.is(trip.minimum, 300, 'after a pause nothing is remembered')
})

test('what is no time is not taken; a reset forgets', () => {
  const trip = new RoundTrip(1000, 200, 60_000)
  trip.sample(-1, 0)
  trip.sample(Number.NaN, 0)
  assert.is(trip.smoothed, -1)
  trip.sample(0, 0)
  assert.equal([trip.smoothed, trip.minimum, trip.rto], [0, 0, 200])
  trip.reset()
  assert.equal([trip.smoothed, trip.variance, trip.minimum, trip.rto], [-1, 0, -1, 1000])
  trip.sample(40, 3)
  assert.equal([trip.smoothed, trip.variance, trip.minimum], [40, 20, 40])
})

test.run()
