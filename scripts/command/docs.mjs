// `npm run docs`: the API's pages.
import { runOpenly } from '../process.mjs'

export default () => runOpenly(process.execPath, ['scripts/docs.mjs'])
