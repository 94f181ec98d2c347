/** A body of 1 MiB over node:net, in BERT blocks and in blocks of 1024 (RFC 8323 §6). */

import { system } from '@favonius/clock'
import { CoapClient, CoapServer } from '@favonius/coap'
import { CoapStreams } from '@favonius/coap/tcp'
import { nodeStreams } from '@favonius/node'
import { figure, median, smoke } from '../../../bench/measure.ts'

const BODY = new Uint8Array(smoke ? 10_000 : 1 << 20).fill(7)
const TIMES = smoke ? 1 : 8
const SIZES = { 'blocks of 1024': 1152, 'BERT, messages of 8 KiB': 8320, 'BERT, messages of 64 KiB': 65_664 } as const

/** MiB a second, with messages of so many bytes at most. */
async function rate(maxMessage: number): Promise<number> {
  const accepting = new CoapStreams(nodeStreams(), system, { maxMessage })
  const server = new CoapServer(accepting, system)
  server.resource('/body', { get: () => ({ payload: BODY, etag: '1' }) })
  await accepting.listen({ address: '127.0.0.1', port: 0 })
  const client = new CoapClient(new CoapStreams(nodeStreams(), system, { maxMessage }), system)
  const uri = `coap+tcp://127.0.0.1:${server.local.port}/body`
  const began = performance.now()
  for (let i = 0; i < TIMES; i++) {
    const { payload } = await client.get(uri)
    if (payload.length !== BODY.length) throw new Error(`${payload.length} bytes`)
  }
  const took = performance.now() - began
  client.close()
  server.close()
  return TIMES * BODY.length / (1 << 20) / took * 1000
}

const rates = new Map(Object.keys(SIZES).map((name) => [name, [] as number[]]))
for (let round = 0; round < (smoke ? 1 : 7); round++) for (const [name, maxMessage] of Object.entries(SIZES)) rates.get(name)!.push(await rate(maxMessage))
const [plain, ...others] = [...rates].map(([name, all]) => [name, median(all.slice(smoke ? 0 : 2))] as const)
for (const [name, value] of [plain!, ...others]) figure({ name: `GET of 1 MiB over node:net, ${name}`, value, unit: 'MiB/s', note: 'client and server in one process' })
for (const [name, value] of others) figure({ name: `GET of 1 MiB over node:net, ${name} ÷ blocks of 1024`, value: value / plain![1], unit: '×' })
