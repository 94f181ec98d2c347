import type { Address } from '@favonius/contract'
import { address, ipv4, ipv6 } from '@favonius/inet'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { FlowTable, type Flow } from '../src/flows.ts'

const test = suite('tcp: flows')

const flow = (local: Address, localPort: number, remote: Address, remotePort: number): Flow => ({
  local: { ip: local, port: localPort },
  remote: { ip: remote, port: remotePort },
  row: -1,
})
const find = <F extends Flow>(table: FlowTable<F>, { local, remote }: Flow): F | undefined => table.find(local.ip, local.port, remote.ip, remote.port)
const copyOf = ({ local, remote }: Flow): Flow => flow(local.ip, local.port, remote.ip, remote.port)

test('each part of the four-tuple counts', () => {
  const table = new FlowTable<Flow>(1, 100)
  const one = flow(address('2001:db8::1'), 80, address('2001:db8::2'), 1024)
  assert.is(find(table, one), undefined)
  assert.ok(table.add(one))
  assert.is(find(table, copyOf(one)), one)
  for (const other of [
    flow(one.local.ip, 81, one.remote.ip, 1024), flow(one.local.ip, 80, one.remote.ip, 1025), flow(one.remote.ip, 80, one.local.ip, 1024),
    flow(address('2001:db8::3'), 80, one.remote.ip, 1024), flow(one.local.ip, 80, address('2001:db9::2'), 1024),
  ]) assert.is(find(table, other), undefined)
  assert.not(table.add(copyOf(one)), 'the same once more')
  table.remove(copyOf(one))
  assert.is(table.size, 1, 'another flow with the same ends is not it')
  table.remove(one)
  table.remove(one)
  assert.equal([table.size, table.all(), find(table, one)], [0, [], undefined])
})

test('RFC 4007 §6: link-local addresses are told apart by their zone, others are not', () => {
  const table = new FlowTable<Flow>(2, 100)
  const first = flow(address('fe80::1%1'), 80, address('fe80::2%1'), 1024)
  const second = flow(address('fe80::1%2'), 80, address('fe80::2%2'), 1024)
  assert.ok(table.add(first) && table.add(second))
  assert.is(find(table, copyOf(first)), first)
  assert.is(find(table, copyOf(second)), second)
  assert.is(find(table, flow(address('fe80::1%3'), 80, address('fe80::2%3'), 1024)), undefined)
  const global = flow(address('2001:db8::1'), 80, address('2001:db8::2'), 1024)
  table.add(global)
  assert.is(find(table, flow(address('2001:db8::1%1'), 80, address('2001:db8::2%1'), 1024)), global)
})

test('an IPv4 address is not the IPv6 address that it is held as', () => {
  const table = new FlowTable<Flow>(3, 100)
  const one = flow(ipv4(0xc0000201), 80, ipv4(0xc0000202), 1024)
  table.add(one)
  assert.is(find(table, flow(address('::ffff:192.0.2.1'), 80, address('::ffff:192.0.2.2'), 1024)), undefined)
  assert.is(find(table, copyOf(one)), one)
})

test('as many as the limit', () => {
  const table = new FlowTable<Flow>(4, 3)
  const flows = [1, 2, 3, 4].map((port) => flow(ipv4(1), port, ipv4(2), 80))
  assert.equal(flows.map((one) => table.add(one)), [true, true, true, false])
  table.remove(flows[1]!)
  assert.ok(table.add(flows[3]!))
  assert.equal(new Set(table.all()), new Set([flows[0], flows[2], flows[3]]))
})

test('any order of adding and removing is as with a Map', () => {
  // Few addresses and ports, so that the same come again; whatever the seed, neighbours in the table are moved.
  const step = fc.record({ remove: fc.boolean(), host: fc.nat(3), port: fc.nat(30) })
  fc.assert(fc.property(fc.integer(), fc.array(step, { maxLength: 300 }), (seed, steps) => {
    const table = new FlowTable<Flow>(seed, 60)
    const model = new Map<string, Flow>()
    for (const { remove, host, port } of steps) {
      const one = flow(ipv6(0x20010db8, 0, 0, 1), 80, ipv6(0x20010db8, host, host << 16, host << 30), 1024 + port)
      const key = `${host} ${port}`
      const known = model.get(key)
      assert.is(find(table, one), known)
      if (remove && known) {
        table.remove(known)
        model.delete(key)
        assert.is(find(table, one), undefined)
      } else if (!remove) {
        assert.is(table.add(one), known === undefined && model.size < 60)
        if (known === undefined && model.size < 60) model.set(key, one)
      }
      assert.is(table.size, model.size)
    }
    for (const one of model.values()) assert.is(find(table, one), one)
    assert.equal(new Set(table.all()), new Set(model.values()))
  }))
})

test('thousands, of one host or of a network, come and go', () => {
  for (const make of [
    (i: number): Flow => flow(ipv4(1), 80, ipv4(2), i),
    (i: number): Flow => flow(ipv6(1, 2, 3, 4), 80, ipv6(1, 2, i << 16, 0), 1024),
  ]) {
    const table = new FlowTable<Flow>(5, 100_000)
    const flows = Array.from({ length: 20_000 }, (_, i) => make(i))
    for (const one of flows) assert.ok(table.add(one))
    for (let i = 0; i < flows.length; i += 2) table.remove(flows[i]!)
    flows.forEach((one, i) => assert.is(find(table, one), i % 2 === 0 ? undefined : one))
    assert.is(table.size, 10_000)
  }
})

test.run()
