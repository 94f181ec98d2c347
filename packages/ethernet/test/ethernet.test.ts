import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { address, BROADCAST4 } from '@favonius/inet'
import { show } from '../src/wire.ts'
import { world } from './fixture.ts'

const test = suite('Ethernet')

const frame = (to: string, from = '020000000002', type = '0800', payload = 'aabb'): Uint8Array<ArrayBuffer> =>
  Uint8Array.from((to + from + type + payload).match(/../g)!, (hex) => parseInt(hex, 16))

test('a frame is taken when it is for us, for all, or for a group', async () => {
  const { raw, netif } = await world()
  const casts: number[] = []
  netif.registerProtocol(0x0800, (_, packet) => { casts.push(packet.cast); packet.unref() })
  raw(frame('020000000001'))
  raw(frame('ffffffffffff'))
  raw(frame('01005e000001'))
  raw(frame('020000000005'))
  assert.equal(casts, [0, 2, 1])
  assert.equal(netif.statistics().drops, { 'ethernet: for another station': 1 })
  await netif.stop()
})

test('in promiscuous mode a frame for another station goes up, marked as such', async () => {
  const { raw, netif, iface } = await world()
  const casts: number[] = []
  netif.registerProtocol(0x0800, (_, packet) => { casts.push(packet.cast); packet.unref() })
  const end = iface.hearAll()
  for (const to of ['020000000005', '020000000001', 'ffffffffffff', '01005e000001']) raw(frame(to))
  end()
  raw(frame('020000000005'))
  assert.equal(casts, [3, 0, 2, 1])
  assert.equal(netif.statistics().drops, { 'ethernet: for another station': 1 })
  await netif.stop()
})

test('what is no frame of ours is dropped with its reason', async () => {
  const { raw, netif, buffers } = await world()
  raw(frame('020000000001').subarray(0, 13))
  raw(frame('020000000001', '010000000002'))
  raw(frame('020000000001', '020000000002', '0026'))
  raw(frame('020000000001', '020000000002', '88b5'))
  assert.equal(netif.statistics().drops, {
    'netif: no handler for its protocol': 2, // one of them an 802.3 length
    'ethernet: shorter than its header': 1,
    'ethernet: sent by a group': 1,
  })
  await netif.stop()
  assert.is(buffers.live, 0)
})

test('RFC 2464 §7, RFC 1112 §6.4: groups are mapped, not resolved', async () => {
  const { iface, packet, wire, netif } = await world()
  wire.take()
  for (const group of ['ff02::1:ff00:1', '224.0.0.251', '239.129.2.3']) iface.output(packet('x'), address(group))
  iface.output(packet('x'), BROADCAST4)
  assert.equal(wire.take().map(({ to }) => to), ['33:33:ff:00:00:01', '01:00:5e:00:00:fb', '01:00:5e:01:02:03', 'ff:ff:ff:ff:ff:ff'])
  await netif.stop()
})

test('show prints a line for people', () => {
  assert.is(show(frame('ffffffffffff')), '02:00:00:00:00:02 > ff:ff:ff:ff:ff:ff, type 0x0800, length 16')
  assert.is(show(new Uint8Array(3)), 'ethernet: only 3 bytes')
})

test.run()
