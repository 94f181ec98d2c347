/** The fuzzing of `test/fuzz.test.ts`, for long: ten million frames, times SOAK. */

import { suite } from '@favonius/testing'
import { fuzz } from '../test/fuzz.ts'

const FRAMES = 2_500_000
const SEEDS = 4 * Number(process.env['SOAK'] ?? 1)

const test = suite('fuzz, for long', { timeout: 3_600_000 })

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`seed ${seed}, ${FRAMES} frames`, async () => {
    // Every other one is short of buffers.
    await fuzz({ seed: 1000 + seed, frames: FRAMES, ...(seed % 2 ? {} : { quota: 24 << 10 }) })
  })
}

test.run()
