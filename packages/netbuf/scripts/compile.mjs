// Makes src/checksum.wasm.ts of src/checksum.wat. With --check it only says whether the file is current (exit code 1: not).
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// wabt is a tool of the workspace's root, not of this package.
const wabt = await createRequire(new URL('../../../package.json', import.meta.url))('wabt')()

const source = new URL('../src/checksum.wat', import.meta.url)
const target = new URL('../src/checksum.wasm.ts', import.meta.url)
const module = wabt.parseWat('checksum.wat', readFileSync(source, 'utf8'), { simd: true })
module.validate()
const bytes = [...module.toBinary({}).buffer]
const lines = []
while (bytes.length) lines.push('  ' + bytes.splice(0, 28).join(', ') + ',')
const text = `/** \`checksum.wat\`, compiled. Made by \`node packages/netbuf/scripts/compile.mjs\`; do not change it by hand. */
export const checksumModule: readonly number[] = [
${lines.join('\n')}
]
`
if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (readFileSync(target, 'utf8') !== text) {
  console.error('src/checksum.wasm.ts is not what src/checksum.wat compiles to: run node packages/netbuf/scripts/compile.mjs')
  process.exitCode = 1
}
