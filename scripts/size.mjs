// How many bytes each story costs a browser, and that nothing it does not use is among them. Bundled from the sources.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from './process.mjs'
import { stories } from './stories.mjs'

/** `*` is anything within a folder, `**` anything at all, `{a,b}` one of these. */
const meanings = { '**': '.*', '*': '[^/]*', '{': '(?:', '}': ')', ',': '|' }
const matcher = (glob) => new RegExp(`^${glob.replace(/\*\*|[*{},]|[.+?^$()|[\]\\]/g, (part) => meanings[part] ?? `\\${part}`)}$`)

async function measure({ name, entry, budget, forbidden }) {
  const row = { name, budget, minified: 0, gzipped: 0, troubles: [] }
  try {
    const { outputFiles: [bundle], metafile } = await build({
      stdin: { contents: entry, resolveDir: root, sourcefile: `${name}.ts`, loader: 'ts' },
      absWorkingDir: root,
      bundle: true, write: false, metafile: true, minify: true, treeShaking: true, legalComments: 'none',
      format: 'esm', target: 'es2022', platform: 'neutral', mainFields: ['module', 'main'], external: ['node:*'],
      conditions: ['@favonius/source'],
      logLevel: 'silent',
    })
    row.minified = bundle.contents.length
    row.gzipped = gzipSync(bundle.contents, { level: 9 }).length
    if (row.gzipped > budget) row.troubles.push(`${row.gzipped - budget} bytes over its budget`)
    // What stands in the metafile with 0 bytes was read, and shaken off.
    const inside = Object.entries(Object.values(metafile.outputs)[0].inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path)
    for (const glob of forbidden) {
      for (const path of inside.filter((one) => matcher(glob).test(one))) row.troubles.push(`${path} is in it; ${glob} must not be`)
    }
  } catch (error) {
    row.troubles.push(...(error.errors ?? [{ text: error.message }]).map(({ text, location }) => `${text}${location ? ` (${location.file}:${location.line})` : ''}`))
  }
  return row
}

const rows = await Promise.all(stories.map(measure))
const widest = Math.max(...rows.map((row) => row.name.length))
console.log(`${'story'.padEnd(widest)}  minified   gzipped    budget`)
for (const { name, minified, gzipped, budget, troubles } of rows) {
  console.log(`${name.padEnd(widest)}${[minified, gzipped, budget].map((bytes) => String(bytes).padStart(10)).join('')}`)
  for (const trouble of troubles) console.log(`  ${trouble}`)
}
mkdirSync(join(root, 'bench', 'results'), { recursive: true })
writeFileSync(join(root, 'bench', 'results', 'size.json'), `${JSON.stringify(rows, null, 2)}\n`)
process.exitCode = rows.some((row) => row.troubles.length) ? 1 : 0
