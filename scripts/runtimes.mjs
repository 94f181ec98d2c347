// Runtimes other than the one that runs this, as npm has them: installed once, into a cache of this checkout.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './process.mjs'

const cache = join(root, 'node_modules', '.cache', 'favonius', 'runtimes')
const quiet = ['--no-audit', '--no-fund', '--prefer-offline']

/** Each under a name of its own, so that there may be several of one package. */
const runtimes = {
  bun: { of: 'bun@1.4.5', program: join('bun', 'bin', 'bun.exe') },
  deno: { of: 'deno@2.9.6', program: undefined },
  node24: { of: 'node@24', program: join('node24', 'bin', 'node') },
  node26: { of: 'node@26', program: join('node26', 'bin', 'node') },
}

/** Where a runtime's program is. */
export function programOf(name) {
  const { program } = runtimes[name]
  const direct = program && join(cache, 'node_modules', program)
  return direct && existsSync(direct) ? direct : join(cache, 'node_modules', '.bin', name)
}

/** Installs those that are not there yet. Their packages fetch or link the program in an install script, so scripts run. What went wrong, or undefined. */
export async function installRuntimes(names) {
  const stamp = (name) => join(cache, `${name}-${runtimes[name].of.replace('@', '-')}`)
  const missing = names.filter((name) => !existsSync(stamp(name)))
  if (missing.length === 0) return undefined
  mkdirSync(cache, { recursive: true })
  if (!existsSync(join(cache, 'package.json'))) writeFileSync(join(cache, 'package.json'), '{ "private": true }\n')
  const { code, output } = await run('npm', ['install', '--save-exact', '--ignore-scripts=false', ...quiet, ...missing.map((name) => `${name}@npm:${runtimes[name].of}`)], { cwd: cache, timeout: 600_000 })
  if (code) return output
  for (const name of missing) {
    const works = await run(programOf(name), ['--version'], { timeout: 60_000 })
    if (works.code) return `${name} was installed and does not start:\n${works.output}`
    writeFileSync(stamp(name), '')
  }
  return undefined
}
