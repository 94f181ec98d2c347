/**
 * A router between two networks. Alice is on one, bob on the other, whose link carries 1400 bytes. Alice pings bob, finds out who is on
 * the way, and sends more than the far link carries. With `--tap` the router is ours, and alice and bob are Linux, each in a network
 * namespace of its own.
 */

import { execFileSync } from 'node:child_process'
import { sleep, system } from '@favonius/clock'
import type { Address, Device, IcmpError, Interface } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address, ANY6 } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Forwarding } from '@favonius/ipv4/forwarding'
import { ipv4Pmtu } from '@favonius/ipv4/pmtu'
import { ipv6 } from '@favonius/ipv6'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { ipv6Pmtu } from '@favonius/ipv6/pmtu'
import { captureFile } from '@favonius/pcap/file'
import { EthernetSegment } from '@favonius/sim'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { udp } from '@favonius/udp'
import { ms, readOptions, table } from '@favonius-examples/kit'

/** What the addresses on each link begin with; the router is 1 on both, the host is 2. */
const LEFT = { name: 'left', ipv4: '192.0.2.', ipv6: '2001:db8:a::', mtu: 1500 } as const
const RIGHT = { name: 'right', ipv4: '198.51.100.', ipv6: '2001:db8:b::', mtu: 1400 } as const
type Network = typeof LEFT | typeof RIGHT

/** Where traceroute's datagrams go: a port that nobody listens on. */
const NOBODY = 33_434
const MOST_HOPS = 8

const { link, fail } = readOptions('npm run example router -- [options]', {})

const routerOf = () => compose(system, ethernet(), ipv4(), ipv6(), ip({ maxRoutes: 16 }), ipv4Forwarding(), ipv6Forwarding())
const hostOf = () => compose(system, ethernet(), ipv4(), ipv4Pmtu(), ipv6(), ipv6Pmtu(), udp())
type Host = ReturnType<typeof hostOf>

/** Gives an interface its number in a network of both families. */
function join({ ipv4, ipv6 }: Pick<Host, 'ipv4' | 'ipv6'>, iface: Interface, network: Network, number: 1 | 2): Promise<void> {
  ipv4.addAddress(iface, `${network.ipv4}${number}/24`)
  ipv6.addAddress(iface, `${network.ipv6}${number}/64`)
  return iface.up()
}

const router = routerOf()
const capture = link.pcap === undefined ? undefined : captureFile(router.netif, system.clock, link.pcap)
await (link.tap === undefined ? inMemory() : betweenLinux(link.tap))
console.log('\nWhat the router counted:')
const { counters, drops } = router.netif.statistics()
console.log(table([
  ['family', 'forwarded', 'dropped'],
  ...(['ipv4', 'ipv6'] as const).map((family) => [family, counters[family]!['forwarded']!, Object.entries(drops).filter(([reason]) => reason.startsWith(family)).map(([reason, n]) => `${n} × ${reason}`).join(', ') || 'none']),
]))
await router.stop()
capture?.close()

/** Three stacks, on two wires. */
async function inMemory(): Promise<void> {
  const wires = [new EthernetSegment(system, { mtu: LEFT.mtu }), new EthernetSegment(system, { mtu: RIGHT.mtu })] as const
  const [alice, bob] = [hostOf(), hostOf()]
  const up = ([[alice, LEFT, wires[0]], [bob, RIGHT, wires[1]]] as const).map(([host, network, wire]) => {
    const eth0 = host.netif.add(wire.device())
    const ready = join(host, eth0, network, 2)
    // Whoever is not on the link is behind the router.
    host.ipv4.setGateway(eth0, `${network.ipv4}1`)
    host.ipv6.setGateway(eth0, `${network.ipv6}1`)
    return ready
  })
  await Promise.all([...up, join(router, router.netif.add(wires[0].device()), LEFT, 1), join(router, router.netif.add(wires[1].device()), RIGHT, 1)])

  const bobs = [`${RIGHT.ipv6}2`, `${RIGHT.ipv4}2`]
  console.log('alice pings bob, who is behind the router:')
  const rows: (string | number)[][] = [['to', 'bytes', 'sent', 'back', 'round trips']]
  for (const to of bobs) {
    const layer = to.includes(':') ? alice.ipv6 : alice.ipv4
    for (const size of [56, 1300]) {
      const { sent, received, roundTrips } = await layer.ping(to, { count: 3, interval: 50, size, timeout: 500 })
      rows.push([to, size, sent, received, roundTrips.map(ms).join(', ')])
    }
  }
  console.log(table(rows))

  for (const to of bobs) {
    console.log(`\nthe way from alice to ${to}:`)
    console.log(table([['hop', 'who', 'says'], ...await traceroute(alice, address(to))]))
  }

  // The router drops it and says so; from then on alice knows, and refuses what would not pass. `ipv6Fragments()` would cut it instead.
  console.log('\nalice pings bob with 1440 bytes, which the far link does not carry:')
  const paths: (string | number)[][] = [['to', 'back', 'what alice knows of the way now']]
  for (const to of bobs) {
    const six = to.includes(':')
    const { received } = await (six ? alice.ipv6 : alice.ipv4).ping(to, { size: 1440, timeout: 300 })
    const { paths: known } = six ? alice.ipv6Pmtu : alice.ipv4Pmtu
    paths.push([to, received, known.map(({ destination, mtu }) => `${destination} takes ${mtu} bytes`).join(', ') || 'nothing'])
  }
  console.log(table(paths))
  for (const host of [alice, bob]) await host.stop()
  for (const wire of wires) wire.stop()
}

/** Who is on the way: datagrams with a hop limit of 1, 2, 3 …, and who complains of each. */
async function traceroute({ udp }: Host, to: Address): Promise<(string | number)[][]> {
  const rows: (string | number)[][] = []
  let answer: IcmpError | undefined
  const socket = udp.open({ address: ANY6, port: 0, v6only: false, reuse: false, iface: undefined }, {
    receive: (packet) => packet.unref(),
    error: (error) => {
      answer = error
    },
  })
  for (let hop = 1; hop <= MOST_HOPS && answer?.code !== 'ECONNREFUSED'; hop++) {
    answer = undefined
    socket.hopLimit = hop
    socket.reroute()
    socket.send(new Uint8Array(12), udp.peer(to, NOBODY + hop))
    for (let waited = 0; waited < 1000 && answer === undefined; waited += 5) await sleep(system, 5)
    const { from, message } = (answer as IcmpError | undefined) ?? { from: '*', message: 'nothing' }
    rows.push([hop, `${from}`, message])
  }
  socket.close()
  return rows
}

/** Two TAP devices, with a Linux of its own behind each. */
async function betweenLinux(first: string): Promise<void> {
  const made: string[] = []
  const shell = (command: string): void => {
    execFileSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
    console.log(`  ${command}`)
  }
  const end = (): void => {
    for (const namespace of made.splice(0)) execFileSync('ip', ['netns', 'del', namespace])
  }
  process.once('exit', end)
  console.log('Two hosts for the router, made by:')
  try {
    for (const [i, network] of [LEFT, RIGHT].entries()) {
      const namespace = `${first}-${network.name}`
      shell(`ip netns add ${namespace}`)
      made.push(namespace)
      const device: Device = await openTap({ name: i === 0 ? first : `${first}-r`, namespace, mtu: network.mtu })
      const dev = (device as { readonly name?: string }).name!
      const there = `ip -n ${namespace}`
      shell(`${there} addr add ${network.ipv4}2/24 dev ${dev} && ${there} -6 addr add ${network.ipv6}2/64 dev ${dev} nodad`)
      await join(router, router.netif.add(device, { name: network.name }), network, 1)
      shell(`${there} route add default via ${network.ipv4}1 && ${there} -6 route add default via ${network.ipv6}1`)
    }
  } catch (error) {
    fail((error as Error).message)
  }
  const left = `ip netns exec ${first}-left`
  console.log(`\nNow, in another shell:\n  ${left} ping ${RIGHT.ipv4}2\n  ${left} ping ${RIGHT.ipv6}2\n  ${left} traceroute -n ${RIGHT.ipv6}2`)
  console.log(`  ${left} ping -M do -s 1440 ${RIGHT.ipv4}2\n\nCtrl-C ends it, and takes the hosts away.`)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
