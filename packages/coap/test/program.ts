/**
 * A program of a client that knows nothing of what carries it. It runs as it is, byte for byte, over the kernel's datagrams, over our stack on a TAP, on a
 * simulated Ethernet and on simulated radios, and in a browser over a WebSocket.
 */

import type { CoapClient } from '../src/client.ts'

/** Bytes of a body of several blocks. */
const BODY = 3000

/** Talks to what `serve` of `served.ts` serves at `at`, a URI without a path; resolves with what it was told, a line each. */
export async function program(client: CoapClient, at: string): Promise<string[]> {
  const lines: string[] = []
  const hello = await client.get(`${at}/hello?name=you`)
  lines.push(`${hello.status} ${hello.text}`, (await client.get(`${at}/none`)).status)
  const body = Uint8Array.from({ length: BODY }, (_, i) => i * 7 + (i >> 8))
  const back = await client.post(`${at}/reverse`, body)
  lines.push(`${back.payload.length} bytes${back.payload.every((byte, i) => byte === body[BODY - 1 - i]) ? ', reversed' : ''}`)
  const heard: string[] = []
  for await (const { text } of client.observe(`${at}/counter`)) {
    if (heard.push(text) === 3) break
    await client.post(`${at}/counter`)
  }
  lines.push(`heard ${heard.join()}`)
  if (await client.ping(at) >= 0) lines.push('is there')
  return lines
}

/** What it is told. */
export const TOLD = ['2.05 hello, you', '4.04', `${BODY} bytes, reversed`, 'heard 0,1,2', 'is there']
