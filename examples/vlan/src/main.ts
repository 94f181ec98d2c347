/**
 * Zephyr's vlan sample: two VLANs, tags 100 and 200, beside the untagged network of one wire. Two stacks ping each other in all
 * three, and send datagrams whose priority is in the tag. With `--tap` the other end is Linux, whose VLANs are yours to make.
 */

import type { Interface } from '@favonius/contract'
import { VlanLayer } from '@favonius/ethernet/vlan'
import { show } from '@favonius/ethernet/vlan/wire'
import { ECHO_PORT, ms, narrate, openHosts, readOptions, serveEcho, statistics, table, untilInterrupted, type Host, type Hosts } from '@favonius-examples/kit'

/** Of each VLAN: what its addresses begin with. We are 1, the peer is 2. */
const VLANS = [
  { tag: 100, ipv4: '198.51.100.', ipv6: '2001:db8:100::' },
  { tag: 200, ipv4: '203.0.113.', ipv6: '2001:db8:200::' },
] as const
/** Where Ethernet's header ends: behind the type, which is 0x8100 before a tag. */
const HEADER = 14

const { link, fail } = readOptions('npm run example vlan -- [options]', {})
const hosts = await openHosts(link, narrate()).catch((error: Error) => fail(error.message))
await Promise.all([hosts.us, ...hosts.peer ? [hosts.peer] : []].map((host, i) => addVlans(host, i + 1)))
await (hosts.peer === undefined ? meetLinux(hosts) : meetEachOther(hosts))
console.log(`\nWhat ${hosts.us.name} counted:\n${statistics(hosts.us)}`)
await hosts.stop()

/** The kit's stacks come without VLANs; a program that composes its own lists `vlan()` beside `ethernet()`, and has `stack.vlan`. */
async function addVlans({ stack, iface: eth0 }: Host, number: number): Promise<void> {
  const layer = new VlanLayer(stack.netif, { maxVlans: VLANS.length })
  await Promise.all(VLANS.map(({ tag, ipv4, ipv6 }) => {
    const iface: Interface = layer.add(eth0, tag)
    stack.ipv4.addAddress(iface, `${ipv4}${number}/24`)
    stack.ipv6.addAddress(iface, `${ipv6}${number}/64`)
    return iface.up()
  }))
}

/** Pings in every network, then datagrams of every priority. */
async function meetEachOther({ us, peer, peerIpv4, peerIpv6 }: Hosts): Promise<void> {
  const networks = [
    { name: 'untagged', addresses: [peerIpv6, peerIpv4] },
    ...VLANS.map(({ tag, ipv4, ipv6 }) => ({ name: `VLAN ${tag}`, addresses: [`${ipv6}2`, `${ipv4}2`] })),
  ]
  console.log('\nalice pings bob in each network, three times:')
  const rows: (string | number)[][] = [['network', 'to', 'sent', 'back', 'round trips']]
  for (const { name, addresses } of networks) {
    for (const address of addresses) {
      const layer = address.includes(':') ? us.stack.ipv6 : us.stack.ipv4
      const { sent, received, roundTrips } = await layer.ping(address, { count: 3, interval: 50 })
      rows.push([name, address, sent, received, roundTrips.map(ms).join(', ')])
    }
  }
  console.log(table(rows))

  await serveEcho(peer!, ECHO_PORT)
  let seen = 'no tag'
  const unwatch = us.stack.netif.tap({
    frame(_iface, { dv, u8, offset, length }, direction) {
      if (direction !== 'out') return
      seen = dv.getUint16(offset + HEADER - 2) === 0x8100 ? show(u8.slice(offset + HEADER, offset + length)).replace(/, type.*/, '') : 'no tag'
    },
    dropped() {},
  })
  const socket = us.stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 1000)
  console.log('\nalice sends bob datagrams, and each says by SO_PRIORITY how urgent it is:')
  const sent: (string | number)[][] = [['network', 'SO_PRIORITY', 'on the wire', 'came back']]
  for (const { name, addresses } of networks) {
    for (const priority of [0, 5, 7]) {
      socket.setsockopt('SO_PRIORITY', priority)
      await socket.sendto(new TextEncoder().encode(name), { address: addresses[0]!, port: ECHO_PORT })
      const wire = seen
      const back = await socket.recv().catch(() => undefined)
      sent.push([name, priority, wire, back === undefined ? 'not within a second' : new TextDecoder().decode(back)])
    }
  }
  console.log(table(sent))
  socket.close()
  unwatch()
}

/** Says how Linux gets VLANs of its own, and answers until it is told to end. */
async function meetLinux({ us }: Hosts): Promise<void> {
  await serveEcho(us, ECHO_PORT, (bytes, from) => console.log(`  echo: ${bytes} bytes from ${from.address} port ${from.port}`))
  const dev = link.tap!
  console.log('\nGive Linux the same VLANs, in another shell:')
  for (const { tag, ipv4, ipv6 } of VLANS) {
    console.log(`  ip link add link ${dev} name ${dev}.${tag} type vlan id ${tag}\n  ip link set ${dev}.${tag} up`)
    console.log(`  ip addr add ${ipv4}2/24 dev ${dev}.${tag}\n  ip -6 addr add ${ipv6}2/64 dev ${dev}.${tag}`)
  }
  console.log(`\nand then:\n${VLANS.map(({ ipv4, ipv6 }) => `  ping ${ipv4}1\n  ping ${ipv6}1`).join('\n')}\n\nCtrl-C ends it.`)
  await untilInterrupted()
}
