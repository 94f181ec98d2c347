/**
 * Zephyr's echo_server: returns every UDP datagram, and every byte of every TCP connection, that comes to port 4242.
 * On a TAP, or over a radio to somebody else, it serves until Ctrl-C; on a wire or over the air in memory a second stack sends it something, so that there
 * is something to see.
 */

import { ECHO_PORT, narrate, openHosts, radioHelp, radioOf, radioOptions, readOptions, serveEcho, serveEchoStreams, statistics, untilInterrupted } from '@favonius-examples/kit'

const { link, values, fail } = readOptions('npm run example echo-server -- [options]', radioOptions, radioHelp)
const hosts = await openHosts({ ...link, radio: radioOf(values, fail) }, narrate()).catch((error: Error) => fail(error.message))
const { us, peer } = hosts

await serveEcho(us, ECHO_PORT, (bytes, from) => console.log(`returned ${bytes} bytes to ${from.address} port ${from.port}`))
await serveEchoStreams(us, ECHO_PORT, (from) => console.log(`connected to ${from}`))
console.log(`waiting for datagrams and connections at ${us.addresses.join(' and ')}, port ${ECHO_PORT}`)

if (peer !== undefined) {
  const socket = peer.stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 1000)
  for (const address of us.addresses) {
    for (const text of ['hello', 'is anybody there?']) {
      await socket.sendto(new TextEncoder().encode(text), { address, port: ECHO_PORT })
      const back = await socket.recv().catch(() => undefined)
      console.log(`${peer.name} got back: ${back === undefined ? 'nothing within a second' : new TextDecoder().decode(back)}`)
    }
    const stream = peer.stack.sockets.socket('inet6', 'stream')
    await stream.connect({ address, port: ECHO_PORT })
    await stream.send(new TextEncoder().encode('hello, by a stream'))
    console.log(`${peer.name} got back: ${new TextDecoder().decode(await stream.recv())}`)
    stream.close()
  }
} else {
  await untilInterrupted()
}
console.log(`\n${statistics(us)}`)
await hosts.stop()
