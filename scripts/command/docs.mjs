// `npm run docs`: the API's pages, in docs/api. A warning is an error.
import { bin, runOpenly } from '../process.mjs'

export default (args) => runOpenly(bin('typedoc'), ['--logLevel', 'Warn', ...args])
