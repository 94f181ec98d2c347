/**
 * First light: two composed stacks find each other on a wire in memory, ping, and exchange datagrams, in real time.
 * With `--tap`, one stack meets Linux instead, and answers its pings until Ctrl-C.
 */

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ECHO_PORT, ms, narrate, neighbors, openHosts, readOptions, serveEcho, statistics, table, type Hosts } from '@favonius-examples/kit'

const { link, values } = readOptions('npm start -- [options]', { for: { type: 'string' } }, '  --for SECONDS    with --tap: end after so long, instead of at Ctrl-C')
const pcap = link.pcap ?? join(tmpdir(), 'favonius.pcapng')

console.log(link.tap === undefined
  ? 'Two stacks, alice and bob, on one wire in memory.\n\nThey come up, and find out whether their addresses are theirs alone:'
  : `One stack on the TAP device ${link.tap}, and Linux at the other end.\n\nIt comes up, and finds out whether its addresses are its alone:`)
const hosts = await openHosts({ ...link, pcap }, narrate()).catch((error: Error & { code?: string }) => {
  console.error(`\n${error.message}`)
  process.exit(1)
})
await (hosts.peer === undefined ? meetLinux(hosts) : meetEachOther(hosts))
console.log(`\nWhat ${hosts.us.name} counted:\n${statistics(hosts.us)}`)
await hosts.stop()
console.log(`\nEvery frame is in ${pcap}: open it with Wireshark, or tshark -r.`)

/** Pings both ways, then datagrams to the echo port and back. */
async function meetEachOther({ us, peer, peerIpv4, peerIpv6 }: Hosts): Promise<void> {
  console.log('\nalice pings bob, 56 bytes, three times:')
  const rows: (string | number)[][] = [['to', 'sent', 'back', 'round trips']]
  for (const [address, result] of [
    [peerIpv6, await us.stack.ipv6.ping(peerIpv6, { count: 3, interval: 100 })],
    [peerIpv4, await us.stack.ipv4.ping(peerIpv4, { count: 3, interval: 100 })],
  ] as const) rows.push([address, result.sent, result.received, result.roundTrips.map(ms).join(', ')])
  console.log(table(rows))

  await serveEcho(peer!, ECHO_PORT)
  const socket = us.stack.sockets.socket('inet6', 'dgram')
  const sizes = [5, 64, 1200]
  console.log(`\nalice sends datagrams to bob's port ${ECHO_PORT}, and bob returns them:`)
  const echoes: (string | number)[][] = [['to', 'bytes', 'came back']]
  for (const address of [peerIpv6, peerIpv4]) {
    for (const size of sizes) {
      const data = new Uint8Array(size).map((_, i) => i)
      const began = performance.now()
      await socket.sendto(data, { address, port: ECHO_PORT })
      socket.setsockopt('SO_RCVTIMEO', 1000)
      const back = await socket.recv().catch(() => undefined)
      const same = back !== undefined && back.length === size && back.every((byte, i) => byte === data[i])
      echoes.push([address, size, same ? `whole, after ${ms(performance.now() - began)}` : back ? 'changed' : 'not within a second'])
    }
  }
  console.log(table(echoes))
  console.log(`\nWhom alice knows now:\n${neighbors(us)}`)
}

/** Says what can be tried from Linux, and answers until it is told to end. */
async function meetLinux({ us, peerIpv6, commands }: Hosts): Promise<void> {
  await serveEcho(us, ECHO_PORT, (bytes, from) => console.log(`  echo: ${bytes} bytes from ${from.address} port ${from.port}`))
  const { received, roundTrips } = await us.stack.ipv6.ping(peerIpv6)
  console.log(`\nLinux's side was set up with:\n${commands.map((command) => `  ${command}`).join('\n')}`)
  console.log(received > 0 ? `\nLinux answers our ping after ${ms(roundTrips[0]!)}.` : '\nLinux does not answer our ping.')
  console.log(`\nTry, in another shell:\n  ping ${us.ipv4}\n  ping ${us.ipv6}\n  echo hello | nc -u -w1 ${us.ipv4} ${ECHO_PORT}\n\nCtrl-C ends it.`)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
    if (values.for !== undefined) setTimeout(resolve, Number(values.for) * 1000)
  })
}
