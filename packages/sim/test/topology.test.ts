import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { suite } from '@favonius/testing'
import { Air, grid, line, readLinks, readPlaces, scattered, unitDisk } from '../src/index.ts'

const test = suite('topologies')

test('shapes', () => {
  assert.equal(line(3, 5), [[0, 0], [5, 0], [10, 0]])
  assert.equal(grid(2, 2, 10), [[0, 0], [10, 0], [0, 10], [10, 10]])
  assert.equal(scattered(5, 10, 20, 3), scattered(5, 10, 20, 3))
  assert.not.equal(scattered(5, 10, 20, 3), scattered(5, 10, 20, 4))
  assert.ok(scattered(200, 10, 20).every(([x, y]) => x >= 0 && x < 10 && y >= 0 && y < 20))
})

test('files of places and links', () => {
  assert.equal(readPlaces('# a house\n0 0\n kitchen, 3.5 -2 # here\n\n1e1,2'), [
    { name: undefined, at: [0, 0] }, { name: 'kitchen', at: [3.5, -2] }, { name: undefined, at: [10, 2] },
  ])
  assert.throws(() => readPlaces('0 0\n1 two'), /line 2 of the places is «1 two»: write x and y in metres/)
  assert.equal(readLinks('0 1\n1 -> 2 -70 0.1 # weak'), [
    { from: 0, to: 1, oneWay: false }, { from: 1, to: 2, oneWay: true, rssi: -70, loss: 0.1 },
  ])
  assert.throws(() => readLinks('0 1\n0'), /line 2 of the links is «0»/)
})

test('who is near is found by squares as by asking everyone', () => {
  const places = [...scattered(400, 300, 300, 9), ...scattered(40, 2000, 10, 4).map(([x, y]) => [x - 1000, -y] as const)]
  const air = new Air(virtual(), { medium: unitDisk({ range: 40 }) })
  const radios = places.map((at) => air.radio({ at }))
  const check = (): void => {
    for (const radio of radios) {
      const asked = radios.filter((other) => other !== radio && Math.hypot(other.x - radio.x, other.y - radio.y) <= 40)
      assert.equal(air.neighbours(radio).map((each) => each.radio.number), asked.map(({ number }) => number))
    }
  }
  check()
  const moves = scattered(440, 300, 300, 10)
  for (const [i, radio] of radios.entries()) if (i % 3 === 0) air.move(radio, moves[i]!)
  check()
  radios.push(air.radio({ at: [150, 150] }))
  check()
})

test('a lattice has a mean degree of eight inside', () => {
  const air = new Air(virtual(), { medium: unitDisk({ range: 15 }) })
  const radios = grid(10, 10, 10).map((at) => air.radio({ at }))
  assert.equal(radios.map((radio) => air.neighbours(radio).length).sort().at(-1), 8)
  assert.is(air.neighbours(radios[0]!).length, 3)
})

test.run()
