/**
 * Zephyr's coap_client, and more of it: asks for each resource of the coap_server sample, of Zephyr's, of libcoap's kind, or of ours. On a TAP the server is on
 * Linux at .2, over the kernel's sockets on this machine (`npm run example coap-server -- --node`), over a radio whoever it leads to, and on a wire or over the
 * air in memory a second stack.
 */

import { narrate, netHelp, netOptions, openNets, radioOf, readOptions, serveSample } from '@favonius-examples/kit'
import { CoapClient, parseLinks, type CoapResponse } from '@favonius/coap'

const { link, values, positionals, fail } = readOptions('npm run example coap-client -- [options] [URI]', netOptions, netHelp)
const nets = await openNets({ ...link, node: values.node, radio: radioOf(values, fail) }, narrate()).catch((error: Error) => fail(error.message))
const sample = nets.peer && await serveSample(nets.peer, undefined)
const at = positionals[0] ?? `coap://[${nets.peerAddress}]`
const client = new CoapClient(nets.us.net, nets.us.env)
let failed = 0

/** Prints what came of a request. */
async function show(what: string, asking: Promise<CoapResponse>, more: (response: CoapResponse) => string = ({ text }) => text.replaceAll('\n', ' ').trim()): Promise<void> {
  try {
    const response = await asking
    if (!response.ok) failed++
    console.log(`${what}: ${response.status} ${more(response)}`.trimEnd())
  } catch (error) {
    failed++
    console.log(`${what}: ${(error as Error).message}`)
  }
}

const bytes = ({ payload }: CoapResponse): string => `${payload.length} bytes`
const body = new Uint8Array(500).fill(0x61)
await show('the links', client.get(`${at}/.well-known/core`), ({ text }) => {
  const links = parseLinks(text)
  return 'malformed' in links ? links.malformed : links.map(({ target }) => target).join(' ')
})
await show('those of core1', client.get(`${at}/.well-known/core?rt=core1`))
await show('GET /test', client.get(`${at}/test`))
await show('PUT /test', client.put(`${at}/test`, 'a value'))
await show('POST /test', client.post(`${at}/test`, 'a value'), ({ location }) => `/${location.join('/')}`)
await show('DELETE /test', client.delete(`${at}/test`))
await show('GET /seg1/seg2/seg3', client.get(`${at}/seg1/seg2/seg3`))
await show('GET /query?first=1&second=2', client.get(`${at}/query?first=1&second=2`))
await show('GET /separate', client.get(`${at}/separate`))
await show('GET /large', client.get(`${at}/large`), bytes)
await show('POST /location-query', client.post(`${at}/location-query`))
await show('PUT /large-update', client.put(`${at}/large-update`, body), () => `${body.length} bytes`)
await show('GET /large-update', client.get(`${at}/large-update`), bytes)
await show('POST /large-create', client.post(`${at}/large-create`, body), () => `${body.length} bytes`)
let heard = 0
try {
  for await (const { text, observe } of client.observe(`${at}/obs`)) {
    console.log(`/obs, notification ${observe}: ${text}`)
    if (++heard === 3) break
  }
} catch (error) {
  console.log(`/obs: ${(error as Error).message}`)
}
if (heard < 3) failed++
const { sent, retransmitted } = client.statistics
console.log(`${sent} messages were sent, ${retransmitted} of them again`)
client.close()
sample?.stop()
await nets.stop()
process.exitCode = failed > 0 ? 1 : 0
