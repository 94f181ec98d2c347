/** What an idle stack costs: memory, and the time to make one, with a thousand in one process. */

import { system } from '@favonius/clock'
import { ethernet } from '@favonius/ethernet'
import { ipv6 } from '@favonius/ipv6'
import { EthernetSegment } from '@favonius/sim'
import { sockets } from '@favonius/sockets'
import { compose } from '@favonius/stack'
import { udp } from '@favonius/udp'
import { figure, smoke } from './measure.ts'

const STACKS = smoke ? 20 : 1000
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})

const make = () => {
  const wire = new EthernetSegment(system)
  const stack = compose(system, ethernet(), ipv6(), udp(), sockets())
  const eth0 = stack.netif.add(wire.device())
  stack.ipv6.addAddress(eth0, '2001:db8::1/64')
  return { wire, stack, eth0 }
}

// The first hundred teach the compiler.
for (let n = 0; n < (smoke ? 5 : 100); n++) await make().stack.stop()
const before = (collect(), process.memoryUsage())
const began = performance.now()
const stacks = Array.from({ length: STACKS }, make)
const made = performance.now()
collect()
const after = process.memoryUsage()
figure({ name: 'an idle stack, heap', value: (after.heapUsed - before.heapUsed) / STACKS / 1024, unit: 'KiB', note: 'one Ethernet interface with an address; must be 48, goal 24' })
figure({ name: 'an idle stack, heap and buffers', value: (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / STACKS / 1024, unit: 'KiB' })
figure({ name: 'to make one', value: (made - began) / STACKS, unit: 'ms', note: 'must be 0.5, goal 0.2' })
const upBegan = performance.now()
await Promise.all(stacks.map(({ eth0 }) => eth0.up()))
figure({ name: 'all up, addresses preferred', value: performance.now() - upBegan, unit: 'ms', note: 'RFC 4862 asks for one to two seconds' })
collect()
const up = process.memoryUsage()
figure({ name: 'a stack that is up, heap', value: (up.heapUsed - before.heapUsed) / STACKS / 1024, unit: 'KiB' })
const stopBegan = performance.now()
for (const { stack, wire } of stacks) {
  await stack.stop()
  wire.stop()
}
figure({ name: 'to stop one', value: (performance.now() - stopBegan) / STACKS, unit: 'ms' })
