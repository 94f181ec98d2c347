// Dependencies, before anything that needs them. This file must import nothing that an install brings.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pnpm, root, run } from './process.mjs'

const read = (...path) => {
  try {
    return readFileSync(join(root, ...path), 'utf8')
  } catch {
    return undefined
  }
}

/** pnpm keeps a copy of the lockfile that it installed: node_modules is current when the two agree. */
const isCurrent = () => read('node_modules', '.modules.yaml') !== undefined
  && read('node_modules', '.pnpm', 'lock.yaml') === read('pnpm-lock.yaml')

/** The version in package.json's `packageManager`. */
export const pnpmVersion = JSON.parse(read('package.json')).packageManager.split('@')[1].split('+')[0]

/** Installs what the lockfile says, unless that is what is there. Ends the process with a message when it fails. */
export async function ensureInstalled() {
  if (isCurrent()) return
  console.error(`installing dependencies with pnpm ${pnpmVersion} …`)
  // CI=true: pnpm asks nothing when it has to replace a node_modules that something else made.
  const { code, output } = await run(...pnpm(pnpmVersion, 'install', '--frozen-lockfile', '--reporter=append-only'), { env: { CI: 'true' } })
  if (code === 0) return
  console.error(output)
  console.error('Dependencies could not be installed; what pnpm said is above.'
    + '\nIf it says that the lockfile is out of date, run: npx pnpm@' + pnpmVersion + ' install'
    + '\nOtherwise see that the npm registry can be reached, and try again.')
  process.exit(1)
}
