// The API's pages, in docs/api: every entry point that a package exports, its README before them. A warning is an error.
//
// typedoc's own «packages» strategy wants the list of entry points once more, in each package. Here they are taken from
// `exports`; what follows is the same: each package by itself, then all of them merged.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Application, TSConfigReader, TypeDocReader } from 'typedoc'
import { root } from './process.mjs'
import { packages } from './workspace.mjs'

const json = join(root, 'node_modules', '.cache', 'favonius', 'docs')
rmSync(json, { recursive: true, force: true })
mkdirSync(json, { recursive: true })
process.chdir(root)

/** Types that only compute other types; their names would mean nothing to a reader. typedoc complains of those that are exported by now. */
const inner = {
  coap: ['Asker', 'ConnectionInput', 'Jobs', 'Link', 'Peers', 'Pipe', 'Times'],
  contract: ['AbortSignal'],
  dns: ['Query'],
  kconfig: ['Flat', 'NeededBy', 'ProvidedBy', 'Row', 'Types', 'Value'],
  node: ['Accept', 'BindArguments', 'Bytes', 'Callback', 'ConnectArguments', 'Done', 'ListenArguments'],
  sim: ['Links', 'Shared', 'Transmission'],
  stack: ['Unmet'],
}

let failed = false
const bootstrap = (options, readers) => Application.bootstrap({ logLevel: 'Warn', ...options }, readers)

async function convert({ folder, path, manifest }) {
  const entryPoints = Object.values(manifest.exports).map((target) => target['@favonius/source']).filter(Boolean).map((source) => relative(root, join(path, source)))
  // The root's tsconfig would read every package's files once for each package.
  const tsconfig = join(json, `${folder}.tsconfig.json`)
  writeFileSync(tsconfig, JSON.stringify({ extends: join(root, 'tsconfig.json'), files: [...entryPoints, 'packages/contract/src/platform.d.ts'].map((one) => join(root, one)), include: [] }))
  const app = await bootstrap({ name: manifest.name, readme: join(path, 'README.md'), tsconfig, entryPoints, includeVersion: true, intentionallyNotExported: inner[folder] ?? [] }, [new TypeDocReader(), new TSConfigReader()])
  const project = await app.convert()
  if (project) {
    app.validate(project)
    await app.generateJson(project, join(json, `${folder}.json`))
  }
  failed ||= !project || app.logger.hasErrors() || app.logger.hasWarnings()
}

for (const one of packages) await convert(one)
if (!failed) {
  const app = await bootstrap({
    name: 'Favonius', entryPointStrategy: 'merge', entryPoints: packages.map((one) => join(json, `${one.folder}.json`)),
    readme: 'README.md', out: 'docs/api', hideGenerator: true, githubPages: false, disableGit: true, sourceLinkTemplate: '',
  }, [])
  const project = await app.convert()
  if (project) {
    app.validate(project)
    await app.generateOutputs(project)
  }
  failed ||= !project || app.logger.hasErrors() || app.logger.hasWarnings()
}
console.log(`${packages.length} packages${failed ? '' : ', in docs/api'}`)
process.exitCode = failed ? 1 : 0
