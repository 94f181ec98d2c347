/**
 * Zephyr's echo_client over UDP: sends datagrams of several sizes to port 4242 and compares what comes back.
 * On a TAP it sends to Linux (or to ADDRESS); on a wire in memory, to a second stack.
 */

import { ECHO_PORT, ms, narrate, openHosts, readOptions, serveEcho } from '@favonius-examples/kit'

const { link, positionals, values, fail } = readOptions('npm run example echo-client -- [options] [ADDRESS…]', {
  port: { type: 'string', default: String(ECHO_PORT) },
  count: { type: 'string', default: '10' },
}, `  --port N         of the server (${ECHO_PORT})\n  --count N        datagrams to each address (10)`)
const hosts = await openHosts(link, narrate()).catch((error: Error) => fail(error.message))
const { us, peer } = hosts
if (peer !== undefined) await serveEcho(peer, ECHO_PORT)

let failed = 0
for (const address of positionals.length > 0 ? positionals : [hosts.peerIpv6, hosts.peerIpv4]) {
  const socket = us.stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 1000)
  const times: number[] = []
  try {
    await socket.connect({ address, port: Number(values.port) })
    for (let n = 0; n < Number(values.count); n++) {
      const data = new Uint8Array(1 + Math.floor(Math.random() * 1200)).map((_, i) => i + n)
      const began = performance.now()
      await socket.send(data)
      const back = await socket.recv().catch((error: Error & { code: string }) => (error.code === 'EAGAIN' ? undefined : Promise.reject(error)))
      if (back !== undefined && back.length === data.length && back.every((byte, i) => byte === data[i])) times.push(performance.now() - began)
    }
    console.log(`${address}: ${times.length} of ${values.count} came back whole${times.length ? `, ${ms(times.reduce((a, b) => a + b) / times.length)} on average` : ''}`)
  } catch (error) {
    console.log(`${address}: ${(error as Error).message}`)
  }
  if (times.length === 0) failed++
  socket.close()
}
await hosts.stop()
process.exitCode = failed > 0 ? 1 : 0
