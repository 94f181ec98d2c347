import type { Instant, Interface, NetBuf } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { virtual } from '@favonius/clock'
import { address, eui48 } from '@favonius/inet'
import { NeighborCache, transitions, tries, type NeighborEvent, type NeighborInput, type NeighborOutput, type NeighborState } from '@favonius/ipv6/nd'
import * as assert from 'uvu/assert'
import { MAC1, MAC2 } from './lan.ts'

const test = suite('nd: neighbour cache')

const iface = { index: 1, name: 'eth0' } as Interface
const REACHABLE_TIME = 30_000
const HER = address('fe80::2')

/** What waits, with a name; it fills a slot of 256 bytes. */
const packet = (name: string): NetBuf => ({ headroom: () => 100, length: 56, tailroom: () => 100, toString: () => name }) as unknown as NetBuf

/** A cache, and what it says as short words with the instant in front. */
function machine(max = 8, quota = 16 << 20) {
  const cache = new NeighborCache(max, { reachableTime: () => REACHABLE_TIME, retransTimer: () => 1000 }, { quota })
  const log: string[] = []
  let now: Instant = 0
  const word = (output: NeighborOutput): string => {
    switch (output.do) {
      case 'solicit': case 'probe': return output.do
      case 'release': return `release ${String(output.packet)}`
      case 'fail': return `fail ${String(output.packet)} ${output.why}`
      case 'lost': return `lost ${output.why}`
    }
  }
  const drain = (): void => {
    for (let output = cache.poll(); output; output = cache.poll()) log.push(`${now} ${word(output)}`)
  }
  return {
    cache,
    log,
    state: (who = HER): NeighborState | undefined => cache.find(iface, who)?.state,
    send: (name: string, who = HER) => {
      const link = cache.lookup(iface, who) ?? cache.resolve(iface, who, packet(name), now)
      drain()
      return link
    },
    tell: (input: NeighborInput) => {
      cache.handle(input, now)
      drain()
    },
    /** Moves on to `at`, doing on the way what is due. */
    to: (at: Instant) => {
      for (let due = cache.deadline(); due !== undefined && due <= at; due = cache.deadline()) {
        now = due
        cache.tick(now)
        drain()
      }
      now = at
    },
  }
}

const advertised = (flags: string, link: typeof MAC2 | null = MAC2, target = HER): NeighborInput =>
  ({ type: 'advertised', iface, target, link: link ?? undefined, solicited: flags.includes('S'), override: flags.includes('O'), router: flags.includes('R') })
const heard = (link = MAC2, who = HER): NeighborInput => ({ type: 'heard', iface, address: who, link })

test('RFC 4861 §7.2.2: three solicitations a second apart, then the packet fails', () => {
  const m = machine()
  assert.is(m.send('one'), undefined)
  m.to(10_000)
  assert.equal(m.log, ['0 solicit', '1000 solicit', '2000 solicit', '3000 lost unreachable', '3000 fail one unreachable'])
  assert.equal(m.cache.neighbors, [])
  assert.is(m.cache.deadline(), undefined)
})

test('RFC 4861 §7.2.2: of many packets the newest wait, and go in order', () => {
  const m = machine()
  const names = Array.from({ length: 70 }, (_, n) => `p${n}`)
  for (const name of names) m.send(name)
  m.tell(advertised('SO'))
  assert.equal(m.log, ['0 solicit', ...names.slice(0, 6).map((name) => `0 fail ${name} replaced`), ...names.slice(6).map((name) => `0 release ${name}`)])
  assert.is(m.send('last'), MAC2)
})

test('RFC 4861 §7.2.2: each packet that waited fails when nobody answers', () => {
  const m = machine()
  for (const name of ['one', 'two']) m.send(name)
  m.to(10_000)
  assert.equal(m.log.slice(-3), ['3000 lost unreachable', '3000 fail one unreachable', '3000 fail two unreachable'])
})

test('all that waits is a sixteenth of the quota at most, and the oldest goes; one packet waits always', () => {
  const m = machine(8, 16 * 1024)
  const who = (n: number): typeof HER => address(`fe80::${n}`)
  for (let n = 0; n < 6; n++) m.send(`p${n}`, who(n % 3 + 1))
  assert.equal(m.log.filter((line) => line.includes('fail')), ['0 fail p0 crowded', '0 fail p1 crowded'])
  m.tell(advertised('SO', MAC2, who(3)))
  assert.equal(m.log.slice(-2), ['0 release p2', '0 release p5'])
  const poor = machine(8, 0)
  for (const name of ['one', 'two', 'three']) poor.send(name)
  poor.tell(advertised('SO'))
  assert.equal(poor.log, ['0 solicit', '0 fail one crowded', '0 fail two crowded', '0 release three'])
})

test('RFC 4861 §7.3.3: REACHABLE, STALE, DELAY, PROBE, and deleted, at exact instants', () => {
  const m = machine()
  m.send('one')
  m.to(400)
  m.tell(advertised('S'))
  assert.is(m.state(), 'REACHABLE')
  assert.is(m.cache.deadline(), 400 + REACHABLE_TIME)
  m.to(30_399)
  assert.is(m.state(), 'REACHABLE')
  m.to(30_400)
  assert.is(m.state(), 'STALE')
  assert.is(m.cache.deadline(), undefined, 'a STALE entry waits for a packet, however long')
  m.to(50_000)
  assert.is(m.send('two'), MAC2, 'and the packet goes at once')
  assert.is(m.state(), 'DELAY')
  assert.is(m.cache.deadline(), 55_000)
  m.to(55_000)
  assert.is(m.state(), 'PROBE')
  assert.is(m.send('three'), MAC2)
  m.log.length = 0
  m.to(60_000)
  assert.equal(m.log, ['56000 probe', '57000 probe', '58000 lost unreachable'])
  assert.is(m.state(), undefined)
})

test('RFC 4861 §7.3.3: an answer to a probe makes it REACHABLE again', () => {
  const m = machine()
  m.tell(heard())
  m.send('one')
  m.to(5500)
  assert.is(m.state(), 'PROBE')
  m.tell(advertised('S', null))
  assert.is(m.state(), 'REACHABLE')
  assert.is(m.cache.deadline(), 5500 + REACHABLE_TIME)
})

test('RFC 4861 §7.3.1: what an upper layer confirms needs no probe', () => {
  const m = machine()
  m.tell(heard())
  m.send('one')
  m.to(4999)
  m.tell({ type: 'confirmed', iface, address: HER })
  assert.is(m.state(), 'REACHABLE')
  assert.is(m.cache.deadline(), 4999 + REACHABLE_TIME)
  m.to(20_000)
  m.tell({ type: 'confirmed', iface, address: HER })
  assert.is(m.cache.deadline(), 20_000 + REACHABLE_TIME, 'each confirmation begins the time anew')
  const incomplete = machine()
  incomplete.send('one')
  incomplete.tell({ type: 'confirmed', iface, address: HER })
  assert.is(incomplete.state(), 'INCOMPLETE')
})

test('RFC 4861 §7.2.5: an advertisement without a link address does not complete an entry', () => {
  const m = machine()
  m.send('one')
  m.tell(advertised('SO', null))
  assert.is(m.state(), 'INCOMPLETE')
  m.tell(advertised(''))
  assert.is(m.state(), 'STALE', 'unsolicited: known, and not known to be reachable')
  assert.equal(m.log, ['0 solicit', '0 release one'])
})

test('RFC 4861 §7.2.5: an advertisement without an entry adds none', () => {
  const m = machine()
  m.tell(advertised('SO'))
  assert.equal(m.cache.neighbors, [])
})

/** State before, flags and link address that come; state after and link address then (RFC 4861 §7.2.5). */
const rules: readonly [before: NeighborState, flags: string, link: typeof MAC1 | null, after: NeighborState, then: typeof MAC1][] = [
  ['REACHABLE', '', MAC1, 'STALE', MAC2], ['REACHABLE', 'S', MAC1, 'STALE', MAC2], ['REACHABLE', 'O', MAC1, 'STALE', MAC1],
  ['REACHABLE', 'SO', MAC1, 'REACHABLE', MAC1], ['REACHABLE', 'O', MAC2, 'REACHABLE', MAC2], ['REACHABLE', 'O', null, 'REACHABLE', MAC2],
  ['STALE', '', MAC1, 'STALE', MAC2], ['STALE', 'S', MAC1, 'STALE', MAC2], ['STALE', 'O', MAC1, 'STALE', MAC1], ['STALE', 'SO', MAC1, 'REACHABLE', MAC1],
  ['STALE', 'S', MAC2, 'REACHABLE', MAC2], ['STALE', 'S', null, 'REACHABLE', MAC2], ['STALE', '', MAC2, 'STALE', MAC2],
  ['DELAY', '', MAC1, 'DELAY', MAC2], ['DELAY', 'O', MAC1, 'STALE', MAC1], ['DELAY', 'S', MAC2, 'REACHABLE', MAC2], ['DELAY', '', MAC2, 'DELAY', MAC2],
  ['PROBE', '', MAC1, 'PROBE', MAC2], ['PROBE', 'S', MAC1, 'PROBE', MAC2], ['PROBE', 'O', MAC1, 'STALE', MAC1], ['PROBE', 'SO', MAC1, 'REACHABLE', MAC1],
  ['PROBE', 'S', MAC2, 'REACHABLE', MAC2],
]

for (const [before, flags, link, after, then] of rules) {
  test(`RFC 4861 §7.2.5: ${before}, [${flags}] with ${link === null ? 'no' : link === MAC2 ? 'the same' : 'an other'} link address: ${after}`, () => {
    const m = machine()
    m.tell(heard())
    if (before === 'REACHABLE') m.tell(advertised('S'))
    else if (before !== 'STALE') m.send('one')
    if (before === 'PROBE') m.to(5000)
    assert.is(m.state(), before)
    m.tell(advertised(flags, link))
    assert.is(m.state(), after)
    assert.is(String(m.cache.find(iface, HER)!.link), String(then))
  })
}

test('RFC 4861 §7.2.3: a solicitation that tells another link address makes the entry STALE, the same one changes nothing', () => {
  const m = machine()
  m.send('one')
  m.tell(advertised('S'))
  m.tell(heard())
  assert.is(m.state(), 'REACHABLE')
  m.tell(heard(MAC1))
  assert.is(m.state(), 'STALE')
  assert.is(m.send('two'), MAC1)
})

test('RFC 4861 §7.3.3: who ceases to be a router is told of', () => {
  const m = machine()
  m.send('one')
  m.tell(advertised('SR'))
  assert.ok(m.cache.find(iface, HER)!.isRouter)
  m.tell(advertised('S'))
  assert.not(m.cache.find(iface, HER)!.isRouter)
  assert.is(m.log.at(-1), '0 lost not a router')
  m.tell(advertised('R', MAC1))
  assert.not(m.cache.find(iface, HER)!.isRouter, 'what may not override the link address changes nothing else either')
})

test('the table of transitions has every state, leads to states, and ends each solicitation', () => {
  const states = new Set(Object.keys(transitions))
  for (const [state, rows] of Object.entries(transitions)) {
    for (const [event, row] of Object.entries(rows)) {
      assert.ok(row.next === undefined || states.has(row.next), `${state} ${event}`)
      if (row.does.includes('release')) assert.is(state, 'INCOMPLETE')
      // Only what was asked of it, or an upper layer, proves that packets reach a neighbour (§7.3.1).
      if (row.next === 'REACHABLE') assert.ok((event as NeighborEvent).startsWith('solicited') || event === 'confirmed', `${state} ${event}`)
    }
    if (tries[state as NeighborState] !== undefined) assert.equal(rows.exhausted?.does, ['forget'])
  }
  assert.equal(transitions.STATIC, {})
})

test('a full cache makes room: STALE first, the least recently used of them; STATIC never', () => {
  const m = machine(4)
  const names = (): string[] => m.cache.neighbors.map((n) => String(n.address).replace('%1', ''))
  const who = (n: number): typeof HER => address(`fe80::${n}`)
  assert.ok(m.cache.addStatic(iface, who(1), MAC1))
  for (const n of [2, 3, 4]) m.tell(heard(MAC2, who(n)))
  m.send('x', who(2))
  m.tell({ type: 'confirmed', iface, address: who(2) })
  m.send('y', who(5))
  assert.equal(names(), ['fe80::1', 'fe80::2', 'fe80::4', 'fe80::5'], 'fe80::3 was STALE the longest')
  m.send('z', who(6))
  assert.equal(names(), ['fe80::1', 'fe80::2', 'fe80::5', 'fe80::6'])
  m.tell(heard(MAC2, who(7)))
  assert.ok(m.log.includes('0 fail y evicted'), 'then those that did not answer yet')
  for (const n of [6, 7]) m.tell(advertised('S', MAC2, who(n)))
  m.send('x', who(2))
  m.tell(advertised('S', MAC2, who(7)))
  m.send('v', who(8))
  assert.equal(names(), ['fe80::1', 'fe80::2', 'fe80::7', 'fe80::8'], 'and then who was sent to the longest ago')
})

test('when all is static, a packet to anyone else fails', () => {
  const m = machine(1)
  assert.ok(m.cache.addStatic(iface, address('fe80::1'), MAC1))
  assert.not(m.cache.addStatic(iface, HER, MAC1))
  m.send('one')
  assert.equal(m.log, ['0 fail one full'])
  m.to(1e9)
  assert.is(m.send('two', address('fe80::1')), MAC1)
})

test('an entry made by hand releases what waits for it, and messages do not change it', () => {
  const m = machine()
  m.send('one')
  m.cache.addStatic(iface, HER, MAC1)
  m.tell(advertised('SO'))
  m.tell(heard())
  m.tell({ type: 'flush', iface })
  assert.equal(m.log, ['0 solicit', '0 release one'])
  assert.is(m.send('two'), MAC1)
  m.tell({ type: 'flush', iface, all: true })
  assert.equal(m.cache.neighbors, [])
})

test('a flush gives back what waits', () => {
  const m = machine()
  m.send('one')
  m.tell({ type: 'flush', iface: undefined })
  assert.equal(m.log, ['0 solicit', '0 fail one flushed'])
  assert.is(m.cache.deadline(), undefined)
})

test('the same address on two links is two neighbours', () => {
  const m = machine()
  const other = { index: 2, name: 'eth1' } as Interface
  m.tell(heard())
  m.cache.handle({ type: 'heard', iface: other, address: HER, link: MAC1 }, 0)
  assert.is(m.cache.find(iface, HER)!.link, MAC2)
  assert.is(m.cache.find(other, HER)!.link, MAC1)
})

test('any order of events: bounded, one deadline, every packet comes back once, and the table finds what the list holds', () => {
  const { random } = virtual({ seed: 11 })
  const max = 5
  const m = machine(max)
  const links = [MAC1, MAC2, eui48('00:00:5e:00:53:03')]
  const out = new Set<string>()
  let sent = 0
  let now = 0
  const back = (name: string): void => assert.ok(out.delete(name), name)
  for (let n = 0; n < 20_000; n++) {
    const who = address(`fe80::${random.uint32() % 12}`)
    const link = links[random.uint32() % 3]!
    switch (random.uint32() % 6) {
      case 0: case 1: {
        const name = `p${sent++}`
        out.add(name)
        if (m.send(name, who)) back(name)
        break
      }
      case 2: m.tell(heard(link, who)); break
      case 3: m.tell(advertised(['', 'S', 'O', 'SO', 'SOR'][random.uint32() % 5]!, random.uint32() % 4 ? link : null, who)); break
      case 4: m.to((now += random.uint32() % 4000)); break
      case 5: if (random.uint32() % 20 === 0) m.tell({ type: 'flush', iface }); else m.tell({ type: 'confirmed', iface, address: who })
    }
    for (const line of m.log.splice(0)) {
      const [, verb, name] = line.split(' ')
      if (verb === 'release' || verb === 'fail') back(name!)
    }
    assert.ok(m.cache.neighbors.length <= max)
    for (const neighbor of m.cache.neighbors) assert.is(m.cache.find(iface, neighbor.address), neighbor)
    assert.ok(out.size <= max * 64)
  }
  m.tell({ type: 'flush', iface, all: true })
  for (const line of m.log) back(line.split(' ')[2]!)
  assert.is(out.size, 0)
})

test.run()
