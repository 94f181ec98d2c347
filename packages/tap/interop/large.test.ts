/** Large segments, as the kernel's TCP sends them: whole, with how they would be cut; and what is small does not hold up a large slot. */

import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { deferred, system } from '@favonius/clock'
import type { Device } from '@favonius/contract'
import { ethernet } from '@favonius/ethernet'
import { address } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { dad, ipv6 } from '@favonius/ipv6'
import { netbuf } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { tcp } from '@favonius/tcp'
import { makeNamespace, peer, suite } from '@favonius/testing'

const test = suite('tap: large segments', { timeout: 30_000 })
const MIB = 2 ** 20
const MTU = 1500
const ETHERNET = 14
/** Of the largest slot for frames of the MTU: what the arena rounds up to, with room for headers. */
const SMALL_SLOT = 2048 + 64

interface Heard {
  readonly length: number
  readonly segmentSize: number
  readonly checksum: number
  readonly slot: number
}

/** `device`, of whose frames notes are taken. */
function noted(device: Device, heard: Heard[]): Device {
  return {
    medium: device.medium, address: device.address, mtu: device.mtu, offload: device.offload,
    start: (sink, buffers) => device.start({
      ...sink,
      frame(frame) {
        heard.push({ length: frame.length, segmentSize: frame.segmentSize, checksum: frame.checksum, slot: frame.headroom() + frame.length + frame.tailroom() })
        sink.frame(frame)
      },
    }, buffers),
    transmit: (frame) => device.transmit(frame),
    stop: () => device.stop(),
  }
}

if (peer('the Linux kernel over TAP', { command: ['ip'], package: 'iproute2', root: true, tun: true })) {
  // Ethernet, IP, and TCP with timestamps, beside the data of each segment on a wire.
  for (const [family, us, linux, headers] of [[4, '192.0.2.1', '192.0.2.2', 52], [6, '2001:db8::1', '2001:db8::2', 72]] as const) {
    for (const poll of [false, true]) {
      test(`over IPv${family}${poll ? ', waiting by poll(2)' : ''}`, async () => {
        const namespace = makeNamespace()
        const stack = compose(system, netbuf({ debug: true }), ethernet(), ipv4(), ipv6(), dad({ maxDelay: 0, timeout: 50 }), tcp())
        const heard: Heard[] = []
        try {
          const eth0 = stack.netif.add(noted(await openTap({ name: 'fav0', namespace: namespace.name, poll }), heard))
          await namespace.must('ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'fav0')
          await namespace.must('ip', '-6', 'addr', 'add', '2001:db8::2/64', 'dev', 'fav0', 'nodad')
          stack.ipv4.addAddress(eth0, '192.0.2.1/24')
          stack.ipv6.addAddress(eth0, '2001:db8::1/64')
          await eth0.up()
          const hash = createHash('sha256')
          const done = deferred<void>(system)
          const listener = stack.tcp.listen({ address: address('::'), port: 7, v6only: false, iface: undefined, backlog: 1 }, () => {
            const connection = listener.accept()!
            const readable = (): void => {
              for (let packet = connection.take(); packet !== undefined; packet = connection.take()) {
                for (let fragment: typeof packet | undefined = packet; fragment !== undefined; fragment = fragment.next) hash.update(fragment.view())
                packet.unref()
              }
            }
            connection.sink = { readable, writable() {}, ended: () => connection.end(), closed: (error) => (error ? done.reject(error) : done.resolve()) }
            readable()
          })
          await namespace.must(process.execPath, '-e', `
            const s = require('node:net').connect({ port: 7, host: '${us}', localAddress: '${linux}' }, () => s.end(Buffer.alloc(${4 * MIB}, 'favonius')))
            s.resume()`)
          await done.promise
          assert.is(hash.digest('hex'), createHash('sha256').update(Buffer.alloc(4 * MIB, 'favonius')).digest('hex'))
          const large = heard.filter(({ length }) => length > MTU + ETHERNET)
          assert.ok(large.length > 0, 'the kernel sends large segments')
          for (const one of large) {
            assert.equal([one.segmentSize, one.checksum], [MTU - headers, 1])
            assert.ok(one.slot > 65_535)
          }
          for (const one of heard) if (one.length <= MTU + ETHERNET) assert.ok(one.slot <= SMALL_SLOT, `${one.length} bytes in a slot of ${one.slot}`)
          assert.is(stack.netif.statistics().counters['tcp']!['rexmit'], 0)
          listener.close()
        } finally {
          await stack.stop()
          await namespace.remove()
        }
        assert.is(stack.netif.buffers.live, 0, stack.netif.buffers.owners().join('\n'))
      })
    }
  }
}

test.run()
