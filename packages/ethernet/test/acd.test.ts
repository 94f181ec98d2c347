import * as assert from 'uvu/assert'
import type { Interface } from '@favonius/contract'
import { address, ANY4, eui48 } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { Probes, type Probe } from '../src/acd/index.ts'

const test = suite('IPv4 address conflict detection')

const iface = { name: 'eth0' } as Interface
const probe: Probe = { iface, address: address('192.0.2.9') }
const link = eui48('02:00:00:00:00:09')

/** A machine whose delays are in the middle of their ranges, and what it did. */
function probes() {
  const machine = new Probes({ fill: (into) => into, uint32: () => 0x8000_0000 })
  const log: string[] = []
  const runTo = (until: number): void => {
    for (let due = machine.deadline(); due !== undefined && due <= until; due = machine.deadline()) {
      machine.tick(due)
      for (let output = machine.poll(); output !== undefined; output = machine.poll()) log.push(`${due}: ${output.do}`)
    }
  }
  const decided = (): unknown => {
    const output = machine.poll()
    return output?.do === 'decide' ? { unique: output.unique, by: String(output.by) } : output
  }
  return { machine, log, runTo, decided }
}

test('RFC 5227 §1.1, §2.1: three probes, two seconds of silence, and two seconds later once more that it is ours', () => {
  const { machine, log, runTo } = probes()
  machine.handle({ type: 'begin', probe }, 0)
  runTo(100_000)
  assert.equal(log, ['500: probe', '2000: probe', '3500: probe', '5500: decide', '7500: announce'])
  assert.is(machine.deadline(), undefined)
})

test('RFC 5227 §2.1.1: who has it, and who tries it too, is in our way', () => {
  for (const [sender, target] of [[probe.address, address('192.0.2.1')], [ANY4, probe.address]] as const) {
    const { machine, runTo, decided } = probes()
    machine.handle({ type: 'begin', probe }, 0)
    runTo(2000)
    machine.handle({ type: 'heard', iface, sender: address('192.0.2.8'), target: probe.address, link }, 2100)
    assert.is(decided(), undefined, 'who asks for it, having another, does not have it')
    machine.handle({ type: 'heard', iface, sender, target, link }, 2200)
    assert.equal(decided(), { unique: false, by: '02:00:00:00:00:09' })
    assert.is(machine.deadline(), undefined)
  }
})

test('what is given up is not probed any more', () => {
  const { machine, log, runTo } = probes()
  machine.handle({ type: 'begin', probe }, 0)
  runTo(600)
  machine.handle({ type: 'cancel', probe }, 700)
  runTo(10_000)
  assert.equal(log, ['500: probe'])
})

test.run()
