// `npm run soak [-- filter…]`: fuzzing and simulations that run for long. SOAK=<n> in the environment makes them longer.
import { seconds } from '../process.mjs'
import { runSuites, tally } from '../suites.mjs'
import { files, filtered } from '../workspace.mjs'

export default async function soak(filters) {
  const since = performance.now()
  const paths = filtered(files('packages', /^packages\/[^/]+\/soak\/.*\.soak\.ts$/), filters)
  if (paths.length === 0) {
    console.error('no packages/*/soak/**/*.soak.ts fits')
    return filters.length ? 1 : 0
  }
  const sum = await runSuites(paths.map((path) => [path]), { env: { SOAK: process.env.SOAK || '1' } })
  console.log(`${paths.length} files in ${seconds(since)}\n${tally(sum)}`)
  return sum.failed ? 1 : 0
}
