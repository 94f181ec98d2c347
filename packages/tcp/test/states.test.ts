import { readFileSync } from 'node:fs'
import { isSynchronized, transitions } from '@favonius/tcp'
import type { TcpState } from '@favonius/contract'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'

const test = suite('tcp: states')
const states = Object.keys(transitions) as TcpState[]

test('the picture in the README is the table', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const picture = states.map((state) => `${state.padEnd(14)}${Object.entries(transitions[state]).map(([event, next]) => `${event} → ${next}`).join(' · ')}`).join('\n')
  assert.is(/<!-- states -->\n```text\n([^]*?)\n```\n<!-- \/states -->/.exec(readme)![1], picture)
})

test('every state is reached from CLOSED or LISTEN, and leads back to CLOSED', () => {
  const reach = (from: readonly TcpState[]): Set<TcpState> => {
    const reached = new Set(from)
    for (const state of reached) for (const next of Object.values(transitions[state])) reached.add(next)
    return reached
  }
  assert.is(reach(['CLOSED', 'LISTEN']).size, states.length)
  for (const state of states) assert.ok(reach([state]).has('CLOSED'), state)
  assert.equal(states.filter((state) => !isSynchronized(state)), ['CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED'])
})

test.run()
