/**
 * Zephyr's coap_server: test, seg1/seg2/seg3, query, separate, large, location-query, large-update, large-create, obs, core1 and core2, at port 5683.
 * On a TAP, over the kernel's sockets, or over a radio to somebody else, it serves until it is stopped: coap-client -m get coap://[2001:db8::1]/test. On a wire or
 * over the air in memory a second stack asks.
 */

import { narrate, netHelp, netOptions, openNets, radioOf, readOptions, serveSample, untilInterrupted } from '@favonius-examples/kit'
import { CoapClient } from '@favonius/coap'

const { link, values, fail } = readOptions('npm run example coap-server -- [options]', { ...netOptions, port: { type: 'string', default: '5683' } }, `  --port PORT      of the server (5683)\n${netHelp}`)
const nets = await openNets({ ...link, node: values.node, radio: radioOf(values, fail) }, narrate()).catch((error: Error) => fail(error.message))
const sample = await serveSample(nets.us, Number(values.port), ({ from, code }) => console.log(`asked by [${from.address}]:${from.port}, code ${code}`)).catch((error: Error) => fail(error.message))
const { address, port } = sample.server.local
console.log(`coap://[${address}]:${port} has ${['test', 'seg1/seg2/seg3', 'query', 'separate', 'large', 'location-query', 'large-update', 'large-create', 'obs', 'core1', 'core2'].join(', ')}`)
if (nets.peer === undefined) await untilInterrupted()
else {
  const client = new CoapClient(nets.peer.net, nets.peer.env)
  const at = `coap://[${address}]:${port}`
  for (const method of ['GET', 'PUT', 'POST', 'DELETE'] as const) {
    const { status } = await client.request(method, `${at}/test`)
    console.log(`${method} /test: ${status}`)
  }
  client.close()
}
const { received, sent, dropped } = sample.server.statistics
console.log(`${received} messages were received, ${sent} sent, ${Object.values(dropped).reduce((sum, count) => sum + count, 0)} dropped`)
sample.stop()
await nets.stop()
