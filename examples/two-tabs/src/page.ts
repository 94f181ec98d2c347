/**
 * One tab: a host with an IPv6 address of its own making, on the Ethernet segment that all tabs with this page share. Each second it says to all that it is
 * there, and it pings whoever says so.
 */

import { sleep, system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { udp } from '@favonius/udp'
import { broadcastDevice } from '@favonius/web'

/** Of the page, what is changed here. */
declare const document: { getElementById(id: 'own' | 'hosts'): { textContent: string } }

const PORT = 4242
/** All nodes on the link (RFC 4291 §2.7.1). */
const EVERYONE = { address: 'ff02::1%eth0', port: PORT }

const stack = compose(system, ethernet(), ipv6(), udp(), sockets())
const eth0 = stack.netif.add(broadcastDevice(system, 'favonius two tabs'), { name: 'eth0' })
await eth0.up()
const own = String(eth0.addresses[0]!.address).replace(/%.*/, '')
document.getElementById('own').textContent = own

/** What is known of each other tab. */
const hosts = new Map<string, string>()

async function meet(address: string): Promise<void> {
  const host = address.replace(/%.*/, '')
  const { roundTrips: [time] } = await stack.ipv6.ping(address, { count: 1 })
  const said = time === undefined ? 'does not answer' : `answers after ${time.toFixed(2)} ms`
  hosts.set(host, said)
  document.getElementById('hosts').textContent = [...hosts].map((row) => row.join(' ')).join('\n')
  await fetch('/report', { method: 'POST', body: `${own}: ${host} ${said}` })
}

const socket = await stack.sockets.open({ port: PORT }, {
  receive(_, { address }) {
    // What we say to all comes to us too.
    if (!address.startsWith(`${own}%`)) meet(address).catch(console.error)
  },
})
for (;;) {
  socket.send(new TextEncoder().encode('here'), EVERYONE)
  await sleep(system, 1000)
}
