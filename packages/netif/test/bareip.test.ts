import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import type { NetBuf } from '@favonius/contract'
import { address, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '@favonius/inet'
import { ipv4 } from '@favonius/ipv4'
import { ipv6 } from '@favonius/ipv6'
import { Arena, netbufIn } from '@favonius/netbuf'
import { compose } from '@favonius/stack'
import { suite } from '@favonius/testing'
import { bareIp } from '../src/index.ts'
import { cable } from './cable.ts'

const test = suite('bare IP')

const buffers = () => netbufIn(new Arena({ chunkSize: 1 << 20 }), { debug: true })

/** A stack without network layers on a cable whose other end is the test's. */
async function bare() {
  const env = virtual()
  const stack = compose(env, buffers(), bareIp())
  const [ours, theirs] = cable(env)
  const tun0 = stack.netif.add(ours)
  await tun0.up()
  const sent: number[][] = []
  theirs.start({ frame: (f) => { sent.push([...f.view()]); f.unref() }, ready() {}, carrier() {}, lost() {} })
  const packet = (...bytes: readonly number[]): NetBuf => {
    const made = stack.netif.buffers.alloc(bytes.length, 4)!
    made.write(Uint8Array.from(bytes))
    return made
  }
  const seen: string[] = []
  for (const type of [ETHERTYPE_IPV4, ETHERTYPE_IPV6]) {
    stack.netif.registerProtocol(type, (iface, p) => {
      assert.equal([iface, p.link, p.cast], [tun0, p.offset, 0])
      seen.push(`${type.toString(16)}: ${p.view().join()}`)
      p.unref()
    })
  }
  return {
    env, stack, tun0, packet, sent, seen,
    arrive(...bytes: readonly number[]) {
      theirs.transmit(packet(...bytes))
      env.step()
    },
    /** A frame without data, in memory where an IPv4 packet was. */
    arriveEmpty() {
      const empty = packet(0x45)
      empty.remove(1)
      theirs.transmit(empty)
      env.step()
    },
    async stop() {
      await stack.stop()
      theirs.stop()
      assert.is(stack.netif.buffers.live, 0)
    },
  }
}

test('the version says whose a packet is; whatever is neither is dropped and counted, and so is nothing at all', async () => {
  const { stack, tun0, seen, arrive, arriveEmpty, stop } = await bare()
  arrive(0x45, 1)
  arrive(0x6f, 2)
  assert.equal(seen, ['800: 69,1', '86dd: 111,2'])
  for (let version = 0; version < 16; version++) if (version !== 4 && version !== 6) arrive(version << 4 | 5, 3)
  arriveEmpty()
  assert.is(seen.length, 2)
  const { drops, counters } = stack.netif.statistics(tun0)
  assert.equal(drops, { 'ip: neither IPv4 nor IPv6': 15 })
  assert.equal([counters['ip_errors'], counters['top']], [{ protoerr: 15, vhlerr: 15 }, { processing_error: 15 }])
  await stop()
})

test('packets go out as they are, groups and all: nothing is resolved and no header is put on', async () => {
  const { env, tun0, packet, sent, stop } = await bare()
  assert.equal([tun0.headroom, tun0.l2.flags, tun0.address.length], [0, { multicast: true, promiscuous: false, pointToPoint: true }, 0])
  for (const [n, to] of ['192.0.2.9', '2001:db8::9', 'ff02::1', '239.1.1.1', '255.255.255.255'].entries()) {
    assert.ok(tun0.output(packet(0x60, n), address(to)))
  }
  env.step()
  assert.equal(sent, [0, 1, 2, 3, 4].map((n) => [0x60, n]))
  await stop()
})

test('two stacks on a cable ping each other, with both families, over the whole MTU', async () => {
  const env = virtual({ seed: 4 })
  const stacks = cable(env, 1400).map((device, n) => {
    const stack = compose(env, buffers(), bareIp(), ipv6(), ipv4())
    const tun0 = stack.netif.add(device)
    stack.ipv6.addAddress(tun0, `2001:db8::${n + 1}/64`)
    stack.ipv4.addAddress(tun0, `192.0.2.${n + 1}/30`)
    return { stack, tun0 }
  })
  await env.run(async () => {
    await Promise.all(stacks.map(({ tun0 }) => tun0.up()))
    for (const [n, { stack, tun0 }] of stacks.entries()) {
      const linkLocal = stacks[1 - n]!.tun0.addresses.map((entry) => String(entry.address)).find((text) => text.startsWith('fe80'))!.split('%')[0]!
      for (const to of [`2001:db8::${2 - n}`, `${linkLocal}%${tun0.name}`]) {
        assert.is((await stack.ipv6.ping(to, { count: 2, interval: 10, size: 1400 - 48 })).received, 2, to)
      }
      assert.is((await stack.ipv4.ping(`192.0.2.${2 - n}`, { count: 2, interval: 10, size: 1400 - 28 })).received, 2)
      await stack.ipv4.ping(`192.0.2.${2 - n}`, { size: 1400 - 27 }).then(() => assert.unreachable(), (error: { code: string }) => assert.is(error.code, 'EMSGSIZE'))
    }
  })
  for (const { stack } of stacks) {
    // The other's check that its addresses are unique: there is no link layer to filter groups.
    assert.equal(Object.keys(stack.netif.statistics().drops), ['ipv6: group not joined'])
    await stack.stop()
    assert.is(stack.netif.buffers.live, 0)
  }
  assert.is(env.armed, 0)
})

test.run()
