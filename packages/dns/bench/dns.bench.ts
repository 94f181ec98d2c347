/** The codec beside dns-packet, and a lookup from the cache. */

import { system } from '@favonius/clock'
import { DnsClient } from '@favonius/dns'
import { emit, FLAG, IN, parse, TYPE } from '@favonius/dns/wire'
import { address } from '@favonius/inet'
import { nodeDatagrams } from '@favonius/node'
import * as packet from 'dns-packet'
import { compare, figure, nanoseconds, smoke } from '../../../bench/measure.ts'

const name = 'www.example.com'
const addresses = ['2001:db8::1', '2001:db8:1:2:3:4:5:6', '2001:db8:ffff::53']

/** The same response for both: three addresses, as a resolver sees every day. */
const ours = {
  id: 0x1234, flags: FLAG.QR | FLAG.RD | FLAG.RA, questions: [{ name, type: TYPE.AAAA, class: IN }],
  answers: addresses.map((text) => ({ name, type: TYPE.AAAA, class: IN, ttl: 300, data: address(text) })),
}
const theirs: packet.Packet = {
  type: 'response', id: 0x1234, flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE, questions: [{ name, type: 'AAAA', class: 'IN' }],
  answers: addresses.map((data) => ({ name, type: 'AAAA', class: 'IN', ttl: 300, data })),
}
const into = new Uint8Array(512)
const bytes = into.slice(0, emit(ours, into))
const buffer = Buffer.from(bytes)
const reencoded = parse(packet.encode(theirs))
if ('malformed' in reencoded || reencoded.answers.map(({ data }) => String(data)).join() !== addresses.join()) throw new Error('the two codecs do not agree')

compare('decode AAAA×3', 'dns-packet', 'must be 3.5, goal 5', () => parse(bytes), () => packet.decode(buffer))
compare('decode AAAA×3, addresses as text', 'dns-packet', 'as dns-packet gives them', () => {
  const message = parse(bytes)
  if ('malformed' in message) throw new Error(message.malformed)
  return message.answers.map(({ data }) => String(data))
}, () => packet.decode(buffer))
compare('encode AAAA×3', 'dns-packet', 'must be 10, goal 15', () => emit(ours, into), () => packet.encode(theirs))

// A lookup that the cache answers: without a promise, and through the promise that programs use.
const net = nodeDatagrams()
const server = await net.open({ address: '127.0.0.1' }, {
  receive(data, from) {
    const query = parse(data)
    if ('malformed' in query) throw new Error(query.malformed)
    server.send(into.subarray(0, emit({ ...ours, id: query.id, questions: query.questions }, into)), from)
  },
})
const client = new DnsClient(system, net, undefined, { servers: `127.0.0.1:${server.local.port}` })
if ((await client.resolve(name, 'AAAA')).join() !== addresses.join()) throw new Error('the client does not find the addresses')
await nanoseconds('lookup from the cache', () => client.cached(name, 'AAAA'), 'must be below 2000')
const times = smoke ? 10 : 100_000
const began = performance.now()
for (let i = 0; i < times; i++) await client.resolve(name, 'AAAA')
figure({ name: 'resolve() from the cache, three addresses as text', value: (performance.now() - began) / times * 1e6, unit: 'ns' })
server.close()
