// Every package says the same of itself, and depends on what its sources import: no less, because the root's node_modules
// would hide it until the package is installed alone, and on nothing that only its tests use.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { root } from '../process.mjs'
import { files, packages, readJson } from '../workspace.mjs'

const troubles = []
const rootManifest = readJson(join(root, 'package.json'))
const changesets = readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md')).map((name) => readFileSync(join(root, '.changeset', name), 'utf8')).join('\n')

/** The packages that sources import, types included: their declarations name them. */
function imported(folder) {
  const names = new Set()
  for (const path of files(`packages/${folder}/src`, /\.ts$/)) {
    for (const { fileName } of ts.preProcessFile(readFileSync(join(root, path), 'utf8')).importedFiles) {
      if (fileName.startsWith('.') || fileName.startsWith('node:')) continue
      names.add(fileName.split('/').slice(0, fileName.startsWith('@') ? 2 : 1).join('/'))
    }
  }
  names.delete(`@favonius/${folder}`)
  return [...names]
}

for (const { folder, path, manifest } of packages) {
  const expect = (fits, text) => { if (!fits) troubles.push(`packages/${folder}: ${text}`) }
  for (const name of ['README.md', 'LICENSE', 'tsconfig.json', 'src/index.ts']) expect(existsSync(join(path, name)), `${name} is missing`)
  expect(manifest.name === `@favonius/${folder}`, `its name must be @favonius/${folder}`)
  expect(/^\d+\.\d+\.\d+$/.test(manifest.version), 'it has no version')
  expect(manifest.description, 'it has no description')
  expect(manifest.license === 'Apache-2.0' && manifest.type === 'module', '"license" must be "Apache-2.0" and "type" "module"')
  expect(manifest.sideEffects === false, '"sideEffects" must be false: selection is import (law 3)')
  expect(manifest.engines?.node === rootManifest.engines.node, `"engines" must be the root's: ${rootManifest.engines.node}`)
  expect(manifest.scripts?.build === 'tsc -p tsconfig.json', '"build" must be "tsc -p tsconfig.json"')
  for (const name of ['dist', 'src', 'README.md', 'LICENSE']) expect(manifest.files?.includes(name), `"files" lacks ${name}`)
  for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
    if (subpath === './package.json') continue
    const keys = Object.keys(target)
    expect(keys.join() === '@favonius/source,types,default', `exports["${subpath}"] must have @favonius/source, types, default, in this order; it has ${keys}`)
    const source = target['@favonius/source'] ?? ''
    const stem = source.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1')
    expect(existsSync(join(path, source)), `exports["${subpath}"]: ${source} is missing`)
    expect(target.types === `${stem}.d.ts` && target.default === `${stem}.js`, `exports["${subpath}"]: types and default must be ${stem}.d.ts and .js`)
  }
  expect(manifest.exports?.['.'] && manifest.exports['./package.json'], 'exports lacks "." or "./package.json"')
  expect(changesets.includes(`'${manifest.name}'`) || existsSync(join(path, 'CHANGELOG.md')), 'it has neither a changelog nor a changeset (pnpm changeset)')
  expect(rootManifest.devDependencies[manifest.name] === 'workspace:*', 'the root must list it in devDependencies as workspace:*, so that tests and READMEs can import it')

  const declared = Object.keys(manifest.dependencies ?? {})
  const peers = Object.keys(manifest.peerDependencies ?? {})
  const used = imported(folder)
  for (const name of used) expect(declared.includes(name) || peers.includes(name), `src imports ${name}: add it to dependencies`)
  for (const name of peers) {
    expect(used.includes(name) && manifest.peerDependencies[name] === 'workspace:^' && manifest.peerDependenciesMeta?.[name]?.optional === true,
      `peer ${name} must be imported, workspace:^ and optional`)
  }
  for (const name of declared) expect(used.includes(name), `dependencies has ${name}, which src does not import`)
  for (const name of declared) {
    if (name.startsWith('@favonius/')) expect(manifest.dependencies[name] === 'workspace:^', `${name} must be workspace:^`)
  }
  expect(Object.keys(manifest.devDependencies ?? {}).length === 0, 'development tools and what tests import belong in the root')
}

if (troubles.length) console.error(troubles.join('\n'))
console.log(`${packages.length} packages`)
process.exitCode = troubles.length ? 1 : 0
