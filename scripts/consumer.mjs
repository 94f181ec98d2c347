// An empty TypeScript project with default libraries, skipLibCheck off, and nothing installed but our tarballs: importing every
// package must compile. It finds declarations that need @types/node, a lib, or a package that is not in `dependencies`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tarball } from './pack.mjs'
import { bin, run } from './process.mjs'
import { packages } from './workspace.mjs'

const folder = mkdtempSync(join(tmpdir(), 'favonius-consumer-'))
const write = (name, value) => writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value, null, 2))

/** What is written to Node's own types, and is used by who has them. */
const forNode = (name) => /^@favonius\/node\/(net|http|dgram|dns|websocket)$/.test(name)
const entries = packages.flatMap(({ manifest }) => Object.keys(manifest.exports).filter((key) => key !== './package.json').map((key) => manifest.name + key.slice(1)))

async function consume() {
  write('package.json', {
    private: true, type: 'module',
    dependencies: Object.fromEntries(packages.map((one) => [one.manifest.name, `file:${tarball(one.folder)}`])),
  })
  write('tsconfig.json', { compilerOptions: { strict: true, skipLibCheck: false, module: 'nodenext', target: 'es2022', noEmit: true, types: [] }, files: ['main.ts'] })
  write('main.ts', entries.filter((name) => !forNode(name)).map((name, index) => `import * as _${index} from '${name}'\nexport { _${index} }\n`).join(''))
  const installed = await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder, timeout: 300_000 })
  if (installed.code) return installed
  const compiled = await run(bin('tsc'), ['-p', folder, '--pretty', 'false'], { cwd: folder })
  if (compiled.code) return compiled
  const types = await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '@types/node@20.19.0', '@types/ws@8.18.2'], { cwd: folder, timeout: 300_000 })
  if (types.code) return types
  write('tsconfig.json', { compilerOptions: { strict: true, skipLibCheck: false, module: 'nodenext', target: 'es2022', noEmit: true, types: ['node'] }, files: ['main.ts'] })
  write('main.ts', entries.filter(forNode).map((name, index) => `import * as _${index} from '${name}'\nexport { _${index} }\n`).join(''))
  const withNode = await run(bin('tsc'), ['-p', folder, '--pretty', 'false'], { cwd: folder })
  if (withNode.code) return withNode
  // And each can be imported: the code that was published is all there.
  write('main.mjs', entries.map((name) => `await import('${name}')\n`).join(''))
  return run(process.execPath, ['main.mjs'], { cwd: folder, timeout: 60_000 })
}

try {
  const { code, output } = await consume()
  if (code) console.error(output)
  console.log(`${entries.length} entry points of ${packages.length} packages`)
  process.exitCode = code
} finally {
  rmSync(folder, { recursive: true, force: true })
}
