// `npm start [-- arguments]`: the first thing that a newcomer runs.
import { fromSource, runOpenly } from '../process.mjs'

const program = 'examples/first-light/src/main.ts'

export default (args) => runOpenly(process.execPath, [...fromSource, program, ...args])
