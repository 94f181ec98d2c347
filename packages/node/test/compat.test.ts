/** The ecosystem over our sockets, on this Node: a column of the compatibility table. */

import { suite } from '@favonius/testing'
import { programs } from '../compat/programs.ts'
import { makeWorld } from '../compat/world.ts'

const test = suite('node: the ecosystem over our sockets', { timeout: 20_000 })

for (const [row, program] of Object.entries(programs)) {
  test(row, async () => {
    const world = await makeWorld()
    try {
      await program(world)
    } finally {
      await world.stop()
    }
  })
}

test.run()
