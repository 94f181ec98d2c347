/** Errors in the shape that node:net gives them. */

import { constants } from 'node:os'

/** An error of a system call, as Node makes one. */
export interface SystemError extends Error {
  errno?: number
  code: string
  syscall: string
  address?: string
  port?: number
}

const codeOf = (error: unknown): string => (error as { code?: string } | undefined)?.code ?? 'EIO'

/** `read ECONNRESET`: something that happened to a socket. */
export function callError(error: unknown, syscall: string): SystemError {
  return shaped(`${syscall} ${codeOf(error)}`, error, syscall)
}

/** `connect ECONNREFUSED 192.0.2.1:80`: something that an address stood for. */
export function addressError(error: unknown, syscall: string, address: string, port: number): SystemError {
  const where = port > 0 ? `${address}:${port}` : address
  const code = codeOf(error)
  // Node says in words of a port that is in use, and leaves others at the code.
  const text = syscall === 'listen' ? `listen ${code}: ${code === 'EADDRINUSE' ? 'address already in use' : (error as Error).message} ${where}` : `${syscall} ${code} ${where}`
  return Object.assign(shaped(text, error, syscall), { address, ...(port > 0 ? { port } : {}) })
}

function shaped(message: string, cause: unknown, syscall: string): SystemError {
  const code = codeOf(cause)
  const number = (constants.errno as Readonly<Record<string, number>>)[code]
  const error = new Error(message, { cause })
  return Object.assign(error, { ...(number === undefined ? {} : { errno: -number }), code, syscall })
}

/** RangeError for a port that is none. */
export function badPort(name: string, port: unknown): Error {
  const received = typeof port === 'string' ? `type string ('${port}')` : port === undefined ? 'undefined' : `type ${typeof port} (${String(port)})`
  return nodeError('ERR_SOCKET_BAD_PORT', `${name} should be >= 0 and < 65536. Received ${received}.`, RangeError)
}

/** An error of Node's own, with its code. */
export function nodeError(code: string, message: string, Kind: ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor = Error): Error & { readonly code: string } {
  return Object.assign(new Kind(message), { code })
}
