import { ethernet } from '@favonius/ethernet/bare'
import { eui64 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sleep } from '@favonius/clock'
import { sockets } from '@favonius/sockets'
import { radioConformance } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { ZepRadio } from '../src/index.ts'
import { ZEP_PORT } from '../src/wire.ts'

radioConformance('ZEP over a simulated network', async () => {
  const net = simulate({ seed: 5, record: false })
  const lan = net.ethernet({ latency: 1 })
  const host = (number: number) => {
    const { stack, iface } = net.node(`host ${number}`, [ethernet(), ipv6(), udp(), sockets()], lan)
    stack.ipv6.addAddress(iface, `2001:db8::${number}/64`)
    return { stack, iface }
  }
  const [a, b] = [host(1), host(2)]
  await net.run(() => Promise.all([a.iface.up(), b.iface.up()]))
  const radio = ({ stack }: typeof a, own: number, other: number) => new ZepRadio(net.env, stack.sockets, {
    local: { port: ZEP_PORT }, remote: { address: `2001:db8::${other}`, port: ZEP_PORT }, address: eui64(`02:00:00:00:00:00:00:0${own}`),
  })
  return {
    radio: radio(a, 1, 2),
    other: radio(b, 2, 1),
    buffers: new Arena({ chunkSize: 1 << 20 }).pool({ debug: true }),
    channels: [26, 11],
    async until(done) {
      for (let n = 0; !done(); n++) {
        if (n > 5000) throw new Error('it is not done')
        await sleep(net.env, 1)
      }
    },
    settle: () => sleep(net.env, 50),
    run: (body) => net.run(body),
    stop: () => net.stop(),
  }
})
