// `npm run build`: dist/ of every package. turbo runs the packages' scripts through pnpm, so it is started by pnpm, which is then on its PATH.
import { pnpmVersion } from '../install.mjs'
import { pnpm, runOpenly } from '../process.mjs'

export default (args) => runOpenly(...pnpm(pnpmVersion, 'exec', 'turbo', 'run', 'build', '--output-logs=errors-only', ...args))
