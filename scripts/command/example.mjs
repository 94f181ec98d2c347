// `npm run example <name> [-- arguments]`.
import { fromSource, runOpenly } from '../process.mjs'
import { files } from '../workspace.mjs'

export default async function example([name, ...args]) {
  const found = files('examples', /^examples\/[^/]+\/src\/main\.ts$/)
  const main = `examples/${name}/src/main.ts`
  if (found.includes(main)) return runOpenly(process.execPath, [...fromSource, main, ...args])
  if (name) console.error(`there is no example ${name}`)
  console.error(`usage: npm run example <name> [-- arguments]\nexamples:${found.map((path) => `\n  ${path.split('/')[1]}`).join('') || ' none yet'}`)
  return 1
}
