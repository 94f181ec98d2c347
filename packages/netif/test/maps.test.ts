/** The three tables of IEEE 802.1Q, and what must be true of each row. */

import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { maps, skipping, type Mapping } from '../src/traffic/maps.ts'

const test = suite('priority maps')

/** As they are printed: a row for each number of queues, a column for each priority from 0 to 7. */
const tables: Readonly<Record<Mapping, string>> = {
  'strict': `
    1 | 0 0 0 0 0 0 0 0
    2 | 0 0 0 0 1 1 1 1
    3 | 0 0 0 0 1 1 2 2
    4 | 0 0 1 1 2 2 3 3
    5 | 0 0 1 1 2 2 3 4
    6 | 1 0 2 2 3 3 4 5
    7 | 1 0 2 3 4 4 5 6
    8 | 1 0 2 3 4 5 6 7`,
  'sr-class-a-and-b': `
    1 | 0 0 0 0 0 0 0 0
    2 | 0 0 1 1 0 0 0 0
    3 | 0 0 1 2 0 0 0 0
    4 | 0 0 2 3 1 1 1 1
    5 | 0 0 3 4 1 1 2 2
    6 | 0 0 4 5 1 1 2 3
    7 | 0 0 5 6 1 2 3 4
    8 | 1 0 6 7 2 3 4 5`,
  'sr-class-b-only': `
    1 | 0 0 0 0 0 0 0 0
    2 | 0 0 1 0 0 0 0 0
    3 | 0 0 2 0 1 1 1 1
    4 | 0 0 3 0 1 1 2 2
    5 | 0 0 4 1 2 2 3 3
    6 | 0 0 5 1 2 2 3 4
    7 | 1 0 6 2 3 3 4 5
    8 | 1 0 7 2 3 4 5 6`,
}

for (const mapping of Object.keys(tables) as Mapping[]) {
  test(`${mapping} is the standard's table`, () => {
    const printed = maps[mapping].map((row, i) => `${i + 1} | ${row.join(' ')}`).join('\n')
    assert.is(printed, tables[mapping].trim().replace(/^ +/gm, ''))
  })

  test(`${mapping}: with n queues every one of them is used, and more queues never turn an order round`, () => {
    for (const [i, row] of maps[mapping].entries()) {
      assert.equal([...new Set(row)].sort(), Array.from({ length: i + 1 }, (_, queue) => queue))
      for (const other of maps[mapping]) {
        for (let a = 0; a < 8; a++) for (let b = 0; b < 8; b++) if (row[a]! > row[b]!) assert.ok(other[a]! >= other[b]!, `${a} and ${b}`)
      }
    }
  })

  test(`${mapping}: nothing that waits is more urgent than what skips`, () => {
    for (const row of maps[mapping]) {
      const skips = skipping[mapping]
      const least = Math.min(...skips.map((priority) => row[priority]!))
      for (let priority = 0; priority < 8; priority++) if (!skips.includes(priority)) assert.ok(row[priority]! <= least)
    }
  })
}

test.run()
