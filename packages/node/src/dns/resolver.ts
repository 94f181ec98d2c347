/** What the operating system knows of names, under the seam that our protocols ask. */

import { promises } from 'node:dns'
import type { NameResolver } from '@favonius/contract'

/**
 * `NameResolver` over `dns.lookup`: `/etc/hosts`, and whatever else the system asks. For clients without a stack of ours:
 * `new CoapClient(nodeDatagrams(), system, { resolver: nodeResolver() })`.
 */
export function nodeResolver(): NameResolver {
  return {
    async lookup(name, { family, signal } = {}) {
      signal?.throwIfAborted()
      const found = promises.lookup(name, { all: true, family: family ?? 0 }) as Promise<{ address: string; family: 4 | 6 }[]>
      if (signal === undefined) return found
      // The system cannot be told that nobody waits any more.
      let abort = (): void => {}
      const aborted = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', (abort = () => reject(signal.reason as Error))))
      return Promise.race([found, aborted]).finally(() => signal.removeEventListener('abort', abort))
    },
  }
}
