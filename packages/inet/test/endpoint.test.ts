import { codeOf, suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { checkPort, familyOf } from '../src/index.ts'

const test = suite('inet: endpoints given to a seam')
const fault = (what: () => unknown) => codeOf(Promise.resolve().then(what))

test('a port is a whole number from the least to 65535', async () => {
  for (const port of [1, 65_535]) checkPort(port, 1)
  checkPort(0, 0)
  for (const port of [0, -1, 65_536, 1.5, NaN, undefined]) assert.is(await fault(() => checkPort(port, 1)), 'EINVAL')
  assert.throws(() => checkPort(-1, 0), /port -1: give a whole number from 0 to 65535/)
})

test('an address has a family, whatever its zone; what is none is refused', async () => {
  assert.is(familyOf('192.0.2.1'), 4)
  assert.is(familyOf('fe80::1%nowhere'), 6)
  for (const text of ['', 'localhost', '192.0.2', '2001:db8:::1']) assert.is(await fault(() => familyOf(text)), 'EINVAL')
})

test.run()
