import { ConfigError } from '@favonius/kconfig'

/** Takes a place in a table that has one handler for each number; returns how to give it back. ConfigError when it is taken. */
export function claim<H>(table: Map<number, H>, number: number, handler: H, what: string): () => void {
  if (table.has(number)) throw new ConfigError(`two features handle ${what} ${number}`)
  table.set(number, handler)
  return () => {
    if (table.get(number) === handler) table.delete(number)
  }
}
