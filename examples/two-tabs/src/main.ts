/**
 * A page that is a host. Opened in two tabs of one browser, the two are on one Ethernet segment, which is a BroadcastChannel, and ping each other. This
 * serves the page until Ctrl-C, and prints what the tabs tell of each other; no frame comes here.
 */

import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { untilInterrupted } from '@favonius-examples/kit'
import { build } from 'esbuild'

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Favonius: two tabs</title>
<h1>This tab is a host: <output id="own">it looks for an address…</output></h1>
<p>Open this page in another tab too. The two are on one Ethernet segment.
<pre id="hosts">nobody else is here yet</pre>
<script type="module" src="/page.js"></script>
`

const { values } = parseArgs({ options: { port: { type: 'string', default: '8000' }, help: { type: 'boolean', default: false } } })
const port = Number(values.port)
if (values.help || !(Number.isInteger(port) && port >= 0 && port < 65_536)) {
  console.error('usage: npm run example two-tabs -- [options]\n  --port PORT      where the page is served (8000); 0 for one that is free')
  process.exit(values.help ? 0 : 2)
}

const { outputFiles: [script] } = await build({
  entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
  bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', conditions: ['@favonius/source'],
})
const files: Readonly<Record<string, readonly [type: string, body: string]>> = { '/': ['text/html', PAGE], '/page.js': ['text/javascript', script!.text] }

const server = http.createServer((request, answer) => {
  const file = files[request.url ?? '']
  if (request.method === 'POST') {
    text(request).then((said) => console.log(said), () => {})
    answer.end()
  } else if (file === undefined) answer.writeHead(404).end()
  else answer.setHeader('content-type', `${file[0]}; charset=utf-8`).end(file[1])
})
server.listen(port, '127.0.0.1')
await once(server, 'listening')
console.log(`open http://127.0.0.1:${(server.address() as AddressInfo).port}/ in two tabs of one browser`)
await untilInterrupted()
server.closeAllConnections()
server.close()
