// Runs test files under uvu, and adds up what they say.
import { availableParallelism } from 'node:os'
import { fromSource, plain, pool, run } from './process.mjs'

/**
 * The totals of one process. uvu's exit code alone is not to be trusted: it is 0 when a `before` hook throws, and when
 * the event loop runs dry in the middle of a test, no totals are printed at all.
 */
function totals({ code, output }, paths) {
  const said = (word) => Number(new RegExp(`^ {2}${word}: +(\\d+)$`, 'm').exec(plain(output))?.[1] ?? Number.NaN)
  const [total, passed, skipped] = ['Total', 'Passed', 'Skipped'].map(said)
  if (Number.isNaN(total + passed + skipped)) {
    return { passed: 0, failed: 1, skipped: 0, trouble: `no totals, exit code ${code}: ${paths.join(' ')}` }
  }
  const failed = total - passed
  return { passed, failed: failed || (code === 0 ? 0 : 1), skipped }
}

/**
 * Runs groups of test files, each group in a process of its own, `width` at a time. A group's output is shown when it
 * is through, or as it comes when only one runs at a time. Resolves to the sums, and to all that was said.
 */
export async function runSuites(groups, { width = Math.min(2, availableParallelism()), env = {}, timeout } = {}) {
  const live = width === 1 || groups.length === 1
  const sum = { passed: 0, failed: 0, skipped: 0, output: '' }
  const troubles = []
  await pool(groups, width, async (paths) => {
    const result = await run(process.execPath, [...fromSource, 'scripts/uvu.mjs', ...paths], { show: live, env, timeout })
    if (!live) process.stdout.write(result.output)
    const { passed, failed, skipped, trouble } = totals(result, paths)
    sum.passed += passed
    sum.failed += failed
    sum.skipped += skipped
    sum.output += result.output
    if (trouble) troubles.push(trouble)
  })
  for (const trouble of troubles) console.log(trouble)
  return sum
}

/** Splits files into `count` groups of about the same size, keeping a package's files together. */
export function split(paths, count) {
  const byPackage = new Map()
  for (const path of paths) {
    const key = path.split('/').slice(0, 2).join('/')
    byPackage.set(key, [...byPackage.get(key) ?? [], path])
  }
  const groups = Array.from({ length: count }, () => [])
  for (const mine of [...byPackage.values()].sort((a, b) => b.length - a.length)) {
    groups.reduce((least, group) => (group.length < least.length ? group : least)).push(...mine)
  }
  return groups.filter((group) => group.length > 0).map((group) => group.sort())
}

/** The line by which .ci/run adds up. */
export const tally = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`
