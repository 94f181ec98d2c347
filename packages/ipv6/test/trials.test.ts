import type { Instant, Interface } from '@favonius/contract'
import { suite } from '@favonius/testing'
import { address } from '@favonius/inet'
import { Trials, type TrialInput } from '@favonius/ipv6/dad'
import * as assert from 'uvu/assert'
import { MAC2 } from './lan.ts'

const test = suite('dad: trials')

const iface = { index: 1, name: 'eth0' } as Interface
const OURS = address('fe80::1')
const nonce = [1, 2] as const

function machine(transmits = 1, wait = 1000) {
  const trials = new Trials(transmits, () => wait)
  const log: string[] = []
  let now: Instant = 0
  const drain = (): void => {
    for (let output = trials.poll(); output; output = trials.poll()) {
      log.push(`${now} ${output.do === 'solicit' ? 'solicit' : output.unique ? 'unique' : `duplicate ${output.by ?? ''}`.trim()}`)
    }
  }
  return {
    trials,
    log,
    tell: (input: TrialInput) => {
      trials.handle(input, now)
      drain()
    },
    to: (at: Instant) => {
      for (let due = trials.deadline(); due !== undefined && due <= at; due = trials.deadline()) {
        now = due
        trials.tick(now)
        drain()
      }
      now = at
    },
  }
}
const begin = (delay = 0, what = OURS): TrialInput => ({ type: 'begin', iface, address: what, delay, nonce })

test('RFC 4862 §5.4: one solicitation, a wait of RetransTimer, and the address is unique', () => {
  const m = machine()
  m.tell(begin(300))
  m.to(5000)
  assert.equal(m.log, ['300 solicit', '1300 unique'])
  assert.is(m.trials.deadline(), undefined)
})

test('RFC 4862 §5.1: DupAddrDetectTransmits solicitations, RetransTimer apart', () => {
  const m = machine(3, 500)
  m.tell(begin())
  m.to(5000)
  assert.equal(m.log, ['0 solicit', '500 solicit', '1000 solicit', '1500 unique'])
})

test('RFC 4862 §5.4.4: an advertisement for it makes it a duplicate, even before the first solicitation', () => {
  const m = machine()
  m.tell(begin(300))
  m.to(100)
  m.tell({ type: 'advertised', iface, address: OURS, link: MAC2 })
  m.to(5000)
  assert.equal(m.log, ['100 duplicate 00:00:5e:00:53:02'])
})

test('RFC 4862 §5.4.3: so does the solicitation of another who tries it', () => {
  const m = machine()
  m.tell(begin())
  m.to(500)
  m.tell({ type: 'solicited', iface, address: OURS, nonce: undefined })
  assert.equal(m.log, ['0 solicit', '500 duplicate'])
})

test('RFC 7527 §4.2: our own solicitation, come back, does not', () => {
  const m = machine()
  m.tell(begin())
  m.to(500)
  m.tell({ type: 'solicited', iface, address: OURS, nonce: [1, 2] })
  m.to(1000)
  assert.equal(m.log, ['0 solicit', '1000 unique'])
  m.tell(begin())
  m.tell({ type: 'solicited', iface, address: OURS, nonce: [1, 3] })
  assert.is(m.log.at(-1), '1000 duplicate')
})

test('RFC 4862 §5.4.2: the addresses of an interface that came up share one random delay', () => {
  const m = machine()
  m.tell(begin(300))
  m.tell(begin(700, address('2001:db8::1')))
  m.to(5000)
  assert.equal(m.log, ['300 solicit', '300 solicit', '1300 unique', '1300 unique'])
})

test('what is cancelled or begun anew is forgotten', () => {
  const m = machine()
  m.tell(begin())
  m.to(900)
  m.tell(begin())
  m.to(1800)
  m.tell({ type: 'cancel', iface, address: OURS })
  m.to(5000)
  assert.equal(m.log, ['0 solicit', '900 solicit'])
  assert.equal(m.trials.underway, [])
})

test.run()
