/**
 * A node:http server, written as ever, on a stack of ours. On a TAP it serves whoever comes, with curl say, until Ctrl-C; on a wire in memory a second
 * stack asks it something.
 */

import http from 'node:http'
import { attach, faceFetch } from '@favonius/node/http'
import { nodeNet } from '@favonius/node/net'
import { narrate, openHosts, readOptions, statistics, untilInterrupted } from '@favonius-examples/kit'

const PORT = 8080

const { link, fail } = readOptions('npm run example http-server -- [options]', {})
const hosts = await openHosts(link, narrate()).catch((error: Error) => fail(error.message))
const { us, peer } = hosts

/** Paths and what answers them, as frameworks have it. */
const routes: Readonly<Record<string, (request: http.IncomingMessage, answer: http.ServerResponse) => void>> = {
  '/': (_, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html><title>Favonius</title><p>This page came over a network stack in JavaScript.\n'),
  '/time': (_, answer) => answer.setHeader('content-type', 'application/json').end(`${JSON.stringify({ time: new Date().toISOString() })}\n`),
  '/echo': (request, answer) => void request.pipe(answer),
}
const server = http.createServer((request, answer) => {
  console.log(`${request.socket.remoteAddress} asks: ${request.method} ${request.url}`)
  const route = routes[new URL(request.url ?? '/', 'http://here').pathname]
  if (route === undefined) answer.writeHead(404).end('there is nothing here\n')
  else route(request, answer)
})
const listening = await attach(server, nodeNet({ streams: us.stack.sockets }), { port: PORT })
console.log(`serving http://${us.ipv4}:${PORT}/ and http://[${us.ipv6}]:${PORT}/`)

if (peer !== undefined) {
  const ask = faceFetch(nodeNet({ streams: peer.stack.sockets }))
  for (const [path, init] of [['/', undefined], ['/echo', { method: 'POST', body: 'the same again, please\n' }], ['/nowhere', undefined]] as const) {
    const response = await ask(`http://[${us.ipv6}]:${PORT}${path}`, init)
    console.log(`${peer.name} got ${response.status}: ${(await response.text()).trim()}`)
  }
} else {
  await untilInterrupted()
}
listening.close()
console.log(`\n${statistics(us)}`)
await hosts.stop()
