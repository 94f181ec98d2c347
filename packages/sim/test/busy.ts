/**
 * A network with much that is random in it: loss, addresses made of random numbers, random delays of duplicate address
 * detection, random ports. Run as a program it prints the SHA-256 of its capture: `node … busy.ts 7`.
 */

import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { sleep } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { sockets } from '@favonius/sockets'
import { udp } from '@favonius/udp'
import { simulate } from '../src/index.ts'

/** Five nodes on a lossy segment, one of them on a second one too: echoes over UDP, groups and pings of both families. */
export async function busy(seed: number): Promise<{ readonly capture: Uint8Array; readonly replies: number }> {
  const net = simulate({ seed })
  const lan = net.ethernet({ latency: 0.7, loss: 0.1 })
  const backbone = net.ethernet({ loss: 0.02, mtu: 9000, name: 'backbone' })
  const nodes = [0, 1, 2, 3, 4].map((n) => {
    const node = net.node(`node ${n}`, [ethernet(), ipv6(), ipv4(), udp(), sockets()], ...(n === 0 ? [lan, backbone] : n === 4 ? [backbone] : [lan]))
    for (const [i, iface] of node.interfaces.entries()) {
      const subnet = n === 4 ? 1 : i
      node.stack.ipv6.addAddress(iface, `2001:db8:${subnet}::${n + 1}/64`)
      node.stack.ipv4.addAddress(iface, `192.0.${subnet + 2}.${n + 1}/24`)
    }
    return node
  })
  let replies = 0
  await net.run(async () => {
    await Promise.all(nodes.flatMap(({ interfaces }) => interfaces.map((iface) => iface.up())))
    for (const { stack, iface } of nodes) {
      const echo = await stack.sockets.open({ port: 7 }, { receive: (data, from) => void echo.send(data, from) })
      echo.join('ff02::4321', iface.name)
    }
    await Promise.all(nodes.slice(0, 4).map(async ({ stack, iface }, n) => {
      const client = await stack.sockets.open({}, { receive: () => { replies++ } }, { iface: iface.name })
      for (let round = 0; round < 20; round++) {
        const data = net.env.random.fill(new Uint8Array(net.env.random.uint32() % 1000))
        client.send(data, { address: `2001:db8:0::${(n + round) % 4 + 1}`, port: 7 })
        client.send(data, { address: `192.0.2.${(n + 3 * round) % 4 + 1}`, port: 7 })
        if (round % 5 === 0) client.send(data, { address: 'ff02::4321', port: 7 })
        await sleep(net.env, net.env.random.uint32() % 50)
      }
      const { received } = await stack.ipv6.ping(`2001:db8::${(n + 1) % 4 + 1}`, { count: 5, interval: 10 })
      replies += received + (await stack.ipv4.ping(`192.0.2.${(n + 2) % 4 + 1}`, { count: 5, interval: 10, size: n * 300 })).received
    }))
    replies += (await nodes[0]!.stack.ipv6.ping('2001:db8:1::5', { count: 5, size: 8000 })).received
  })
  const capture = net.captured()
  await net.stop()
  return { capture, replies }
}

/** A capture in 64 hexadecimal digits. */
export const digest = (capture: Uint8Array): string => createHash('sha256').update(capture).digest('hex')

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(digest((await busy(Number(process.argv[2]))).capture))
