/** The client's program over our stack on a TAP, with a server on Linux's. */

import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { openTap } from '@favonius/tap'
import { makeNamespace, peer, suite } from '@favonius/testing'
import { udp } from '@favonius/udp'
import { coap } from '../src/index.ts'
import { program, TOLD } from '../test/program.ts'

const test = suite('CoAP: TAP', { timeout: 30_000 })
const LINUX = '2001:db8::2'

if (peer('TAP', { command: 'ip', package: 'iproute2', root: true, tun: true })) {
  test('the program over our stack, with a server on the kernel\'s', async () => {
    const linux = makeNamespace()
    const stack = compose(system, netbufIn(new Arena(), { debug: true }), ethernet(), ipv6(), udp(), sockets(), coap())
    try {
      const eth0 = stack.netif.add(await openTap({ name: 'fav0', namespace: linux.name }), { name: 'eth0' })
      await linux.must('ip', 'addr', 'add', `${LINUX}/64`, 'dev', 'fav0', 'nodad')
      await linux.must('ip', 'link', 'set', 'fav0', 'up')
      stack.ipv6.addAddress(eth0, '2001:db8::1/64')
      await eth0.up()
      const server = linux.start(process.execPath, '--import', 'tsx', '--conditions=@favonius/source', fileURLToPath(new URL('server.ts', import.meta.url)), LINUX, '5683')
      await server.printed(/serving/)
      assert.equal(await program(stack.coap.client, `coap://[${LINUX}]`), TOLD)
      await server.stop()
    } finally {
      await stack.stop()
      await linux.remove()
    }
    assert.is(stack.netbuf.live, 0, stack.netbuf.owners().join('; '))
  })
}

test.run()
