/** A node:http server on a stack, asked by wrk through a TAP, beside the same server on node:net, asked by wrk over the kernel's loopback. */

import { execFile } from 'node:child_process'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { attach } from '@favonius/node/http'
import { nodeNet } from '@favonius/node/net'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { makeNamespace, peer, type Namespace } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { figure, smoke } from './measure.ts'

const ROUNDS = smoke ? 1 : 3
const SECONDS = smoke ? 1 : 3
const CONNECTIONS = 32
const BODIES = { '100 B': '/small', '64 KiB': '/large' } as const

const [small, large] = [Buffer.alloc(100, 'x'), Buffer.alloc(65_536, 'x')]
const handler: http.RequestListener = (request, answer) => answer.end(request.url === '/large' ? large : small)
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Requests a second, of a client that runs where `must` runs it. */
async function wrk(must: Namespace['must'], url: string): Promise<number> {
  const said = await must('wrk', '-t', '1', '-c', String(CONNECTIONS), '-d', `${SECONDS}s`, url)
  if (/Socket errors|Non-2xx/.test(said)) throw new Error(said)
  return Number(/Requests\/sec: +([\d.]+)/.exec(said)![1])
}

if (peer('wrk over TAP', { command: ['ip', 'wrk'], package: 'iproute2 wrk', root: true, tun: true })) {
  const namespace = makeNamespace()
  const stack = compose(system, ethernet(), ipv4(), udp(), tcp({ timeWaitDelay: 0, maxConnections: 256 }), sockets())
  const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: namespace.name }))
  stack.ipv4.addAddress(eth0, '192.0.2.1/24')
  await namespace.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'fav0')
  await namespace.must('ip', 'link', 'set', 'fav0', 'up')
  await eth0.up()
  const listening = await attach(http.createServer(handler), nodeNet({ streams: stack.sockets }), { port: 80 })
  // The kernel's side has a process of its own too: wrk. Both servers are this one.
  const loopback = http.createServer(handler)
  await new Promise<void>((ready) => loopback.listen(0, '127.0.0.1', ready))
  const { port } = loopback.address() as AddressInfo

  for (const [body, path] of Object.entries(BODIES)) {
    const rates = { tap: [] as number[], loopback: [] as number[] }
    for (let round = 0; round <= ROUNDS; round++) {
      const measured = { tap: await wrk(namespace.must, `http://192.0.2.1${path}`), loopback: await wrk((command, ...args) => run(command, args), `http://127.0.0.1:${port}${path}`) }
      // The first one teaches the compiler.
      if (round > 0) for (const which of ['tap', 'loopback'] as const) rates[which].push(measured[which])
    }
    const note = `${CONNECTIONS} connections, median of ${ROUNDS}`
    figure({ name: `node:http over TAP, ${body}`, value: median(rates.tap), unit: 'requests/s', note })
    figure({ name: `node:http over the kernel's loopback, ${body}`, value: median(rates.loopback), unit: 'requests/s', note })
    figure({ name: `over TAP ÷ over loopback, ${body}`, value: median(rates.tap) / median(rates.loopback), unit: '×' })
  }
  loopback.close()
  loopback.closeAllConnections()
  listening.close()
  await stack.stop()
  await namespace.remove()
}

/** Runs a program here, and gives what it printed. */
function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => execFile(command, args, (error, stdout) => (error ? reject(error) : resolve(stdout))))
}
