/** What can go wrong when a device is opened, said so that the reader knows what to do next. */

/**
 * A device could not be opened. `code` is the kernel's (`EPERM`, `EBUSY`, …), or
 *
 * - `ERR_TAP_PLATFORM` this is not Linux
 * - `ERR_TAP_FFI` koffi, which calls the kernel for us, is missing or cannot be loaded
 * - `ERR_TAP_OPTION` an option has a value that cannot be
 */
export class TapError extends Error {
  override readonly name = 'TapError'
  readonly code: string

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** What was being done when the kernel refused. */
export interface Attempt {
  readonly name: string
  readonly mode: 'tap' | 'tun'
  readonly namespace?: string | undefined
}

/** A refusal of `open("/dev/net/tun")`. */
export function refusedOpen(code: string, cause?: unknown): TapError {
  const message = code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO'
    ? '/dev/net/tun is missing: load the module with `sudo modprobe tun`; in a container, add `--device /dev/net/tun`'
    : code === 'EACCES' || code === 'EPERM'
      ? '/dev/net/tun may not be opened by this user: run with `sudo`, or let everyone open it with `sudo chmod 666 /dev/net/tun` (making interfaces needs CAP_NET_ADMIN all the same)'
      : `/dev/net/tun cannot be opened (${code})`
  return new TapError(code, message, { cause })
}

/** A refusal of TUNSETIFF, which makes the interface or attaches to one that is there. */
export function refusedAttach(code: string, { name, mode, namespace }: Attempt): TapError {
  // `fav%d`, where the kernel was to put a number.
  const pattern = name.includes('%')
  const which = pattern ? `a ${mode} device` : name
  const make = `sudo ip ${namespace ? `-n ${namespace} ` : ''}tuntap add dev ${pattern ? 'fav0' : name} mode ${mode} user $USER`
  const message = code === 'EPERM'
    ? `${which} may not be made or attached to without CAP_NET_ADMIN: run with \`sudo\`; or let root make it for you with \`${make}\`, and open it by that name; or try in a namespace of your own with \`unshare -Urn\``
    : code === 'EBUSY'
      ? `${which} is in use by another process: stop that, or take another name (leave the name out for a free one)`
      : code === 'EINVAL'
        ? `${which} cannot be attached to as ${mode}: an interface of that name is there and is of another kind, or was made with other flags (multi_queue); see \`ip -d link show ${name}\``
        : `${which} cannot be made (${code})`
  return new TapError(code, message)
}

/** A refusal to enter a network namespace. */
export function refusedNamespace(code: string, name: string): TapError {
  const message = code === 'ENOENT'
    ? `there is no network namespace ${name}: make it with \`sudo ip netns add ${name}\``
    : code === 'EPERM' || code === 'EACCES'
      ? `the network namespace ${name} may not be entered without CAP_SYS_ADMIN: run with \`sudo\`, or start the whole program in it with \`sudo ip netns exec ${name} …\``
      : `the network namespace ${name} cannot be entered (${code})`
  return new TapError(code, message)
}
