/**
 * A border router: Ethernet on one side, IEEE 802.15.4 on the other, and IPv6 between them. Alice is on the Ethernet; three nodes are on the air, in a row,
 * each of which hears its neighbours alone, so that those between pass packets on. Alice pings each of them. With `--tap` alice is Linux. With a radio that
 * leads to others these are the nodes: they hear of the prefix by router advertisements, and make addresses of it.
 */

import { execFileSync } from 'node:child_process'
import type { Env, Interface } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { ieee802154 } from '@favonius/ieee802154'
import { interfaceId } from '@favonius/inet'
import { ip } from '@favonius/ip'
import { ipv6 } from '@favonius/ipv6'
import { advertising } from '@favonius/ipv6/advertising'
import { ipv6Forwarding } from '@favonius/ipv6/forwarding'
import { captureFile } from '@favonius/pcap/file'
import { EthernetSegment, line as inRow } from '@favonius/sim'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { ms, openRadio, radioHelp, radioOf, radioOptions, readOptions, table, untilInterrupted } from '@favonius-examples/kit'

/** The router is 1 on both sides, alice 2; the nodes follow. */
const ETHERNET = '2001:db8:a::'
const AIR = '2001:db8:b::'
/** Nodes in the row, and metres between two of them: a radio reaches 100. */
const NODES = 3
const SPACING = 80
/** Milliseconds between two pings: the largest ones take half a second to the last node and back, and two on their way at once would collide. */
const INTERVAL = 800

const { link, values, fail } = readOptions('npm run example border-router -- [options]', radioOptions, `${radioHelp}\n                   --air, unless another one is given, is a row of three nodes`)
const choice = radioOf(values, fail) ?? { kind: 'air' as const }

// What is on its way between two nodes of the row leaves by the radio by which it came; who sent it is not to be told that it could do without.
const routerOf = (env: Env) => compose(env, ethernet(), ieee802154(), ipv6({ maxAddresses: 4 }), ip({ maxRoutes: 16 }), ipv6Forwarding({ redirects: false }), advertising())
const nodeOf = (env: Env) => compose(env, ieee802154(), ipv6(), ip({ maxRoutes: 16 }), ipv6Forwarding({ redirects: false }))
const hostOf = (env: Env) => compose(env, ethernet(), ipv6())

const radio = await openRadio(choice, { loss: link.drop }).catch((error: Error) => fail(error.message))
const { env, air } = radio
const router = routerOf(env)
const capture = link.pcap === undefined ? undefined : captureFile(router.netif, env.clock, link.pcap)
const wire = new EthernetSegment(env)
const eth0 = router.netif.add(link.tap === undefined ? wire.device() : await openTap({ name: link.tap }).catch((error: Error) => fail(error.message)), { name: 'eth0' })
const wpan0 = router.ieee802154.add(radio.radio)
router.ipv6.addAddress(eth0, `${ETHERNET}1/64`)
// Those in the row are not all on one link; others are.
router.ipv6.addAddress(wpan0, `${AIR}1/${air === undefined ? 64 : 128}`)
await radio.begin(router.netif.buffers)
console.log(`The router has ${ETHERNET}1 on Ethernet and ${AIR}1 on its radio${air === undefined ? `, with ${radio.where}` : ''}.`)
router.advertising.begin(eth0, { prefixes: [`${ETHERNET}/64`], routes: [`${AIR}/64`] })
if (air === undefined) router.advertising.begin(wpan0, { prefixes: [`${AIR}/64`] })

const nodes = air === undefined ? [] : await row()
await Promise.all([eth0.up(), wpan0.up({ timeout: Infinity })])
await (link.tap === undefined ? asAlice() : asLinux(link.tap))
console.log(`\nThe router passed ${router.netif.statistics().counters['ipv6']!['forwarded']} packets on.`)
for (const node of nodes) await node.stop()
await router.stop()
capture?.close()
wire.stop()
await radio.stop()

/** Three nodes with routes by hand: of each, who is nearer to the router is the way to it, and who is farther the way to all behind. */
async function row(): Promise<readonly ReturnType<typeof nodeOf>[]> {
  const made = inRow(NODES + 1, SPACING).slice(1).map((at) => {
    const stack = nodeOf(env)
    return { stack, iface: stack.ieee802154.add(air!.radio({ at })) }
  })
  const all = [{ stack: router, iface: wpan0 }, ...made]
  const ways = all.map(({ iface }) => linkLocal(iface))
  for (const [n, { stack, iface }] of all.entries()) {
    if (n > 0) {
      stack.ipv6.addAddress(iface, `${AIR}${n + 1}/128`)
      stack.ipv6.setGateway(iface, ways[n - 1])
    }
    for (let farther = n + 1; farther < all.length; farther++) stack.ipv6.addRoute(`${AIR}${farther + 1}/128`, iface, ways[n + 1])
  }
  await Promise.all([...made.map(({ iface }) => iface.up()), wpan0.up()])
  console.log(`${NODES} nodes are in a row behind it: ${made.map((_, n) => `${AIR}${n + 2}`).join(', ')}.`)
  return made.map(({ stack }) => stack)
}

/** RFC 4944 §6. */
function linkLocal({ address }: Interface): string {
  const words = interfaceId(address)!
  return `fe80::${words.map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(':')}`
}

/** A third kind of stack, on the wire. */
async function asAlice(): Promise<void> {
  const alice = hostOf(env)
  const iface = alice.netif.add(wire.device())
  alice.ipv6.addAddress(iface, `${ETHERNET}2/64`)
  alice.ipv6.setGateway(iface, `${ETHERNET}1`)
  await iface.up()
  if (air === undefined) {
    console.log(`alice is ${ETHERNET}2. Ctrl-C ends it.`)
    await untilInterrupted()
  } else {
    console.log('\nalice pings them:')
    const rows: (string | number)[][] = [['to', 'bytes', 'sent', 'back', 'round trips']]
    for (let n = 0; n < NODES; n++) {
      for (const size of [56, 1200]) {
        const to = `${AIR}${n + 2}`
        const { sent, received, roundTrips } = await alice.ipv6.ping(to, { count: 2, interval: INTERVAL, size, timeout: 2000 })
        rows.push([to, size, sent, received, roundTrips.map(ms).join(', ')])
      }
    }
    console.log(table(rows))
  }
  await alice.stop()
}

async function asLinux(dev: string): Promise<void> {
  for (const command of [`ip link set ${dev} up`, `ip -6 addr add ${ETHERNET}2/64 dev ${dev} nodad`, `ip -6 route add ${AIR}/64 via ${ETHERNET}1 dev ${dev}`]) {
    execFileSync('/bin/sh', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] })
    console.log(`  ${command}`)
  }
  console.log(`\nNow, in another shell:\n  ping ${AIR}${air === undefined ? '1' : NODES + 1}\n\nCtrl-C ends it.`)
  await untilInterrupted()
}
