import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The frames of a file here, with their FCS. */
export function vectors(name: string): Uint8Array<ArrayBuffer>[] {
  return readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8').trim().split('\n').map((line) => Uint8Array.from(Buffer.from(line, 'hex')))
}

export const files = ['riot-2node.txt', 'contiki-root-riot-node.txt'] as const
