/**
 * Link-local addresses, as Zephyr's `ipv4_autoconf` sample has them: two boards on a simulated network without a server give themselves addresses of
 * 169.254.0.0/16 (RFC 3927), and speak to each other. Then a third takes the address of the first, which gives way after its one defence.
 */

import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { acd } from '@favonius/ethernet/acd'
import { ipv4 } from '@favonius/ipv4'
import { ipv4Autoconf } from '@favonius/ipv4/autoconf'
import { simulate } from '@favonius/sim'

const net = simulate({ seed: 1 })
const lan = net.ethernet({ latency: 1 })
const features = [ethernet(), acd(), ipv4(), ipv4Autoconf()] as const
const [a, b] = [net.node('a', features, lan), net.node('b', features, lan)]
const thief = net.node('thief', [ethernet(), ipv4()] as const, lan)
const say = (text: string): void => console.log(`${(net.env.clock.now() / 1000).toFixed(1).padStart(6)} s  ${text}`)
for (const { name, stack } of [a, b]) {
  stack.netif.listen((event) => {
    if (event.type === 'address-added') say(`${name} is ${event.entry.address}`)
    if (event.type === 'address-removed') say(`${name} gives ${event.entry.address} up`)
    if (event.type === 'address-conflict') say(`${name} hears ${event.by} claim ${event.address}`)
  })
}

await net.run(async () => {
  await sleep(net.env, 10_000)
  const { received } = await a.stack.ipv4.ping(b.stack.ipv4Autoconf.address(b.iface)!)
  say(`a pings b: ${received} reply`)
  thief.stack.ipv4.addAddress(thief.iface, `${a.stack.ipv4Autoconf.address(a.iface)}/16`)
  await sleep(net.env, 10_000)
})
await net.stop()
