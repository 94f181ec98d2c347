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
  dependencies: { '@favonius/kconfig': 'workspace:^' },
}))
write('tsconfig.json', json({
  extends: `../../tsconfig.${edge ? 'edge' : 'protocol'}.json`,
  compilerOptions: { rootDir: 'src', outDir: 'dist' },
  include: edge ? ['src'] : ['src', '../contract/src/platform.d.ts'],
}))
const Name = name[0].toUpperCase() + name.slice(1)
write('README.md', `# @favonius/${name}

What it is, in one sentence.

Implements: RFC …

Not supported: …

\`\`\`ts
import { system } from '@favonius/clock'
import { ${name} } from '@favonius/${name}'
import { compose } from '@favonius/stack'

const stack = compose(system, ${name}({ size: 2 }))
console.log(stack.${name}.size)                                    // 2
await stack.stop()
\`\`\`

<!-- options -->
<!-- /options -->
`)
write('src/options.ts', `import type { Options } from '@favonius/kconfig'

/** Kconfig rows of \`${name}()\`. */
export const ${name}Options = {
  size: {
    symbol: 'CONFIG_NET_${name.toUpperCase()}_SIZE',
    type: 'int',
    default: 1,
    range: [1, 16],
    help: 'What it is a limit of, with its unit.',
  },
} as const satisfies Options
`)
write('src/index.ts', `/**
 * What it is, in one sentence.
 *
 * @packageDocumentation
 */

import { feature } from '@favonius/kconfig'
import { ${name}Options } from './options.ts'

export { ${name}Options } from './options.ts'

/** \`stack.${name}\`. */
export interface ${Name} {
  /** What it was composed with. */
  readonly size: number
}

/** What it does, and its RFC. */
export const ${name} = /* @__PURE__ */ feature({
  name: '${name}',
  symbol: 'CONFIG_NET_${name.toUpperCase()}',
  options: ${name}Options,
  create: (_parts, { options }): ${Name} => ({ size: options.size }),
})
`)
write(`test/${name}.test.ts`, `import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { ${name} } from '../src/index.ts'

const test = suite('${name}')

test('it is composed with its settings, and with the defaults', async () => {
  const env = virtual()
  assert.is(compose(env, ${name}()).${name}.size, 1)
  assert.is(compose(env, ${name}({ size: 2 })).${name}.size, 2)
  assert.is(env.armed, 0)
})

test.run()
`)
copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))

const manifest = join(root, 'package.json')
const rootPackage = JSON.parse(readFileSync(manifest, 'utf8'))
rootPackage.devDependencies[`@favonius/${name}`] = 'workspace:*'
rootPackage.devDependencies = Object.fromEntries(Object.entries(rootPackage.devDependencies).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(manifest, json(rootPackage))

const changeset = join(root, '.changeset', `${name}-begins.md`)
if (!existsSync(changeset)) writeFileSync(changeset, `---\n'@favonius/${name}': minor\n---\n\nThe first release of ${name}.\n`)
console.log(`packages/${name} is made: give it a floor in .dependency-cruiser.cjs${edge ? ' and a line in .oxlintrc.json' : ''}, run pnpm install and node scripts/options.mjs; then make it what it is to be`)
