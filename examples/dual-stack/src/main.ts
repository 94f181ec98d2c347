/**
 * IPv4 and IPv6 at once. One `inet6` socket bound to `::` serves both families, as in Zephyr's echo server, and sees IPv4 peers as
 * `::ffff:192.0.2.1`. Two sockets on one port, one for each family, see each its own. With `--tap` the peer is Linux.
 */

import { ECHO_PORT, openHosts, readOptions, statistics, table, type Host } from '@favonius-examples/kit'

/** The port of the sockets that serve one family each. */
const APART_PORT = ECHO_PORT + 1

const { link, fail } = readOptions('npm run example dual-stack -- [options]', {})
const { us, peer, stop } = await openHosts(link).catch((error: Error) => fail(error.message))
const server = peer ?? us
const said: (string | number)[][] = [['port', 'socket', 'sees the peer as', 'and says']]

await serve(server, 'inet6', ECHO_PORT, '::', false)
await serve(server, 'inet6', APART_PORT, ':: with IPV6_V6ONLY', true)
await serve(server, 'inet', APART_PORT, '0.0.0.0', false)
await (peer === undefined ? meetLinux() : ask(us, peer))
console.log(table(said))
console.log(`\nWhat ${server.name} counted:\n${statistics(server)}`)
await stop()

/** Echoes on a port, for as long as the stack runs, and notes who asked which socket. */
async function serve({ stack }: Host, family: 'inet' | 'inet6', port: number, name: string, v6only: boolean): Promise<void> {
  const socket = stack.sockets.socket(family, 'dgram')
  if (v6only) socket.setsockopt('IPV6_V6ONLY', true)
  await socket.bind({ port })
  void (async () => {
    for (;;) {
      const { data, from } = await socket.recvfrom()
      said.push([port, name, from.address, new TextDecoder().decode(data)])
      if (peer === undefined) console.log(`  ${from.address} asks ${name}, port ${port}`)
      await socket.sendto(data, from)
    }
  })().catch(() => {}) // the stack was stopped
}

/** One client for each family asks both ports. */
async function ask({ stack }: Host, { ipv4, ipv6 }: Host): Promise<void> {
  console.log(`alice asks bob by both families; what bob's sockets saw:`)
  for (const [family, address] of [['inet6', ipv6], ['inet', ipv4]] as const) {
    const client = stack.sockets.socket(family, 'dgram')
    client.setsockopt('SO_RCVTIMEO', 1000)
    for (const port of [ECHO_PORT, APART_PORT]) {
      await client.sendto(new TextEncoder().encode(`hello by ${family === 'inet' ? 'IPv4' : 'IPv6'}`), { address, port })
      await client.recv()
    }
    client.close()
  }
}

async function meetLinux(): Promise<void> {
  console.log('Ask by either family, in another shell:')
  for (const address of [us.ipv6, us.ipv4]) for (const port of [ECHO_PORT, APART_PORT]) console.log(`  echo hello | nc -u -w1 ${address} ${port}`)
  console.log('\nCtrl-C ends it.')
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
