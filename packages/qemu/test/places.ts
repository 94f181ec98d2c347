/** Where tests meet, and a wire between two connections. */

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StreamAddress } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'favonius-qemu-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

let made = 0

/** A path for a unix socket that nobody has. */
export const freshPath = (): string => join(folder, `${made++}.socket`)

export const pause = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

export async function until(done: () => boolean): Promise<void> {
  for (const end = performance.now() + 8000; !done(); await pause(1)) if (performance.now() > end) throw new Error('it is not done, and nothing more happens')
}

/** Two connections, each of which hears the other; the cable of whoever came first can be pulled. As a hub of QEMU is. */
export interface Relay {
  readonly at: StreamAddress
  plug(plugged: boolean): Promise<void>
  close(): Promise<void>
}

export async function relay(): Promise<Relay> {
  const path = freshPath()
  const ends: (Socket | undefined)[] = [undefined, undefined]
  const server = createServer((socket) => {
    const side = ends[0] === undefined ? 0 : 1
    ends[side] = socket
    socket.on('error', () => {})
    socket.on('close', () => { ends[side] = undefined })
    socket.on('data', (data) => {
      const other = ends[1 - side]
      if (other === undefined || other.write(data)) return
      socket.pause()
      other.once('drain', () => socket.resume())
    })
  })
  const listen = (): Promise<void> => new Promise((resolve) => { server.listen(path, resolve) })
  await listen()
  return {
    at: { path },
    async plug(plugged) {
      if (plugged) return listen()
      server.close()
      ends[0]?.destroy()
    },
    async close() {
      server.close()
      for (const end of ends) end?.destroy()
    },
  }
}
