// docs/compatibility.md: which programs of the ecosystem run over our sockets, under which runtime, and why not.
//
//   node scripts/compat.mjs [--check]     writes the page; --check says whether it is what would be written
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root, run } from './process.mjs'
import { installRuntimes, programOf } from './runtimes.mjs'

const page = join(root, 'docs', 'compatibility.md')
// In the package: what it depends on is found from there.
const folder = join(root, 'packages', 'node', 'node_modules', '.cache', 'favonius', 'compat')
const program = join(folder, 'main.mjs')
const columns = [
  { title: 'Node 20', command: [process.execPath, [program]], version: 20 },
  { title: 'Node 24', runtime: 'node24', args: [program] },
  { title: 'Node 26', runtime: 'node26', args: [program] },
  { title: 'Bun', runtime: 'bun', args: [program] },
  { title: 'Deno', runtime: 'deno', args: ['run', '--quiet', '--no-prompt', '--allow-all', program] },
]

/** The rows of one runtime: their names, and why each failed. */
async function column({ command, runtime, args }) {
  const [file, given] = command ?? [programOf(runtime), args]
  const { code, output } = await run(file, given, { timeout: 400_000, env: { FORCE_COLOR: '0', NODE_NO_WARNINGS: '1' } })
  const rows = output.split('\n').filter((line) => line.startsWith('{"row"')).map((line) => JSON.parse(line))
  return { rows, code, output }
}

mkdirSync(folder, { recursive: true })
await build({
  entryPoints: ['packages/node/compat/main.ts'], absWorkingDir: root, outfile: program, bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'error',
  conditions: ['@favonius/source'], external: ['undici', 'ws', 'mqtt', 'aedes', 'coap'],
})
const trouble = await installRuntimes(columns.flatMap(({ runtime }) => runtime ?? []))
if (trouble) {
  console.error(trouble)
  process.exit(1)
}
/** What is known of those that fail, so that the page says more than an error does. */
const known = {
  'Deno, http.Agent, keep-alive': 'Deno\'s agent makes a connection for each request, and keeps none',
  'Bun, undici': 'Bun answers `import \'undici\'` with its own client, which has no `connect`',
  'Bun, fetch with a dispatcher': 'Bun\'s `fetch` knows no dispatcher; `faceFetch` is there for it',
  'Deno, fetch with a dispatcher': 'Deno\'s `fetch` knows no dispatcher; `faceFetch` is there for it',
  'Bun, node:tls, both sides': 'Bun\'s TLS over a connection that it is given closes it when the peer has ended, before all is written',
  'Bun, node:https': 'Bun\'s HTTPS server takes a connection that it is given for one of plain HTTP',
}
/** Runs everything, and writes the page. */
async function measure() {
  const measured = []
  for (const one of columns) measured.push({ ...one, ...await column(one) })
  const names = measured[0].rows.map(({ row }) => row)
  const reasons = []
  const cell = ({ title, rows, code, output }, name) => {
    const found = rows.find(({ row }) => row === name)
    if (found?.why === '') return 'yes'
    const why = found?.why ?? `the program ended with ${code}: ${output.trim().split('\n').at(-1)}`
    reasons.push(`${title}, ${name}: ${known[`${title}, ${name}`] ?? why}.`)
    return `no (${reasons.length})`
  }
  const table = names.map((name) => `| ${name} | ${measured.map((one) => cell(one, name)).join(' | ')} |`)
  return `# What runs over our sockets

Programs of the JavaScript ecosystem, unchanged, over two stacks on a wire in memory (\`packages/node/compat\`). \`node scripts/compat.mjs\` runs them under
each runtime and writes this page; \`npm run check -- --full\` fails when it is not what was found.

| | ${measured.map(({ title }) => title).join(' | ')} |
|---|${'---|'.repeat(measured.length)}
${table.join('\n')}
${reasons.length === 0 ? '' : `\n${reasons.map((reason, i) => `${i + 1}. ${reason}`).join('\n')}\n`}`
}

if (process.argv.includes('--check')) {
  const stands = readFileSync(page, 'utf8')
  // Once more before it counts: these run in real time, on machines that have other things to do.
  let text = await measure()
  if (stands !== text) text = await measure()
  if (stands !== text) console.error(`docs/compatibility.md is out of date: node scripts/compat.mjs\n\n${text}`)
  process.exitCode = stands === text ? 0 : 1
} else {
  const text = await measure()
  writeFileSync(page, text)
  console.log(text)
}
