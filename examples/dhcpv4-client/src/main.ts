/**
 * Gets an address by DHCP, as Zephyr's `dhcpv4_client` sample does, and prints what came with it. Both ends are ours, on a simulated network: a
 * router that serves, and a board that asks, renews, loses its cable, and comes back to the same address.
 */

import { sleep } from '@favonius/clock'
import { dhcpv4 } from '@favonius/dhcpv4'
import { dhcpv4Server } from '@favonius/dhcpv4/server'
import { ethernet } from '@favonius/ethernet'
import { acd } from '@favonius/ethernet/acd'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { simulate } from '@favonius/sim'
import { udp } from '@favonius/udp'

const net = simulate({ seed: 1 })
const lan = net.ethernet({ latency: 1 })
const router = net.node('router', [ethernet(), ipv4(), udp(), dhcpv4Server({ leaseTime: 600 })], lan)
router.stack.ipv4.addAddress(router.iface, '192.0.2.1/24')
router.stack.dhcpv4Server.start(router.iface, {
  first: '192.0.2.100', last: '192.0.2.199', options: { routers: [address('192.0.2.1')], dnsServers: [address('192.0.2.53')] },
})

const board = net.node('board', [ethernet(), acd(), ipv4(), udp(), dhcpv4()], lan)
const say = (text: string): void => console.log(`${(net.env.clock.now() / 1000).toFixed(1).padStart(6)} s  ${text}`)
board.stack.dhcpv4.listen((event) => {
  if (event.type !== 'bound') return say(event.type)
  const { address, prefixLength, options, renewAt, since } = event.lease
  say(`bound: ${address}/${prefixLength}, router ${options.routers}, DNS ${options.dnsServers}, lease ${options.leaseTime} s, renewed after ${(renewAt - since) / 1000} s`)
})
board.stack.dhcpv4.start(board.iface, { hostName: 'board' })

await net.run(async () => {
  await sleep(net.env, 400_000)
  say('the cable is pulled')
  net.plug(board.devices[0]!, false)
  await sleep(net.env, 20_000)
  say('and put back')
  net.plug(board.devices[0]!, true)
  await sleep(net.env, 5000)
  board.stack.dhcpv4.stop(board.iface)
})
await net.stop()
