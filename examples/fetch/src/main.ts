/** A page is fetched through networks of which each is worse than the one before. The time is the simulation's: the program itself takes none. */

import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { faceFetch, serve } from '@favonius/node/http'
import { nodeNet } from '@favonius/node/net'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { udp } from '@favonius/udp'

const PAGE = 'All work and no play makes a dull page.\n'.repeat(2500)
const began = performance.now()

console.log(`fetching ${PAGE.length} bytes:`)
for (const { latency, loss } of [{ latency: 1, loss: 0 }, { latency: 50, loss: 0 }, { latency: 50, loss: 0.02 }, { latency: 200, loss: 0.05 }]) {
  const net = simulate({ seed: 7 })
  const lan = net.ethernet({ latency, loss })
  const parts = [ethernet(), ipv6(), udp(), tcp(), sockets()] as const
  const [near, far] = [net.node('near', parts, lan), net.node('far', parts, lan)]
  near.stack.ipv6.addAddress(near.iface, '2001:db8::1/64')
  far.stack.ipv6.addAddress(far.iface, '2001:db8::2/64')
  // Virtual time waits for what Node's own queues have to do.
  const wake = (): void => net.env.wake()
  await net.run(async () => {
    await Promise.all([near.iface.up(), far.iface.up()])
    const listening = await serve(nodeNet({ streams: far.stack.sockets, wake }), () => new Response(PAGE), { port: 80 })
    const asked = net.env.clock.now()
    const response = await faceFetch(nodeNet({ streams: near.stack.sockets, wake }))('http://[2001:db8::2]/')
    const text = await response.text()
    const took = net.env.clock.now() - asked
    console.log(`${String(latency).padStart(4)} ms each way, ${String(loss * 100).padStart(2)} % lost: ${response.status}, ${text === PAGE ? 'whole' : 'not what was sent'}, after ${(took / 1000).toFixed(2)} s`)
    listening.close()
  })
  await net.stop()
}
console.log(`all of it in ${((performance.now() - began) / 1000).toFixed(1)} s of yours`)
