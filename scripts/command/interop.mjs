// `npm run interop [-- filter…]`: tests against real peers, one file at a time because they share the machine's interfaces.
// A peer that is missing is skipped and named, or fails its tests when REQUIRE_PEERS=1.
import { seconds } from '../process.mjs'
import { runSuites, tally } from '../suites.mjs'
import { files, filtered } from '../workspace.mjs'

export default async function interop(filters) {
  const since = performance.now()
  const paths = filtered(files('packages', /^packages\/[^/]+\/interop\/.*\.test\.ts$/), filters)
  if (paths.length === 0) {
    console.error(filters.length ? `no interop test has ${filters.join(' or ')} in its path` : 'there are no interop tests')
    console.log(tally({ passed: 0, failed: filters.length ? 1 : 0, skipped: 0 }))
    return filters.length ? 1 : 0
  }
  const sum = await runSuites(paths.map((path) => [path]), { width: 1, timeout: 600_000 })
  const said = (pattern) => [...new Set([...sum.output.matchAll(pattern)].map((match) => match[1]))].sort()
  // Not only at the beginning of a line: uvu leaves a line open while its tests run.
  const missing = said(/\bskipped: (.+?) not installed/g)
  const toInstall = said(/\bskipped: .+? not installed \(apt-get install (.+?)\)/g)
  const other = said(/\bskipped: ((?!.* not installed).+)$/gm)
  // A test that looks for its peer by itself returns early, and counts as passed; that will not do where peers are required.
  if (process.env.REQUIRE_PEERS === '1') sum.failed += missing.length
  if (missing.length) console.log(`peers that are missing: ${missing.join(', ')}`)
  if (toInstall.length) console.log(`to install them on Debian: apt-get install --no-install-recommends ${toInstall.join(' ')}`)
  for (const reason of other) console.log(`skipped: ${reason}`)
  console.log(`${paths.length} files in ${seconds(since)}\n${tally(sum)}`)
  return sum.failed ? 1 : 0
}
