// oxlint, and that its list of edge packages is the truth: what a tsconfig calls an edge is free of law 1, and nothing else.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { bin, root, run } from '../process.mjs'
import { packages, readJson } from '../workspace.mjs'

const free = readJson(join(root, '.oxlintrc.json')).overrides.at(-1).files
const edges = packages.filter((one) => one.edge).map((one) => `packages/${one.folder}/src/**/*.ts`)
const wrong = [
  ...edges.filter((glob) => !free.includes(glob)).map((glob) => `${glob} is missing`),
  ...free.filter((glob) => !edges.includes(glob)).map((glob) => `${glob} is no edge package`),
]
if (wrong.length) console.error(`.oxlintrc.json, the last override: ${wrong.join('; ')}`)
const folders = ['packages', 'examples', 'bench', 'scripts'].filter((folder) => existsSync(join(root, folder)))
const { code, output } = await run(bin('oxlint'), ['--deny-warnings', ...folders, ...process.argv.slice(2)])
console.log(output.trim())
process.exitCode = code || (wrong.length ? 1 : 0)
