// `npm run check [-- --full] [step…]`: everything that can be known without running the tests. One line per step; what a step
// says is shown when it fails. --full adds what takes longer: other runtimes, the API's pages.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pnpmVersion } from '../install.mjs'
import { bin, plain, pnpm, root, run, seconds } from '../process.mjs'
import { tally } from '../suites.mjs'

const node = (script, ...args) => [process.execPath, [join('scripts', script), ...args]]
const code = ['packages', 'examples', 'bench'].filter((folder) => existsSync(join(root, folder)))
const kept = join('node_modules', '.cache', 'favonius')

/** The longest first; `after` names the step whose result one needs. */
const steps = [
  { name: 'pack', what: 'every package builds and packs', program: node('pack.mjs') },
  { name: 'types', what: 'sources, tests, examples', program: [bin('tsc'), ['-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', join(kept, 'tsconfig.tsbuildinfo')]] },
  { name: 'readme', what: 'the code in READMEs and docs runs', program: node('readme.mjs') },
  { name: 'laws', what: 'protocols touch no global (law 1)', program: node('check/laws.mjs') },
  { name: 'layers', what: 'imports go downward (laws 2, 5)', program: [bin('depcruise'), ['--config', '.dependency-cruiser.cjs', '--exclude', '(^|/)(node_modules|dist)/', ...code]] },
  { name: 'lint', what: 'oxlint', program: node('check/lint.mjs') },
  { name: 'unused', what: 'files and exports that nothing uses', program: [bin('knip'), ['--no-progress', '--no-config-hints']] },
  { name: 'manifests', what: 'every package.json', program: node('check/manifests.mjs') },
  { name: 'lockfile', what: 'agrees with every package.json', program: pnpm(pnpmVersion, 'install', '--frozen-lockfile', '--lockfile-only') },
  { name: 'testfiles', what: 'every test file runs its tests', program: node('check/testfiles.mjs') },
  { name: 'options', what: 'tables in READMEs are the options', program: node('options.mjs', '--check') },
  { name: 'size', what: 'bundles within their budgets', program: node('size.mjs') },
  { name: 'publint', what: 'the tarballs', program: node('pack.mjs', 'lint'), after: 'pack' },
  { name: 'consumer', what: 'an empty TypeScript project', program: node('consumer.mjs'), after: 'pack' },
  { name: 'packages', what: 'stories under Node, Bun, Deno', program: node('standalone.mjs'), after: 'pack', full: true },
  { name: 'compat', what: 'the ecosystem under each runtime', program: node('compat.mjs', '--check'), full: true },
  { name: 'docs', what: 'the API, without a warning', program: node('docs.mjs'), full: true },
]

async function perform({ name, what, program }) {
  const since = performance.now()
  const { code, output } = await run(...program, { timeout: 600_000, env: { FORCE_COLOR: '0' } })
  console.log(`${code ? 'FAILED' : 'ok    '} ${name.padEnd(10)} ${what.padEnd(38)} ${seconds(since).padStart(7)}`)
  if (code) console.log(`${plain(output).trimEnd().replace(/^/gm, '    ')}\n`)
  return code === 0
}

export default async function check(args) {
  const since = performance.now()
  const full = args.includes('--full')
  const named = args.filter((arg) => !arg.startsWith('--'))
  const unknown = named.filter((name) => !steps.some((step) => step.name === name))
  if (unknown.length) {
    console.error(`there is no step ${unknown.join(', ')}; the steps are ${steps.map((step) => step.name).join(', ')}`)
    return 1
  }
  // A step that is named runs even if it is one of the long ones, and brings what it needs.
  const wanted = steps.filter((step) => (named.length
    ? named.includes(step.name) || steps.some((other) => other.after === step.name && named.includes(other.name))
    : full || !step.full))

  const waiting = [...wanted]
  const results = new Map() // of those that ended: true when all is well
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, async function work() {
    for (;;) {
      const at = waiting.findIndex(({ after }) => after === undefined || results.has(after))
      if (at === -1) {
        if (waiting.length === 0) return
        await new Promise((soon) => setTimeout(soon, 50))
        continue
      }
      const [step] = waiting.splice(at, 1)
      if (step.after !== undefined && !results.get(step.after)) {
        console.log(`FAILED ${step.name.padEnd(10)} not tried, because ${step.after} failed`)
        results.set(step.name, false)
      } else results.set(step.name, await perform(step))
    }
  }))
  const passed = [...results.values()].filter(Boolean).length
  console.log(`${wanted.length} steps in ${seconds(since)}\n${tally({ passed, failed: wanted.length - passed })}`)
  return passed === wanted.length ? 0 : 1
}
