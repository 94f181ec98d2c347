// `npm start [-- arguments]`: the first thing that a newcomer runs.
import { fromSource, runOpenly } from '../process.mjs'

const program = 'examples/ping/src/main.ts'

export default (args) => runOpenly(process.execPath, [...fromSource, program, ...args])
