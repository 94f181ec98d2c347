/** How the event loop learns that there are frames: two ways, the fast one and the one that every runtime has. */

import { closeSync } from 'node:fs'
import net from 'node:net'
import type { Kernel } from './kernel.ts'

/** Ends the watching and closes the descriptor. Resolves when that is done. */
export type Stop = () => Promise<void>

/** Who is told. */
export interface Watcher {
  /** Frames can be read. When the first of them was read already it stands in the buffer that was given, and has `size` bytes; −1 when not. */
  readable(size: number): void
  /** The interface is gone. */
  gone(): void
}

/** The part of Node's handle for pipes that is used. */
interface PipeHandle {
  open(fd: number): number | undefined
  close(): void
}

/**
 * Node's handle for pipes takes any descriptor, though `net.Socket` would refuse a TAP's. It waits with the event loop's
 * own epoll and reads one frame a turn into `buffer`: twice as many frames for a CPU-second as the other way.
 *
 * Undefined where the handle is missing (Bun) or does not open (Deno).
 */
export function watchByPipe(fd: number, buffer: Uint8Array, watcher: Watcher): Stop | undefined {
  const Pipe = pipeConstructor()
  if (!Pipe) return undefined
  let handle: PipeHandle
  try {
    handle = new Pipe(0)
    const refused = handle.open(fd)
    if (refused) {
      handle.close()
      return undefined
    }
  } catch {
    return undefined
  }
  const socket = new net.Socket({
    handle,
    onread: {
      buffer,
      callback(size: number) {
        watcher.readable(size)
        return true
      },
    },
  } as net.SocketConstructorOpts)
  socket.on('error', () => watcher.gone())
  socket.on('end', () => watcher.gone())
  return () => new Promise((resolve) => {
    if (socket.closed) return resolve()
    socket.once('close', () => resolve())
    socket.destroy()
  })
}

/** The class of handles behind a socket for a path; Node does not export it. Connecting to nothing is how to get one. */
function pipeConstructor(): (new (type: number) => PipeHandle) | undefined {
  const socket = net.connect({ path: '/dev/null/nobody' })
  socket.on('error', () => {})
  const Pipe = (socket as { _handle?: { constructor?: unknown } })._handle?.constructor
  socket.destroy()
  return typeof Pipe === 'function' && Pipe.name === 'Pipe' ? (Pipe as new (type: number) => PipeHandle) : undefined
}

/** Milliseconds after which a poll ends by itself. A thread blocked for longer would hold up `process.exit`. */
const POLL_TIMEOUT = 250
const POLLIN = 1
const POLLERR = 8
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000

/**
 * `poll(2)` in a thread of the pool, again and again, on the descriptor and on an event that says to stop. It takes one of
 * the pool's threads, of which there are four.
 */
export function watchByPoll(kernel: Kernel, fd: number, watcher: Watcher): Stop {
  const stop = kernel.eventfd(0, EFD_NONBLOCK_CLOEXEC)
  // Two `struct pollfd`: descriptor, events, what happened. And the 8 bytes of a one, which raise the event.
  const memory = new DataView(new ArrayBuffer(24))
  const bytes = new Uint8Array(memory.buffer)
  const address = kernel.addressOf(bytes)
  const native = new Int32Array(memory.buffer)
  const events = new Int16Array(memory.buffer)
  native[0] = fd
  events[2] = POLLIN
  native[2] = stop
  events[6] = POLLIN
  bytes.fill(1, 16)
  let ended: (() => void) | undefined

  const wait = (): void => kernel.poll(address, 2, POLL_TIMEOUT, () => {
    if (ended) {
      closeSync(fd)
      kernel.close(stop)
      return ended()
    }
    const happened = events[3]!
    if (happened & POLLIN) watcher.readable(-1)
    // An interface that is gone is an error on every poll: no need to ask at full speed.
    if (happened & POLLERR) {
      watcher.gone()
      setTimeout(wait, POLL_TIMEOUT)
    } else wait()
  })
  wait()
  return () => new Promise((resolve) => {
    ended = resolve
    kernel.write(stop, address + 16, 8)
  })
}
