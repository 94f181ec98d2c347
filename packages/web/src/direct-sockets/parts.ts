/** What all Direct Sockets have in common: what they stand on, and how they fail. */

import type { DatagramNet, Endpoint, Env, NameResolver, StreamNet } from '@favonius/contract'
import { parseAddress } from '@favonius/inet'

/** What Direct Sockets stand on: a stack's `sockets`, `stackOver(port)`, or the kernel's. */
export interface DirectParts {
  readonly env: Env
  readonly streams: StreamNet
  readonly datagrams: DatagramNet
  /** Who is asked for remote hosts that are names, such as `stack.dns`. Without one a name goes to `streams` as it is, which may know of names. */
  readonly names?: NameResolver | undefined
}

/** Which addresses of a name are wanted. */
export type DnsQueryType = 'ipv4' | 'ipv6'

/** An error as the platform has them. What is beneath is its `cause`, with a code: ECONNREFUSED, EADDRINUSE… */
export function networkError(cause: unknown): DOMException {
  return Object.assign(new DOMException((cause as Error).message, 'NetworkError'), { cause })
}

/** For what a socket cannot do now. */
export const invalidState = (message: string): DOMException => new DOMException(message, 'InvalidStateError')

/** Throws TypeError. */
export function checkPort(name: string, port: unknown, least: 0 | 1): void {
  if (!(Number.isInteger(port) && (port as number) >= least && (port as number) <= 65_535)) throw new TypeError(`${name} ${String(port)}: give a whole number from ${least} to 65535`)
}

/** Buffer sizes are wishes, which a net has no ear for; zero is a mistake all the same. Throws TypeError. */
export function checkSizes({ sendBufferSize, receiveBufferSize }: { readonly sendBufferSize?: number | undefined; readonly receiveBufferSize?: number | undefined }): void {
  for (const size of [sendBufferSize, receiveBufferSize]) if (size !== undefined && !(size > 0)) throw new TypeError(`a buffer size of ${size}: give bytes, more than 0`)
}

/** An address of a host, by name where there is who knows names. */
export async function resolve({ names }: DirectParts, host: string, dnsQueryType: DnsQueryType | undefined): Promise<string> {
  if (names === undefined || parseAddress(host.split('%', 1)[0]!) !== undefined) return host
  const [first] = await names.lookup(host, dnsQueryType === undefined ? {} : { family: dnsQueryType === 'ipv4' ? 4 : 6 })
  return first!.address
}

/** The endpoint in `192.0.2.1:80` or `[2001:db8::1]:80`. */
export function endpointOf(text: string): Endpoint {
  const colon = text.lastIndexOf(':')
  return { address: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

/** A promise that rejects into nothing when nobody looks at it. */
export function told<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
