// The code in READMEs and in docs/ compiles and runs. Blocks tagged `ts` are type-checked and executed; `ts no-run` ones
// need root or a peer, and are type-checked alone. Each block stands by itself.
//
//   node scripts/readme.mjs [filter…]
//
// A block becomes .cache/readme/<page>.<n>.ts with as many empty lines before it as it has in its page, so that every
// message has the page's own line numbers; only the name has to be put back.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, fromSource, plain, pool, root, run } from './process.mjs'
import { files, filtered, packages } from './workspace.mjs'

const folder = join(root, '.cache', 'readme')
const limit = 20_000

const pages = filtered([
  'README.md',
  ...files('docs', /^docs\/[^/]+\.md$/),
  ...packages.map((one) => `packages/${one.folder}/README.md`),
  ...files('examples', /^examples\/([^/]+\/)?README\.md$/),
].filter((page) => existsSync(join(root, page))), process.argv.slice(2))

/** The blocks of a page: where each begins, its text, and whether it is to run. */
function blocks(page) {
  const found = []
  let fence
  const lines = readFileSync(join(root, page), 'utf8').split('\n')
  lines.forEach((line, index) => {
    const mark = /^\s*(`{3,})(.*)$/.exec(line)
    if (fence === undefined && mark) {
      fence = { mark: mark[1], tag: mark[2].trim(), from: index + 1 }
    } else if (fence !== undefined && mark?.[2].trim() === '' && mark[1].length >= fence.mark.length) {
      const { tag, from } = fence
      fence = undefined
      if (tag !== 'ts' && tag !== 'ts no-run') return
      const code = lines.slice(from, index).join('\n')
      found.push({ page, line: from + 1, runs: tag === 'ts', code: '\n'.repeat(from) + code + '\n', file: `${page.replaceAll('/', '+')}.${found.length + 1}.ts` })
    }
  })
  return found
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const all = pages.flatMap(blocks)
for (const block of all) writeFileSync(join(folder, block.file), block.code)
writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
  extends: '../../tsconfig.json',
  compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
  include: ['*.ts'],
  exclude: [],
}))

/** Puts the pages' names back: `.cache/readme/packages+udp+README.md.2.ts(12,5)` is packages/udp/README.md, line 12. */
const placed = (text) => plain(text)
  .replace(/(?:file:\/\/)?[^\s'"(]*?([\w.+-]+\.md)\.\d+\.ts(?:\((\d+),(\d+)\)|:(\d+)(?::(\d+))?)?/g, (_, name, line, column, line2, column2) =>
    [name.replaceAll('+', '/'), line ?? line2, column ?? column2].filter(Boolean).join(':'))

let failed = false
const fail = (heading, text) => {
  failed = true
  console.error(`${heading}\n${placed(text).trimEnd().replace(/^/gm, '  ')}\n`)
}

const runnable = all.filter((block) => block.runs)
const types = run(bin('tsc'), ['-p', folder, '--pretty', 'false'])
const ran = await pool(runnable, 2, (block) => run(process.execPath, [...fromSource, join(folder, block.file)], { timeout: limit }))
const { code, output } = await types
// Errors in the sources themselves are the business of the `types` step.
const own = output.split('\n').filter((line) => line.startsWith('.cache/readme/') || line.startsWith('error '))
if (code && own.length) fail('types', own.join('\n'))
ran.forEach((result, index) => {
  if (result.code) fail(`${runnable[index].page}:${runnable[index].line} ended with ${result.code}`, result.output)
})
console.log(`${all.length} blocks in ${pages.length} pages, ${runnable.length} of them executed`)
process.exitCode = failed ? 1 : 0
