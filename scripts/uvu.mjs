// The process that runs test files under uvu: its own command line cannot say which files, and lets a file without tests pass.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './process.mjs'

globalThis.UVU_DEFER = 1
const { exec } = await import('uvu')

const refuse = (path, error) => async () => [`  FAIL  ${path}\n    ${error instanceof Error ? error.stack : error}\n`, 0, 0, 1]
for (const [index, path] of process.argv.slice(2).entries()) {
  const queue = [path]
  globalThis.UVU_INDEX = index
  globalThis.UVU_QUEUE.push(queue)
  try {
    await import(pathToFileURL(join(root, path)).href)
    if (queue.length === 1) queue.push(refuse(path, 'no suite was run: does the file end in test.run()?'))
  } catch (error) {
    queue.push(refuse(path, error))
  }
}
await exec(false)
