// uvu passes a file that never calls run(), and a stray `.only` passes all the tests that it left out.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../process.mjs'
import { files } from '../workspace.mjs'

const paths = [...files('packages', /\.(test|soak)\.ts$/), ...files('examples', /\.(test|soak)\.ts$/)]
const troubles = []
for (const path of paths) {
  const text = readFileSync(join(root, path), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const suites = [...text.matchAll(/\b(?:const|let) (\w+) = suite\(/g)].map((match) => match[1])
  for (const name of suites) {
    if (!new RegExp(`\\b${name}\\.run\\(\\)`).test(text)) troubles.push(`${path}: suite ${name} is never run: end the file in ${name}.run()`)
  }
  // A conformance suite of @favonius/testing runs itself.
  if (!text.includes('.run()') && !/\b\w+Conformance\(/.test(text)) troubles.push(`${path}: no .run(), so that none of its tests would run`)
  for (const [only] of text.matchAll(/\b\w+\.only\(/g)) troubles.push(`${path}: ${only}…) leaves out its other tests`)
  if (/from 'uvu'/.test(text)) troubles.push(`${path}: take suite from @favonius/testing, whose tests have a time limit, not from uvu`)
  if (!/^packages\/[^/]+\/(test\/.*\.test|interop\/.*\.test|soak\/.*\.soak)\.ts$|^examples\/[^/]+\/test\/.*\.test\.ts$/.test(path)) {
    troubles.push(`${path}: no command runs it there: tests belong in test/, interop/ (*.test.ts) or soak/ (*.soak.ts) of a package`)
  }
}
if (troubles.length) console.error(troubles.join('\n'))
console.log(`${paths.length} test files`)
process.exitCode = troubles.length ? 1 : 0
