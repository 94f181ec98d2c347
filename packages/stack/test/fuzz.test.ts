import * as assert from 'uvu/assert'
import { packetTimes } from '@favonius/netif/times'
import { trafficClasses } from '@favonius/netif/traffic'
import { suite } from '@favonius/testing'
import { fuzz } from './fuzz.ts'

const test = suite('fuzz: whatever a link brings', { timeout: 120_000 })

test('200,000 mutated frames: nothing thrown, nothing leaked, every one accounted for', async () => {
  const { drops, sent, delivered } = await fuzz({ seed: 1, frames: 200_000 })
  assert.ok(sent > 5000, `the stack answered ${sent} times`)
  assert.ok(delivered > 10_000, `${delivered} datagrams came through`)
  // The generator reaches every layer, and most of their reasons.
  for (const layer of ['ethernet', 'netif', 'arp', 'ipv4', 'icmpv4', 'ipv6', 'icmpv6', 'nd', 'udp', 'sockets']) {
    assert.ok(Object.keys(drops).some((text) => text.startsWith(`${layer}: `)), `${layer} dropped nothing`)
  }
  assert.ok(Object.keys(drops).length > 50, `${Object.keys(drops).length} reasons`)
})

test('a stack that is starved of buffers drops, and does no more than that', async () => {
  const { drops, delivered } = await fuzz({ seed: 3, frames: 50_000, quota: 24 << 10 })
  assert.ok(drops['device: no buffer']! > 100, `${drops['device: no buffer']} frames found no buffer`)
  assert.ok(delivered > 1000, `${delivered} datagrams came through`)
})

test('with traffic classes too full for what comes, and packet times, the same holds', async () => {
  const features = [trafficClasses({ transmit: 8, receive: 8, receiveQueue: 40 }), packetTimes({ transmitDetail: true, receiveDetail: true })]
  const { drops, delivered } = await fuzz({ seed: 4, frames: 50_000, features })
  assert.ok(drops['trafficClasses: receive queue is full']! > 1000, `${drops['trafficClasses: receive queue is full']} frames found their class full`)
  assert.ok(delivered > 1000, `${delivered} datagrams came through`)
})

test('the same seed gives the same end', async () => {
  assert.equal(await fuzz({ seed: 2, frames: 5000 }), await fuzz({ seed: 2, frames: 5000 }))
})

test.run()
