// Each story by itself: its packages and what they depend on, packed, in an empty folder, run under each runtime.
//
//   node scripts/standalone.mjs [node] [bun] [deno]      all three unless given
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tarball } from './pack.mjs'
import { pool, run } from './process.mjs'
import { installRuntimes, programOf } from './runtimes.mjs'
import { importedBy, stories } from './stories.mjs'
import { withDependencies } from './workspace.mjs'

const quiet = ['--no-audit', '--no-fund', '--prefer-offline']

const commands = {
  node: () => [process.execPath, ['main.mjs']],
  bun: () => [programOf('bun'), ['main.mjs']],
  // Nothing is permitted but the loopback address, and ports of our own: a protocol needs no more, and would fail here if it did.
  deno: () => [programOf('deno'), ['run', '--no-prompt', '--quiet', '--allow-net=127.0.0.1,0.0.0.0,[::]', 'main.mjs']],
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(commands)
const unknown = wanted.filter((name) => !commands[name])
if (unknown.length) {
  console.error(`there is no runtime ${unknown.join(', ')}; those known are ${Object.keys(commands).join(', ')}`)
  process.exit(1)
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
