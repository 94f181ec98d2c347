/** What can go wrong when two sides are to be connected, said so that the reader knows what to do next. */

import type { Place } from './options.ts'

/**
 * There is no connection. `code` is the system's (`ECONNREFUSED`, `ENOENT`, `EACCES`, `EADDRINUSE`, …), or
 * `ERR_QEMU_OPTION` when an option has a value that cannot be.
 */
export class QemuError extends Error {
  override readonly name = 'QemuError'
  readonly code: string

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** `[2001:db8::1]:4000`, or a path. */
const show = (place: Place): string =>
  ('path' in place ? place.path : `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`)

/** For each code, what to say. */
type Advice<At> = Readonly<Record<string, (at: At) => string>>

const passt = (path: string): string => `start the other side first (\`passt --socket ${path}\`, or QEMU with \`-netdev stream,id=net0,server=on,addr.type=unix,addr.path=${path}\`), or give \`reconnect\` to wait for it`
const qemu = (host: string, port: number): string => `start the other side first (QEMU with \`-netdev socket,id=net0,listen=${host}:${port}\`), or give \`reconnect\` to wait for it`

const connecting: { readonly unix: Advice<string>; readonly tcp: Advice<{ readonly host: string; readonly port: number }> } = {
  unix: {
    ECONNREFUSED: (path) => `nobody listens on ${path} any more; is passt running? If not, ${passt(path)}`,
    ENOENT: (path) => `there is no socket ${path}: ${passt(path)}`,
    EACCES: (path) => `${path} may not be opened by this user: run as the user who started the other side, or let others in with \`chmod 666 ${path}\``,
    ENOTSOCK: (path) => `${path} is a file, and no socket: give the path that the other side listens on`,
  },
  tcp: {
    ECONNREFUSED: ({ host, port }) => `nobody listens on ${host}, port ${port}: ${qemu(host, port)}`,
    ENOTFOUND: ({ host }) => `there is no host ${host}: give an address, or a name that this machine can look up`,
    ETIMEDOUT: ({ host, port }) => `${host} does not answer on port ${port}: is that machine up, and does a firewall let TCP through?`,
    EHOSTUNREACH: ({ host }) => `${host} cannot be reached: is that machine up?`,
    ENETUNREACH: ({ host }) => `this machine has no route to ${host}`,
  },
}

const noFolder = (path: string): string => `${path} cannot be made: its folder is missing, or this user may not write to it`

const listening: typeof connecting = {
  unix: {
    EADDRINUSE: (path) => `${path} is there already: another program listens on it; or one that was killed has left it, then \`rm ${path}\``,
    // Node calls a missing folder EACCES too.
    EACCES: noFolder,
    ENOENT: noFolder,
  },
  tcp: {
    EADDRINUSE: ({ port }) => `port ${port} is in use by another program: take another one, or 0 for one that is free`,
    EACCES: ({ port }) => `port ${port} is kept for root: take one of 1024 or more`,
    EADDRNOTAVAIL: ({ host }) => `${host} is no address of this machine: leave \`host\` out for 127.0.0.1`,
    ENOTFOUND: ({ host }) => `there is no host ${host}: leave it out for 127.0.0.1`,
  },
}

const explain = ({ unix, tcp }: typeof connecting, verb: string) => (cause: unknown, place: Place): QemuError => {
  const code = (cause as { code?: string } | undefined)?.code ?? 'EIO'
  const said = 'path' in place ? unix[code]?.(place.path) : tcp[code]?.(place)
  return new QemuError(code, said ?? `${show(place)} cannot be ${verb} (${code})`, { cause })
}

/** A connection that did not come about. */
export const refusedConnect = /* @__PURE__ */ explain(connecting, 'connected to')
/** A listener that did not come about. */
export const refusedListen = /* @__PURE__ */ explain(listening, 'listened on')
