/**
 * Zephyr's traffic_class sample: eight classes on the way down and eight on the way up, in VLANs 100 and 200. Alice floods a slow wire, and
 * asks bob something at each priority meanwhile. With `--tap` the other end is Linux, whose frames are counted by class.
 */

import { sleep, system } from '@favonius/clock'
import type { Interface, UdpSocket } from '@favonius/contract'
import { VlanLayer } from '@favonius/ethernet/vlan'
import { ANY6 } from '@favonius/inet'
import { settle } from '@favonius/kconfig'
import { packetTimesOptions, PacketTimesLayer, show, type PacketTimes } from '@favonius/netif/times'
import { trafficClassesOptions, TrafficClassesLayer, type TrafficClasses, type TrafficStatistics } from '@favonius/netif/traffic'
import { ECHO_PORT, ms, narrate, openHosts, readOptions, serveEcho, statistics, table, type Host } from '@favonius-examples/kit'

/** Priorities 0 to 3 go by VLAN 100, the others by VLAN 200. We are 1, the peer is 2. */
const VLANS = [
  { tag: 100, ipv4: '198.51.100.', ipv6: '2001:db8:100::' },
  { tag: 200, ipv4: '203.0.113.', ipv6: '2001:db8:200::' },
] as const
/** IEEE 802.1Q's names. */
const NAMES = ['best effort', 'background', 'excellent effort', 'critical applications', 'video', 'voice', 'internetwork control', 'network control']
/** The wire in memory, in bits a second. */
const RATE = 10_000_000
/** Questions at each priority, and milliseconds between them. */
const QUESTIONS = 5
const PAUSE = 50
/** How long the answer to one is waited for. */
const PATIENCE = 300
/** Where the flood goes. */
const DISCARD_PORT = 9

const { link, fail } = readOptions('npm run example traffic-class -- [options]', {})
const hosts = await openHosts({ ...link, rate: RATE }, narrate()).catch((error: Error) => fail(error.message))
const both = await Promise.all([hosts.us, ...hosts.peer ? [hosts.peer] : []].map((host, i) => equip(host, i + 1)))
const ours = both[0]!
await (hosts.peer === undefined ? meetLinux() : askUnderFlood(hosts.peer))
console.log(`\nWhat the classes of ${hosts.us.name} counted:\n${byClass(ours.classes.statistics())}`)
console.log(`\nHow long packets of ${hosts.us.name} took between driver and socket, together and by class:\n${show(ours.times.statistics()).replace(/^/gm, '  ')}`)
console.log(`\nWhat ${hosts.us.name} counted:\n${statistics(hosts.us)}`)
await hosts.stop()

/** The kit's stacks come without; a program that composes its own lists `vlan()`, `trafficClasses({ transmit: 8, receive: 8 })`, `packetTimes()`. */
async function equip({ stack, iface: eth0 }: Host, number: number): Promise<{ readonly classes: TrafficClasses; readonly times: PacketTimes }> {
  const classes = new TrafficClassesLayer(system, stack.netif, settle('trafficClasses', trafficClassesOptions, { transmit: 8, receive: 8 }))
  const times = new PacketTimesLayer(system, stack.netif, settle('packetTimes', packetTimesOptions, { transmitDetail: true, receiveDetail: true }), classes)
  const vlans = new VlanLayer(stack.netif, { maxVlans: VLANS.length })
  await Promise.all(VLANS.map(({ tag, ipv4, ipv6 }) => {
    const iface: Interface = vlans.add(eth0, tag)
    stack.ipv4.addAddress(iface, `${ipv4}${number}/24`)
    stack.ipv6.addAddress(iface, `${ipv6}${number}/64`)
    return iface.up()
  }))
  return { classes, times }
}

/** Round trips at each priority, while the wire is full of priority 0. */
async function askUnderFlood(peer: Host): Promise<void> {
  const { sockets, ipv6 } = hosts.us.stack
  answer(peer)
  await peer.stack.sockets.open({ port: DISCARD_PORT }, { receive() {} })
  for (const vlan of VLANS) await ipv6.ping(`${vlan.ipv6}2`)

  console.log(`\nalice floods VLAN 100 with more than its ${RATE / 1e6} Mbit/s, and asks bob ${QUESTIONS} times at each priority:`)
  const flood = sockets.socket('inet6', 'dgram')
  flood.nonblocking = true
  let asking = true
  const flooding = (async () => {
    const data = new Uint8Array(1400)
    // Until the interface is full, every few milliseconds: a line that takes 9 of them meanwhile is never idle.
    for (; asking; await sleep(system, 5)) {
      try {
        for (;;) await flood.sendto(data, { address: `${VLANS[0].ipv6}2`, port: DISCARD_PORT })
      } catch (error) {
        if ((error as { code?: string }).code !== 'EAGAIN') throw error
      }
    }
  })()
  await sleep(system, 100)
  const rows: (string | number)[][] = [['priority', 'class', '', 'by', 'came back', 'median round trip']]
  await Promise.all(NAMES.map(async (name, priority) => {
    const { tag, ipv6 } = VLANS[priority >> 2]!
    const socket = sockets.socket('inet6', 'dgram')
    socket.setsockopt('SO_PRIORITY', priority)
    socket.setsockopt('SO_RCVTIMEO', PATIENCE)
    await socket.connect({ address: `${ipv6}2`, port: ECHO_PORT })
    const times: number[] = []
    for (let n = 0; n < QUESTIONS; n++) {
      const asked = performance.now()
      await socket.send(new TextEncoder().encode(name))
      if (await socket.recv().then(() => true, () => false)) times.push(performance.now() - asked)
      await sleep(system, PAUSE)
    }
    socket.close()
    times.sort((a, b) => a - b)
    const median = times[times.length >> 1]
    rows[priority + 1] = [priority, ours.classes.sending.of(priority), name, `VLAN ${tag}`, `${times.length} of ${QUESTIONS}`, median === undefined ? '' : ms(median)]
  }))
  asking = false
  await flooding
  flood.close()
  const [heading, ...each] = rows
  console.log(table([heading!, ...each.sort((a, b) => Number(b[1]) - Number(a[1]))]))
}

/** Returns every datagram at the priority with which it came. */
function answer({ stack: { udp } }: Host): void {
  const socket: UdpSocket = udp.open({ address: ANY6, port: ECHO_PORT, v6only: false, reuse: false, iface: undefined }, {
    receive(packet, from) {
      socket.priority = packet.priority
      socket.send(packet.view(), from)
      packet.unref()
    },
  })
}

/** A row for each class that had something to do, the most urgent first. */
function byClass({ sent, received }: TrafficStatistics): string {
  const rows = [['sent', sent], ['received', received]] as const
  return table([
    ['', 'class', 'priority', 'packets', 'bytes', 'dropped'],
    ...rows.flatMap(([direction, classes]) => classes
      .map(({ priority, packets, bytes, dropped }, index) => [direction, index, priority, packets, bytes, dropped])
      .filter(([, , , packets, , dropped]) => packets !== 0 || dropped !== 0)
      .reverse()),
  ])
}

/** Says how Linux sends with priorities, and answers until it is told to end. */
async function meetLinux(): Promise<void> {
  await serveEcho(hosts.us, ECHO_PORT, (bytes, from) => console.log(`  echo: ${bytes} bytes from ${from.address} port ${from.port}`))
  const dev = link.tap!
  console.log('\nGive Linux the same VLANs, in another shell; what it sends there has priority 2, or 6:')
  for (const [i, { tag, ipv4, ipv6 }] of VLANS.entries()) {
    console.log(`  ip link add link ${dev} name ${dev}.${tag} type vlan id ${tag} egress-qos-map 0:${i * 4 + 2}\n  ip link set ${dev}.${tag} up`)
    console.log(`  ip addr add ${ipv4}2/24 dev ${dev}.${tag}\n  ip -6 addr add ${ipv6}2/64 dev ${dev}.${tag}`)
  }
  console.log(`\nand then:\n${VLANS.map(({ ipv4, ipv6 }) => `  ping ${ipv4}1\n  ping -f ${ipv6}1`).join('\n')}\n\nCtrl-C shows what each class counted, and ends it.`)
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
