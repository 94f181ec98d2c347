/** Two hosts on one link, and what they do together in virtual time. */

import * as assert from 'uvu/assert'
import type { Netif } from '@favonius/contract'
import type { Node, Simulation } from '@favonius/sim'

type Host = Node<{ readonly netif: Netif }>

/** Brings both up, runs `body`, and looks whether a buffer or a timer is left when all is stopped. */
export async function together<W extends { readonly net: Simulation; readonly a: Host; readonly b: Host }>(world: W, body: (world: W) => Promise<void>): Promise<void> {
  const { net, a, b } = world
  await net.run(async () => {
    await Promise.all([a.iface.up(), b.iface.up()])
    await body(world)
  })
  await net.stop()
  for (const { stack } of [a, b]) assert.is(stack.netif.buffers.live, 0)
  assert.is(net.env.armed, 0)
}
