// Builds every package and packs it as it would be published, into node_modules/.cache/favonius/tarballs.
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pnpmVersion } from './install.mjs'
import { pnpm, root, run } from './process.mjs'
import { packages } from './workspace.mjs'

const tarballs = join(root, 'node_modules', '.cache', 'favonius', 'tarballs')

/** Where pack() leaves a package. */
export const tarball = (folder) => {
  const { manifest } = packages.find((one) => one.folder === folder)
  return join(tarballs, `${manifest.name.slice(1).replace('/', '-')}-${manifest.version}.tgz`)
}

async function pack() {
  // tsc leaves what it once wrote: a file that lost its source would be published. turbo brings back from its cache what did not change.
  for (const { path } of packages) rmSync(join(path, 'dist'), { recursive: true, force: true })
  rmSync(tarballs, { recursive: true, force: true })
  mkdirSync(tarballs, { recursive: true })
  const steps = [
    ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only'],
    ['--recursive', '--filter', './packages/*', 'pack', '--pack-destination', tarballs],
  ]
  for (const step of steps) {
    const { code, output } = await run(...pnpm(pnpmVersion, ...step))
    if (code === 0) continue
    console.error(output)
    return code
  }
  const missing = packages.filter(({ folder }) => !readdirSync(tarballs).includes(tarball(folder).split('/').at(-1)))
  if (missing.length) console.error(`no tarball came of ${missing.map((one) => one.folder).join(', ')}`)
  console.log(`${packages.length} tarballs`)
  return missing.length ? 1 : 0
}

/** What publint says of the tarballs: exports that lead nowhere, types that no one finds. */
async function lint() {
  const { publint } = await import('publint')
  const { formatMessage } = await import('publint/utils')
  let found = 0
  for (const { folder, manifest } of packages) {
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball(folder))).buffer }, strict: true })
    for (const message of messages) console.error(`${manifest.name}: ${formatMessage(message, pkg)}`)
    found += messages.length
  }
  console.log(`${packages.length} packages`)
  return found ? 1 : 0
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = await (process.argv[2] === 'lint' ? lint() : pack())
