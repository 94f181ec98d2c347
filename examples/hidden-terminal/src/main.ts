/**
 * Hidden terminals: two radios send datagrams to the one between them, ever more often. Where they hear each other, each waits until the other has
 * done; where they do not, they collide at the one between. Two simulated minutes of each take a moment.
 */

import { table } from '@favonius-examples/kit'
import { ieee802154 } from '@favonius/ieee802154'
import { address } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { simulate, unitDisk } from '@favonius/sim'
import { udp } from '@favonius/udp'

const PORT = 4242
const SECONDS = 120
const SIZE = 60

/** Sends for two minutes, `rate` datagrams a second from either side, `distance` metres from the middle. */
async function run(distance: number, rate: number) {
  const net = simulate({ seed: 7, record: false })
  const { env } = net
  // Radios hear what is sent within fifteen metres.
  const air = net.air({ medium: unitDisk({ range: 15 }) })
  const features = [ieee802154({ retries: 3 }), ipv6(), udp()] as const
  const place = (number: number, x: number) => {
    const node = net.node(`n${number}`, features, air, { at: [x, 0] })
    node.stack.ipv6.addAddress(node.iface, `2001:db8::${number}/64`)
    return node
  }
  const [left, middle, right] = [place(1, -distance), place(2, 0), place(3, distance)]
  await net.run(() => Promise.all([left, middle, right].map(({ iface }) => iface.up())))
  let [sent, heard] = [0, 0]
  const any = { address: address('::'), v6only: true, reuse: false, iface: undefined }
  middle.stack.udp.open({ ...any, port: PORT }, { receive: (packet) => { heard++; packet.unref() } })
  const until = env.clock.now() + SECONDS * 1000
  for (const { stack, iface } of [left, right]) {
    // It knows its neighbour: what is seen here is data, and nothing of discovery.
    stack.nd.add(iface, address('2001:db8::2'), middle.iface.address)
    const socket = stack.udp.open({ ...any, port: 0 }, { receive: (packet) => packet.unref() })
    const to = stack.udp.peer(address('2001:db8::2'), PORT)
    const timer = env.clock.timer((now) => {
      if (now >= until) return
      if (socket.send(new Uint8Array(SIZE), to) === 'sent') sent++
      // At random, so that they do not keep out of each other's way by chance, or in it.
      timer.schedule(now - Math.log(1 - env.random.uint32() / 2 ** 32) * 1000 / rate)
    })
    timer.schedule(env.clock.now())
  }
  env.runUntil(until + 2000)
  const { sent: frames, lost } = air.statistics
  await net.stop()
  return { arrives: heard / sent, frames: frames / sent, collisions: (lost.collision ?? 0) / frames }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const rows: (string | number)[][] = [['datagrams a second', '', 'arrive', 'frames for each', 'frames that collide']]
for (const rate of [2, 5, 20, 60]) {
  for (const [name, distance] of [['in earshot', 5], ['hidden', 10]] as const) {
    const { arrives, frames, collisions } = await run(distance, rate)
    rows.push([name === 'hidden' ? '' : `2 × ${rate}`, name, percent(arrives), frames.toFixed(1), percent(collisions)])
  }
}
console.log(`Two radios send datagrams of ${SIZE} bytes to the one between them, which acknowledges each frame:\n\n${table(rows)}`)
console.log('\nBoth listen before they send, which helps where they can hear each other. Hidden, and with always something to send, neither is ever\nsilent for as long as a frame takes: none gets through.')
