import { suite } from '@favonius/testing'
import { address } from '@favonius/inet'
import * as assert from 'uvu/assert'
import { a16, advertisement, bytes, echo, frame, linkOption, message, packet, solicitation } from './craft.ts'
import { MAC2, single } from './lan.ts'

const test = suite('ipv6: any bytes', { timeout: 60_000 })

const PEER = '2001:db8::99'
const US = '2001:db8::1'
const UDP = bytes(0, 1, 0, 2, 0, 8, 0, 0)
const about = packet({ source: US, destination: PEER, next: 17, payload: UDP })

/** One of everything that the receive path takes apart. */
const samples = [
  echo(PEER, US), echo('fe80::99', 'ff02::1'), packet({ source: PEER, destination: US, next: 17, payload: UDP }),
  solicitation(PEER, US, linkOption(1, MAC2)), solicitation('::', US), advertisement(PEER, US, PEER, 0x60, linkOption(2, MAC2)),
  message('fe80::99', US, 137, 0, bytes(0, 0, 0, 0, a16('fe80::98'), a16('2001:db8:7::1'), linkOption(2, MAC2))),
  ...[1, 2, 3, 4].map((type) => message(PEER, US, type, 0, bytes(0, 0, 5, 0, about))),
  packet({ source: PEER, destination: US, next: 0, payload: bytes(60, 1, 5, 2, 0, 0, 1, 8, new Uint8Array(8), 43, 0, 0x1e, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, UDP) }),
  packet({ source: PEER, destination: US, next: 60, payload: bytes(17, 0, 0x9e, 4, 0, 0, 0, 0, UDP) }),
  packet({ source: PEER, destination: US, next: 43, payload: bytes(17, 0, 0, 1, 0, 0, 0, 0, UDP) }),
  packet({ source: PEER, destination: US, next: 44, payload: bytes(17, 0, 0, 1, 0, 0, 0, 0, UDP) }),
  packet({ source: PEER, destination: US, next: 253, payload: UDP }),
]

test('30 000 mutated packets: nothing is thrown, leaked, or grows', async () => {
  const s = await single({ ipv6: { icmpErrorRate: 100_000, icmpErrorBurst: 100_000 } })
  const { a, env, lan } = s
  const { random } = env
  a.ipv6.setGateway(a.eth0, 'fe80::99')
  s.udp.refuse = 'port'
  for (let n = 0; n < 30_000; n++) {
    const sample = samples[n % samples.length]!.slice()
    for (let flips = random.uint32() % 5; flips > 0; flips--) {
      // Mostly beyond the addresses, so that most packets are for us.
      const at = random.uint32() % 4 === 0 ? random.uint32() % sample.length : 40 + (random.uint32() % Math.max(1, sample.length - 40))
      sample[Math.min(at, sample.length - 1)] = random.uint32() % 3 === 0 ? random.uint32() : sample[at]! ^ (1 << (random.uint32() % 8))
    }
    const cut = random.uint32() % 8 === 0 ? sample.subarray(0, random.uint32() % (sample.length + 1)) : sample
    const given = bytes(cut, new Uint8Array(random.uint32() % 4 === 0 ? 6 : 0))
    if (given.length < 40) {
      a.station.receive(bytes(new Uint8Array(12), 0x86, 0xdd, given))
      continue
    }
    // Mostly vouched for, so that mutations get past the checksum.
    a.station.receive(frame(given, a.station.address), random.uint32() % 4 === 0 ? 0 : 2)
    if (n % 50 === 0) {
      env.advance(random.uint32() % 2000)
      lan.log.length = 0
      s.udp.errors.length = s.udp.received.length = 0
      assert.ok(a.nd.neighbors.length <= 8)
      assert.ok(a.netbuf.live <= 16, `${a.netbuf.live} buffers are live`)
    }
  }
  env.advance(60_000)
  assert.is(a.netbuf.live, 0)
  const { drops } = a.netif.statistics()
  assert.ok(Object.keys(drops).length > 15, `the mutations reach the paths: ${JSON.stringify(drops)}`)
  assert.ok(a.ipv6.owns(address(US)))
  a.nd.flush()
  assert.is(s.hear(echo(PEER, US)).length, 1, 'and the host still answers')
  await s.end()
})

test.run()
