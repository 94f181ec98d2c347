// `npm <command>` lands here. It works on a bare clone with nothing but Node and npm: what is missing is installed first.
import { ensureInstalled } from './install.mjs'

const commands = ['start', 'test', 'check', 'interop', 'bench', 'docs', 'example', 'soak', 'build']
const [command, ...args] = process.argv.slice(2)
if (!commands.includes(command)) {
  console.error(`usage: npm run <${commands.join(' | ')}>`)
  process.exit(1)
}

await ensureInstalled()
const { default: main } = await import(`./command/${command}.mjs`)
process.exitCode = await main(args)
