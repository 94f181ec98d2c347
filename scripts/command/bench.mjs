// `npm run bench [-- --smoke] [filter…]`: each benchmark bundled to plain JavaScript, so that no loader takes part, and run in a
// fresh process, so that none inherits what another taught the compiler. bench/README.md says how one is written.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, run, seconds } from '../process.mjs'
import { tally } from '../suites.mjs'
import { files, filtered } from '../workspace.mjs'

const cache = join(root, 'node_modules', '.cache', 'favonius', 'bench')
const results = join(root, 'bench', 'results')

/** Workspace packages go into the bundle from their sources; what npm brought stays outside, by its full path: it may be native. */
const npmOutside = {
  name: 'npm-outside',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...where }) => {
      if (pluginData === 'seen' || path.startsWith('@favonius/') || path.startsWith('node:') || where.kind === 'entry-point') return
      const found = await build.resolve(path, { ...where, pluginData: 'seen' })
      return found.errors.length ? found : { path: pathToFileURL(found.path).href, external: true }
    })
  },
}

async function bundle(path, into) {
  const { build } = await import('esbuild')
  await build({
    entryPoints: [path], absWorkingDir: root, outfile: into,
    bundle: true, format: 'esm', platform: 'node', target: 'node20', sourcemap: 'inline', logLevel: 'silent',
    conditions: ['@favonius/source'], plugins: [npmOutside],
  })
}

/** The figures among what a benchmark prints: lines that are JSON objects with a name, a value and a unit. */
function figures(output) {
  const found = []
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue
    try {
      const { name, value, unit, note } = JSON.parse(line)
      if (typeof name === 'string' && typeof unit === 'string' && typeof value === 'number' && Number.isFinite(value)) found.push({ name, value, unit, note })
    } catch {
      // Not ours.
    }
  }
  return found
}

const round = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))

async function measure(path, smoke) {
  const name = basename(path, '.bench.ts')
  const since = performance.now()
  const script = join(cache, `${name}.mjs`)
  try {
    await bundle(path, script)
  } catch (error) {
    return `${path} cannot be bundled: ${error.message}`
  }
  const { code, output } = await run(process.execPath, ['--enable-source-maps', '--expose-gc', script],
    { env: smoke ? { BENCH_SMOKE: '1' } : {}, timeout: smoke ? 60_000 : 600_000 })
  const found = figures(output)
  const skipped = [...output.matchAll(/^(skipped: .+)$/gm)].map(([, why]) => why)
  // Without a figure there must be a reason.
  if (code !== 0 || (found.length === 0 && skipped.length === 0)) return `${path} ended with ${code}${found.length ? '' : ', and without a figure'}\n${output}`

  console.log(`\n${name} (${seconds(since)})`)
  const widest = Math.max(...found.map((one) => one.name.length))
  for (const { name: what, value, unit, note } of found) {
    console.log(`  ${what.padEnd(widest)}  ${round(value).padStart(8)} ${unit}${note ? `   ${note}` : ''}`)
  }
  for (const why of skipped) console.log(`  ${why}`)
  // A smoke run proves that it runs; its figures mean nothing, and must not replace real ones.
  if (!smoke && found.length > 0) writeFileSync(join(results, `${name}.json`), `${JSON.stringify({ node: process.version, date: new Date().toISOString(), figures: found }, null, 2)}\n`)
  return undefined
}

export default async function bench(args) {
  const smoke = args.includes('--smoke')
  const filters = args.filter((arg) => arg !== '--smoke')
  const paths = filtered([...files('bench', /^bench\/[^/]+\.bench\.ts$/), ...files('packages', /^packages\/[^/]+\/bench\/[^/]+\.bench\.ts$/)], filters)
  if (filters.length && paths.length === 0) {
    console.error(`no benchmark has ${filters.join(' or ')} in its path`)
    return 1
  }
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(results, { recursive: true })
  const troubles = []
  for (const path of paths) troubles.push(await measure(path, smoke)) // one at a time: they would disturb each other
  const failed = troubles.filter(Boolean)
  for (const trouble of failed) console.error(`\n${trouble}`)
  console.log(`\n${tally({ passed: paths.length - failed.length, failed: failed.length })}`)
  return failed.length ? 1 : 0
}
