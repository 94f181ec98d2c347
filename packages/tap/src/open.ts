/** `openTap`: from options to a device. */

import { randomBytes } from 'node:crypto'
import { closeSync } from 'node:fs'
import type { LinkAddress } from '@favonius/contract'
import { TapDriver, type TapDevice } from './device.ts'
import { TapError } from './error.ts'
import { HostInterface } from './interface.ts'
import { loadKernel } from './kernel.ts'

/** What to open. */
export interface TapOptions {
  /** The interface's name in the kernel, at most 15 characters; `fav%d`, where the kernel puts a number for `%d`, unless given. Attaches to one that is there. */
  readonly name?: string
  /** `tap`: Ethernet frames. `tun`: bare IP packets. `tap` unless given. */
  readonly mode?: 'tap' | 'tun'
  /** Bytes of the largest IP packet, 68 to 65 521, set on the host's side too where this user may; what the host's side has unless given. */
  readonly mtu?: number
  /** Our own link address, not the host's: `02:00:5e:00:53:01`. Random and locally administered unless given. */
  readonly address?: string | LinkAddress
  /** Leave checksums, and the cutting of large TCP segments, to whoever is at the end, in both directions. True unless given. */
  readonly offload?: boolean
  /** Bring the host's side up, where this user may. True unless given. */
  readonly up?: boolean
  /** Open it in a network namespace: a name that `ip netns add` was given, or a path. Needs CAP_SYS_ADMIN. */
  readonly namespace?: string
  /** Wait by `poll(2)` in a thread, as where Node's pipe handle is missing. False unless given. */
  readonly poll?: boolean
}

/**
 * Opens a TUN or TAP device (Linux). Give it to `netif.add`; removing the interface, or stopping the stack, closes it.
 *
 * Rejects with a TapError whose `code` and message say what to do: no permission, the name in use, not Linux.
 *
 * ```ts no-run
 * const eth0 = stack.netif.add(await openTap({ name: 'fav0' }), { name: 'eth0' })
 * ```
 */
export async function openTap(options: TapOptions = {}): Promise<TapDevice> {
  const { mode = 'tap', offload = true, up = true, poll = false, namespace, mtu } = options
  if (mode !== 'tap' && mode !== 'tun') throw new TapError('ERR_TAP_OPTION', `mode is ${JSON.stringify(mode)}; it must be 'tap' or 'tun'`)
  const name = interfaceName(options.name ?? 'fav%d')
  const address = mode === 'tun' ? NO_ADDRESS : linkAddress(options.address)
  // The largest that Linux sets on a TAP is 65 521, so that a frame has at most 64 KiB.
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_521)) {
    throw new TapError('ERR_TAP_OPTION', `mtu is ${mtu}; it must be a whole number from 68 to 65521`)
  }
  const kernel = await loadKernel()
  const host = HostInterface.open(kernel, { name, mode, offload, namespace })
  try {
    if (mtu !== undefined) host.setMtu(mtu)
    if (up) host.raise()
    return new TapDriver({ kernel, host, address, offload, poll, mtu: mtu ?? host.mtu, medium: mode === 'tap' ? 'ethernet' : 'ip' })
  } catch (error) {
    host.close()
    closeSync(host.fd)
    throw error
  }
}

/** Checks a name as the kernel would (`dev_valid_name`). */
export function interfaceName(name: string): string {
  // oxlint-disable-next-line no-control-regex -- the kernel takes anything but these
  if (/^(?!\.{1,2}$)[^\s/:\x00]{1,15}$/.test(name) && Buffer.byteLength(name) <= 15 && name.replace('%d', '').indexOf('%') < 0) return name
  throw new TapError('ERR_TAP_OPTION', `${JSON.stringify(name)} is no name for an interface: 1 to 15 bytes, without spaces, slashes and colons; «%d» once, for a number`)
}

const NO_ADDRESS: LinkAddress = { length: 0, hi: 0, lo: 0, toString: () => '' }

/** A MAC address from text, or a random one (IEEE 802 §8.4: locally administered, not a group). */
export function linkAddress(given: string | LinkAddress | undefined): LinkAddress {
  if (typeof given === 'object') {
    if (given.length === 6) return given
    throw new TapError('ERR_TAP_OPTION', `an Ethernet address has 6 bytes; this one has ${given.length}`)
  }
  const bytes = given === undefined ? randomBytes(6) : Buffer.from(given.replaceAll(/[:-]/g, ''), 'hex')
  if (given === undefined) bytes[0] = (bytes[0]! & 0xfc) | 0x02
  else if (!/^[\da-f]{2}(?:[:-][\da-f]{2}){5}$/i.test(given) || bytes[0]! & 1) {
    throw new TapError('ERR_TAP_OPTION', `${JSON.stringify(given)} is no address for an interface: six bytes in hex, as in 02:00:5e:00:53:01, and not a group's (an odd first byte)`)
  }
  const text = bytes.toString('hex').replaceAll(/..(?!$)/g, '$&:')
  return { length: 6, hi: bytes.readUInt16BE(0), lo: bytes.readInt32BE(2), toString: () => text }
}
