// Each story by itself: its packages and what they depend on, packed, in an empty folder, run under each runtime.
//
//   node scripts/standalone.mjs [node] [bun] [deno]      all three unless given
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tarball } from './pack.mjs'
import { pool, root, run } from './process.mjs'
import { importedBy, stories } from './stories.mjs'
import { withDependencies } from './workspace.mjs'

/** The other runtimes, as npm has them. */
const versions = { bun: '1.4.5', deno: '2.9.6' }
const cache = join(root, 'node_modules', '.cache', 'favonius', 'runtimes')
const quiet = ['--no-audit', '--no-fund', '--prefer-offline']

const commands = {
  node: () => [process.execPath, ['main.mjs']],
  bun: () => [join(cache, 'node_modules', '.bin', 'bun'), ['main.mjs']],
  // Nothing is permitted but the loopback address: a protocol needs no more, and would fail here if it did.
  deno: () => [join(cache, 'node_modules', '.bin', 'deno'), ['run', '--no-prompt', '--quiet', '--allow-net=127.0.0.1', 'main.mjs']],
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(commands)
const unknown = wanted.filter((name) => !commands[name])
if (unknown.length) {
  console.error(`there is no runtime ${unknown.join(', ')}; those known are ${Object.keys(commands).join(', ')}`)
  process.exit(1)
}

/** Installs the runtimes once. Their packages fetch or link the program in an install script, so scripts run. */
async function installRuntimes(names) {
  const missing = names.filter((name) => !existsSync(join(cache, `${name}-${versions[name]}`)))
  if (missing.length === 0) return undefined
  mkdirSync(cache, { recursive: true })
  if (!existsSync(join(cache, 'package.json'))) writeFileSync(join(cache, 'package.json'), '{ "private": true }\n')
  const { code, output } = await run('npm', ['install', '--save-exact', '--ignore-scripts=false', ...quiet, ...missing.map((name) => `${name}@${versions[name]}`)], { cwd: cache, timeout: 600_000 })
  if (code) return output
  for (const name of missing) {
    const works = await run(join(cache, 'node_modules', '.bin', name), ['--version'], { timeout: 60_000 })
    if (works.code) return `${name} was installed and does not start:\n${works.output}`
    writeFileSync(join(cache, `${name}-${versions[name]}`), '')
  }
  return undefined
}

async function play(story) {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-story-'))
  try {
    const needed = withDependencies(importedBy(story))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({
      private: true, type: 'module',
      dependencies: Object.fromEntries(needed.map((name) => [`@favonius/${name}`, `file:${tarball(name)}`])),
    }))
    writeFileSync(join(folder, 'main.mjs'), story.program)
    const installed = await run('npm', ['install', '--ignore-scripts', ...quiet], { cwd: folder, timeout: 300_000 })
    if (installed.code) return [`${story.name} could not be installed:\n${installed.output}`]
    const troubles = []
    for (const name of wanted) {
      const { code, output } = await run(...commands[name](), { cwd: folder, timeout: 60_000 })
      if (code) troubles.push(`${story.name} under ${name} ended with ${code}:\n${output}`)
    }
    return troubles
  } catch (error) {
    return [`${story.name}: ${error.message}`]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const trouble = await installRuntimes(wanted.filter((name) => name !== 'node'))
const troubles = trouble ? [trouble] : (await pool(stories, 2, play)).flat()
if (troubles.length) console.error(troubles.join('\n\n'))
console.log(`${stories.length} stories under ${wanted.join(', ')}`)
process.exitCode = troubles.length ? 1 : 0
