import { sleep } from '@favonius/clock'
import type { StreamNet } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet/bare'
import { eui64 } from '@favonius/inet'
import { ipv6 } from '@favonius/ipv6'
import { Arena } from '@favonius/netbuf'
import { simulate } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { tcp } from '@favonius/tcp'
import { radioConformance } from '@favonius/testing'
import { UpipeRadio } from '../src/upipe/index.ts'
import { AT } from './world.ts'

radioConformance('UPIPE over a simulated network', async () => {
  const net = simulate({ seed: 5, record: false })
  const lan = net.ethernet({ latency: 1 })
  const host = (number: number) => {
    const { stack, iface } = net.node(`host ${number}`, [ethernet(), ipv6(), tcp(), sockets()], lan)
    stack.ipv6.addAddress(iface, `2001:db8::${number}/64`)
    return { stack, iface }
  }
  const [a, b] = [host(1), host(2)]
  await net.run(() => Promise.all([a.iface.up(), b.iface.up()]))
  const { sockets: there } = b.stack
  // Who connects may send before the other end has heard of it: both are to be ready.
  const settled: StreamNet = {
    listen: (at, accept) => there.listen(at, accept),
    async connect(to, sink, options) {
      const stream = await there.connect(to, sink, options)
      await sleep(net.env, 10)
      return stream
    },
  }
  return {
    radio: new UpipeRadio(net.env, a.stack.sockets, { local: AT, address: eui64('02:00:00:00:00:00:00:01') }),
    other: new UpipeRadio(net.env, settled, { remote: AT, address: eui64('02:00:00:00:00:00:00:02') }),
    buffers: new Arena({ chunkSize: 1 << 20 }).pool({ debug: true }),
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
