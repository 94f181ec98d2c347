import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What a real peer needs of the machine. */
export interface PeerNeeds {
  /** Programs that must be there: `ip`, `tshark`. */
  readonly command?: string | readonly string[]
  /** The Debian package that has them, to be named to who lacks them. */
  readonly package?: string
  /** Only root can run it. */
  readonly root?: boolean
  /** It needs TUN/TAP: `/dev/net/tun`. */
  readonly tun?: boolean
}

const allowed = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

// A shell that is not a login shell may lack the last three, where Debian keeps `ip` and `arping`.
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
const isThere = (command: string): boolean => folders.some((folder) => folder !== '' && allowed(join(folder, command), constants.X_OK))

const known = new Map<string, boolean>()

/**
 * True when a test against a real peer can run here. When it cannot, that is printed once, in the form that
 * `npm run interop` collects.
 *
 * ```ts
 * const tshark = peer('tshark', { command: 'tshark', package: 'tshark' })
 * const check = tshark ? test : test.skip
 * check('it reads what we write', () => { … })
 * ```
 *
 * @throws Error when the peer is missing and the environment says `REQUIRE_PEERS=1`, as it does in CI
 */
export function peer(name: string, needs: PeerNeeds): boolean {
  const before = known.get(name)
  if (before !== undefined) return before
  const commands = needs.command === undefined ? [] : [needs.command].flat()
  const why = commands.some((command) => !isThere(command)) ? `${name} not installed${needs.package === undefined ? '' : ` (apt-get install ${needs.package})`}`
    : needs.root === true && process.getuid?.() !== 0 ? `${name} needs root`
    : needs.tun === true && !allowed('/dev/net/tun', constants.R_OK | constants.W_OK) ? `${name} needs /dev/net/tun`
    : undefined
  if (why !== undefined && process.env['REQUIRE_PEERS'] === '1') throw new Error(`REQUIRE_PEERS=1, and ${why}`)
  if (why !== undefined) console.log(`skipped: ${why}`)
  known.set(name, why === undefined)
  return why === undefined
}
