/** Where the programs of the compatibility table run: two stacks on a wire in memory, in real time. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { nodeDgram } from '@favonius/node/dgram'
import { nodeNet } from '@favonius/node/net'
import { EthernetSegment } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'

/** Where the server is. */
export const HOST = '192.0.2.2'

export interface World {
  readonly client: ReturnType<typeof nodeNet>
  readonly server: ReturnType<typeof nodeNet>
  readonly clientDgram: ReturnType<typeof nodeDgram>
  readonly serverDgram: ReturnType<typeof nodeDgram>
  stop(): Promise<void>
}

export async function makeWorld(): Promise<World> {
  const wire = new EthernetSegment(system)
  const [a, b] = await Promise.all([1, 2].map(async (n) => {
    const stack = compose(system, ethernet(), ipv4(), udp(), tcp({ timeWaitDelay: 0 }), sockets())
    const eth0 = stack.netif.add(wire.device())
    stack.ipv4.addAddress(eth0, `192.0.2.${n}/24`)
    await eth0.up()
    return stack
  }))
  const [near, far] = [a!, b!]
  return {
    client: nodeNet({ streams: near.sockets }), server: nodeNet({ streams: far.sockets }),
    clientDgram: nodeDgram({ datagrams: near.sockets }), serverDgram: nodeDgram({ datagrams: far.sockets }),
    async stop() {
      await near.stop()
      await far.stop()
      wire.stop()
    },
  }
}

/** A key and a certificate for `HOST` and `localhost`, made for this once. */
export function certificate(): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-tls-'))
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', `subjectAltName=IP:${HOST},DNS:localhost`,
      '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')], { stdio: 'ignore' })
    return { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The body of an answer of node:http. */
export async function text(from: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of from) parts.push(part)
  return Buffer.concat(parts).toString()
}
