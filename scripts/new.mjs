// `pnpm new <package> [--edge]` makes a package in shape. An edge package may use Node; a protocol package may not.
import { existsSync, mkdirSync, readFileSync, writeFileSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..')
const [name, ...flags] = process.argv.slice(2)
const edge = flags.includes('--edge')
if (!name || !/^[a-z][a-z0-9]*$/.test(name)) {
  console.error('usage: pnpm new <package> [--edge]\n  <package>: lower-case letters and digits, the folder under packages/ and the name after @favonius/')
  process.exit(1)
}
const folder = join(root, 'packages', name)
if (existsSync(join(folder, 'package.json'))) {
  console.error(`packages/${name} is there already`)
  process.exit(1)
}

const write = (path, text) => {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  if (!existsSync(join(folder, path))) writeFileSync(join(folder, path), text)
}
const json = (value) => JSON.stringify(value, null, 2) + '\n'

write('package.json', json({
  name: `@favonius/${name}`,
  version: '0.1.0',
  description: `${name} for the Favonius network stack`,
  license: 'Apache-2.0',
  type: 'module',
  sideEffects: false,
  exports: {
    '.': { '@favonius/source': './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
  files: ['dist', 'src', 'README.md', 'LICENSE'],
  engines: { node: '>=20.20' },
  scripts: { build: 'tsc -p tsconfig.json' },
  dependencies: { '@favonius/contract': 'workspace:^' },
}))
write('tsconfig.json', json({
  extends: `../../tsconfig.${edge ? 'edge' : 'protocol'}.json`,
  compilerOptions: { rootDir: 'src', outDir: 'dist' },
  include: edge ? ['src'] : ['src', '../contract/src/platform.d.ts'],
}))
write('README.md', `# @favonius/${name}\n\nWhat it is, in one sentence.\n\nImplements: \n\nNot supported: \n\n\`\`\`ts\nimport {} from '@favonius/${name}'\n\`\`\`\n`)
write('src/index.ts', `/**\n * What it is, in one sentence.\n *\n * @packageDocumentation\n */\n`)
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))

const manifest = join(root, 'package.json')
const rootPackage = JSON.parse(readFileSync(manifest, 'utf8'))
rootPackage.devDependencies[`@favonius/${name}`] = 'workspace:*'
rootPackage.devDependencies = Object.fromEntries(Object.entries(rootPackage.devDependencies).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(manifest, json(rootPackage))

const changeset = join(root, '.changeset', `${name}-begins.md`)
if (!existsSync(changeset)) writeFileSync(changeset, `---\n'@favonius/${name}': minor\n---\n\nThe first release of ${name}.\n`)
console.log(`packages/${name} is made: give it a floor in .dependency-cruiser.cjs${edge ? ' and a line in .oxlintrc.json' : ''}, write its README and src/index.ts, then run pnpm install`)
