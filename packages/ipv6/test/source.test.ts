import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { address } from '@favonius/inet'
import { labelOf, selectSource, type SourceCandidate } from '@favonius/ipv6/source'

const test = suite('ipv6: source address selection')

const from = (text: string, more: Partial<SourceCandidate> = {}): SourceCandidate => ({ address: address(text), prefixLength: 64, state: 'preferred', ...more })

/** Destination, what is chosen, what is not, and which rule of RFC 6724 §10.1 says so. */
const examples: readonly [destination: string, chosen: SourceCandidate, other: SourceCandidate, rule: string][] = [
  ['2001:db8:1::1', from('2001:db8:3::1'), from('fe80::1'), 'prefer appropriate scope'],
  ['ff05::1', from('2001:db8:3::1'), from('fe80::1'), 'prefer appropriate scope'],
  ['2001:db8:1::1', from('2001:db8:1::1', { state: 'deprecated' }), from('2001:db8:2::1'), 'prefer same address'],
  ['fe80::1', from('fe80::2', { state: 'deprecated' }), from('2001:db8:1::1'), 'prefer appropriate scope'],
  ['2001:db8:1::1', from('2001:db8:1::2'), from('2001:db8:3::2'), 'longest matching prefix'],
  ['2001:db8:1::1', from('2001:db8:3::2', { home: true }), from('2001:db8:1::2'), 'prefer home address'],
  ['2002:c633:6401::1', from('2002:c633:6401::d5e3:7953:13eb:22e8', { temporary: true }), from('2001:db8:1::2'), 'prefer matching label'],
  ['2001:db8:1::d5e3:0:0:1', from('2001:db8:1::d5e3:7953:13eb:22e8', { temporary: true }), from('2001:db8:1::2'), 'prefer temporary address'],
]

for (const [i, [destination, chosen, other, rule]] of examples.entries()) {
  test(`RFC 6724 §10.1 example ${i + 1}: ${rule}`, () => {
    assert.is(selectSource(address(destination), [chosen, other]), chosen)
    assert.is(selectSource(address(destination), [other, chosen]), chosen)
  })
}

test('RFC 6724 §5 rule 3: a deprecated address gives way to a preferred one of the same scope', () => {
  const old = from('2001:db8:1::2', { state: 'deprecated' })
  const fresh = from('2001:db8:3::2')
  assert.is(selectSource(address('2001:db8:1::1'), [old, fresh]), fresh)
})

test('RFC 6724 §5 rule 5: the outgoing interface comes before a longer prefix', () => {
  const near = from('2001:db8:3::2', { outgoing: true })
  const far = from('2001:db8:1::2')
  assert.is(selectSource(address('2001:db8:1::1'), [far, near]), near)
})

test('RFC 6724 §2.2: bits beyond the candidate\'s own prefix do not count', () => {
  const first = from('2001:db8:1::2')
  const close = from('2001:db8:1::1:0:0:3')
  assert.is(selectSource(address('2001:db8:1::1:0:0:1'), [first, close]), first, 'both share their 64 bits, so the order decides')
})

test('tentative and duplicate addresses, and those of IPv4, are never sent from', () => {
  const candidates = [from('2001:db8::1', { state: 'tentative' }), from('2001:db8::2', { state: 'duplicate' }), from('192.0.2.1')]
  assert.is(selectSource(address('2001:db8::9'), candidates), undefined)
})

test('RFC 6724 §2.1: the label is that of the longest prefix', () => {
  const labels: readonly [string, number][] = [
    ['::1', 0], ['2001:db8::1', 1], ['2002:c000:201::1', 2], ['::192.0.2.1', 3], ['::ffff:192.0.2.1', 4], ['2001::1', 5],
    ['fec0::1', 11], ['3ffe::1', 12], ['fd00::1', 13], ['fe80::1', 1],
  ]
  for (const [text, label] of labels) assert.is(labelOf(address(text)), label, text)
})

test.run()
