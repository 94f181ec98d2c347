// Writes the table of options into each package's README, between <!-- options --> and <!-- /options -->, from the Kconfig
// rows in its src/options.ts. With --check nothing is written, and a table that is out of date is an error.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fromSource, runOpenly } from './process.mjs'
import { packages } from './workspace.mjs'

// The rows are TypeScript, and import other packages' sources: start over with what reads them.
if (!process.execArgv.includes(fromSource.at(-1))) {
  process.exit(await runOpenly(process.execPath, [...fromSource, import.meta.filename, ...process.argv.slice(2)]))
}
const checking = process.argv.includes('--check')

const isTable = (value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0
  && Object.values(value).every((row) => typeof row?.symbol === 'string' && typeof row.type === 'string' && typeof row.help === 'string')

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ')
const code = (value) => `\`${typeof value === 'string' ? `'${value}'` : value}\``
const fits = (row) => ({
  bool: () => 'boolean',
  string: () => 'string',
  int: () => `${row.range[0]} … ${row.range[1]}`,
  choice: () => row.values.map(code).join(', '),
})[row.type]()

const table = (rows) => [
  '| option | Kconfig | values | default | |',
  '|---|---|---|---|---|',
  ...Object.entries(rows).map(([name, row]) =>
    `| ${[`\`${name}\``, `\`${row.symbol}\``, fits(row), code(row.default), row.help].map(cell).join(' | ')} |`),
].join('\n')

const troubles = []
let tables = 0
for (const { folder, path } of packages) {
  const source = join(path, 'src', 'options.ts')
  const readme = join(path, 'README.md')
  if (!existsSync(source) || !existsSync(readme)) continue
  const found = Object.entries(await import(pathToFileURL(source).href)).filter(([, value]) => isTable(value))
  if (found.length === 0) continue
  tables += found.length
  const text = readFileSync(readme, 'utf8')
  const place = /(<!-- options -->)[\s\S]*?(<!-- \/options -->)/
  if (!place.test(text)) {
    troubles.push(`packages/${folder}/README.md has no <!-- options --> … <!-- /options -->, and src/options.ts has rows for it`)
    continue
  }
  // One table needs no heading; of several, each is called as it is exported.
  const body = found.map(([name, rows]) => (found.length > 1 ? `\`${name}\`:\n\n${table(rows)}` : table(rows))).join('\n\n')
  const wanted = text.replace(place, (_, begin, end) => `${begin}\n${body}\n${end}`)
  if (wanted === text) continue
  if (checking) troubles.push(`packages/${folder}/README.md: its options are out of date: node scripts/options.mjs`)
  else {
    writeFileSync(readme, wanted)
    console.log(`packages/${folder}/README.md is written anew`)
  }
}
if (troubles.length) console.error(troubles.join('\n'))
console.log(`${tables} tables of options`)
process.exitCode = troubles.length ? 1 : 0
