/**
 * DNS over TCP (RFC 7766), for answers that no datagram holds: `new DnsClient(env, datagrams, overTcp(streams))`.
 *
 * @packageDocumentation
 */

import type { Endpoint, StreamNet } from '@favonius/contract'
import { failure } from '@favonius/inet'
import type { MessageNet, MessageSink } from './client.ts'

/** Sockets for messages of any streams: of ours, of the kernel, or through TLS. Each sends one message by a stream of its own, and hears one back. */
export const overTcp = (streams: StreamNet): MessageNet => ({
  open: async (_local, sink) => {
    let close = (): void => {}
    let closed = false
    return {
      send(data, to) {
        connect(streams, to, data, sink).then((end) => {
          close = end
          if (closed) end()
        }, (error: Error & { code: string }) => {
          if (!closed) sink.error(error)
        })
        return true
      },
      close() {
        closed = true
        close()
      },
    }
  },
})

/** One message there and one back, two bytes of length before each (RFC 7766 §8). Returns how to end it. */
async function connect(streams: StreamNet, to: Endpoint, data: Uint8Array, sink: MessageSink): Promise<() => void> {
  let rest = Uint8Array.of(data.length >>> 8, data.length, ...data)
  let got: number[] = []
  const ended = (error: Error = failure('ECONNRESET', `${to.address} ended the stream without an answer`)): void => sink.error(error as Error & { code: string })
  const stream = await streams.connect(to, {
    receive(chunk) {
      got = [...got, ...chunk]
      const end = (got[0]! << 8 | got[1]!) + 2
      if (got.length < end) return
      // A peer that sends more has no more to say.
      stream.pause()
      sink.receive(Uint8Array.from(got.slice(2, end)), to)
    },
    drained: () => write(),
    ended,
    closed: ended,
  })
  const write = (): void => {
    rest = rest.subarray(stream.write(rest))
  }
  write()
  return () => stream.close()
}
