// `npm test [-- filter…]`: every test that needs no peer and no root.
import { seconds } from '../process.mjs'
import { runSuites, split, tally } from '../suites.mjs'
import { files, filtered } from '../workspace.mjs'

export default async function test(filters) {
  const since = performance.now()
  const all = [...files('packages', /^packages\/[^/]+\/test\/.*\.test\.ts$/), ...files('examples', /^examples\/[^/]+\/test\/.*\.test\.ts$/)]
  const paths = filtered(all, filters)
  if (paths.length === 0) {
    console.error(filters.length ? `no test file has ${filters.join(' or ')} in its path` : 'there are no tests')
    return 1
  }
  const sum = await runSuites(split(paths, 2), { timeout: 280_000 })
  console.log(`${paths.length} files in ${seconds(since)}\n${tally(sum)}`)
  return sum.failed ? 1 : 0
}
