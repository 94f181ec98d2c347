/**
 * What passes between an application and a stack in a worker: messages of structured clones over a `MessagePort`. Each open stream, listener and datagram
 * socket has a number; those that the application opens are even, and streams that are accepted odd, so that neither side waits for the other to number.
 *
 * Bytes are counted both ways. Who sends has a credit of `WINDOW`, and gets back what the other side has passed on: so what waits in between is bounded,
 * and a reader that stops stops the peer on the network. Datagrams beyond it are dropped, and counted.
 */

import type { DatagramInfo, DatagramOptions, Endpoint, StreamOptions, StreamSettings } from '@favonius/contract'

/** Bytes of one stream that may be under way between the two in one direction. */
export const WINDOW = 65_536
/** The same of one datagram socket, */
export const DATAGRAMS = 4 * WINDOW
/** each datagram counted for so many more than it carries: an empty one takes memory too. */
export const DATAGRAM = 128

/** Bytes that an application passes on before it tells so: a message for each chunk would be half of all messages. */
export const TOLD = WINDOW / 4

/** An error as it is told across: a clone of an `Error` would lose its code. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** What the application says. */
export type Request =
  | { readonly op: 'connect'; readonly id: number; readonly to: Endpoint; readonly options: StreamOptions }
  | { readonly op: 'listen'; readonly id: number; readonly at: Partial<Endpoint> }
  | { readonly op: 'open'; readonly id: number; readonly local: Partial<Endpoint>; readonly options: DatagramOptions }
  | { readonly op: 'write'; readonly id: number; readonly bytes: Uint8Array }
  /** So many bytes of what was received have been passed on. */
  | { readonly op: 'took'; readonly id: number; readonly bytes: number }
  | { readonly op: 'end' | 'leave' | 'abort'; readonly id: number }
  | { readonly op: 'configure'; readonly id: number; readonly settings: StreamSettings }
  | { readonly op: 'send'; readonly id: number; readonly bytes: Uint8Array; readonly to: Endpoint }
  | { readonly op: 'join' | 'part'; readonly id: number; readonly group: string; readonly iface: string | undefined }
  /** A listener or a datagram socket. */
  | { readonly op: 'close'; readonly id: number }

/** What the stack says. */
export type Reply =
  | { readonly op: 'connected'; readonly id: number; readonly local: Endpoint; readonly remote: Endpoint }
  | { readonly op: 'opened'; readonly id: number; readonly local: Endpoint }
  | { readonly op: 'failed'; readonly id: number; readonly why: Failure }
  | { readonly op: 'accepted'; readonly id: number; readonly listener: number; readonly local: Endpoint; readonly remote: Endpoint }
  | { readonly op: 'received'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly op: 'wrote'; readonly id: number; readonly bytes: number }
  | { readonly op: 'ended'; readonly id: number }
  | { readonly op: 'closed'; readonly id: number; readonly why: Failure | undefined }
  | { readonly op: 'datagram'; readonly id: number; readonly bytes: Uint8Array; readonly from: Endpoint; readonly info: DatagramInfo }
  | { readonly op: 'error'; readonly id: number; readonly why: Failure }

/** What a `MessagePort` is to us, of a browser's or of Node's. */
export interface Port {
  postMessage(message: unknown): void
  /** Of `message`, and of `close` where there is such an event. `any`, because DOM's event, Node's and Deno's are types of their own. */
  // oxlint-disable-next-line typescript/no-explicit-any
  addEventListener(type: string, listener: (event: any) => void): void
  /** Messages come from then on. */
  start?(): void
}

/** Whether a message has the shape that all have. What it says beside that is for who acts on it to check. */
export function isMessage(data: unknown): data is { readonly op: string; readonly id: number } {
  return typeof data === 'object' && data !== null && typeof (data as { op?: unknown }).op === 'string' && Number.isInteger((data as { id?: unknown }).id)
}

/** An error as a failure. */
export function toFailure(error: unknown): Failure {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return { code: typeof code === 'string' ? code : 'EIO', message: String(message) }
}
