/** What the client of `program.ts` asks for. */

import type { CoapServer } from '../src/server.ts'

export function serve(server: CoapServer): void {
  let count = 0
  server.resource('/hello', { get: ({ query }) => `hello, ${query.join().replace('name=', '')}` })
  server.resource('/reverse', { post: ({ payload }) => payload.slice().reverse() })
  const counter = server.resource('/counter', {
    observable: true,
    get: () => String(count),
    post: () => {
      count++
      counter.changed()
    },
  })
}
