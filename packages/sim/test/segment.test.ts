import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { wired } from './wired.ts'

const test = suite('simulated segment')

test('a unicast frame goes to the port with that address, groups and strangers to all others', () => {
  const { env, ports, frame } = wired(3)
  const [a] = ports
  for (const [to, text] of [[2, 'to b'], [-1, 'to all'], [9, 'to nobody known'], [1, 'to itself']] as const) a!.device.transmit(frame(a!, to, text))
  while (env.step());
  assert.equal(ports.map(({ heard }) => heard), [[], ['to b', 'to all', 'to nobody known'], ['to all', 'to nobody known']])
})

test('one hearer of a group gets the frame itself, each other a copy from its own buffers', () => {
  const { env, ports, frame } = wired(4)
  const [a, ...others] = ports
  a!.device.transmit(frame(a!, -1, 'to all'))
  assert.equal(ports.map(({ buffers }) => buffers.live), [1, 0, 1, 1])
  while (env.step());
  assert.equal(others.map(({ heard }) => heard), [['to all'], ['to all'], ['to all']])
  assert.equal(ports.map(({ buffers }) => buffers.live), [0, 0, 0, 0])
})

test('a frame without a tag has no priority for whoever hears it, though it passes by reference', () => {
  const { env, wire, ports, frame } = wired(3)
  const [a] = ports
  const heard: number[] = []
  const ear = wire.device()
  void ear.start({ frame: (one) => { heard.push(one.priority); one.unref() }, ready() {}, carrier() {}, lost() {} }, a!.buffers)
  for (const to of [4, -1]) {
    const urgent = frame(a!, to, 'x')
    urgent.priority = 6
    a!.device.transmit(urgent)
  }
  while (env.step());
  assert.equal(heard, [0, 0])
})

test('a hearer without a buffer loses its copy, and nobody else\'s', () => {
  const { env, wire, ports, frame } = wired(3)
  const [a, b, c] = ports
  const poor = wire.device()
  const lost: string[] = []
  void poor.start({ frame: () => assert.unreachable(), ready() {}, carrier() {}, lost: (reason) => void lost.push(reason) }, { alloc: () => undefined })
  a!.device.transmit(frame(a!, -1, 'to all'))
  while (env.step());
  assert.equal([b!.heard, c!.heard, lost], [['to all'], ['to all'], ['no buffer']])
  assert.equal(a!.lost, [], 'the sender lost nothing')
  assert.is(a!.buffers.live, 0)
})

test('a frame that is on the wire when its hearer\'s cable is pulled is lost; latency is kept to the fraction', () => {
  const { env, wire, ports, frame } = wired(2, { latency: 2.5 })
  const [a, b] = ports
  a!.device.transmit(frame(a!, 2, 'one'))
  env.advance(2)
  a!.device.transmit(frame(a!, 2, 'two'))
  env.advance(0.49)
  assert.equal(b!.heard, [])
  env.advance(0.01)
  assert.equal(b!.heard, ['one'])
  wire.plug(b!.device, false)
  env.advance(5)
  wire.plug(b!.device, true)
  a!.device.transmit(frame(a!, 2, 'three'))
  env.advance(2.5)
  assert.equal(b!.heard, ['one', 'three'])
  assert.is(a!.buffers.live, 0)
})

test('what a device without a cable sends does not enter the segment', () => {
  const { env, wire, ports, frame } = wired(2)
  const [a, b] = ports
  let entered = 0
  wire.tap(() => { entered++ })
  wire.plug(a!.device, false)
  assert.ok(a!.device.transmit(frame(a!, 2, 'x')))
  assert.is(entered, 0)
  wire.plug(a!.device, true)
  a!.device.transmit(frame(a!, 2, 'y'))
  while (env.step());
  assert.equal([entered, b!.heard], [1, ['y']])
  assert.throws(() => wired(1).wire.plug(a!.device, false), /not on segment/)
})

test('loss strikes each hearer by itself, and its share is as asked', () => {
  const { env, ports, wire, frame } = wired(3, { loss: 0.25 })
  const [a, b, c] = ports
  const noted: number[] = [0, 0, 0]
  wire.tap((_frame, _now, faults) => { noted[faults.length]!++ })
  for (let n = 0; n < 4000; n++) {
    a!.device.transmit(frame(a!, -1, `${n}`))
    if (n % 100 === 0) while (env.step());
  }
  while (env.step());
  // 3000 ± 27 each; both lose one in sixteen: 250 ± 15.
  for (const { heard } of [b!, c!]) assert.ok(Math.abs(heard.length - 3000) < 140, `${heard.length}`)
  assert.ok(Math.abs(noted[2]! - 250) < 80, `${noted}`)
  assert.is(8000 - noted[1]! - 2 * noted[2]!, b!.heard.length + c!.heard.length)
  assert.is(a!.buffers.live, 0)
})

test('a port in promiscuous mode hears what is for others as well, once, and as long as it wants', () => {
  const { env, wire, ports, frame } = wired(4)
  const [a, b, c] = ports
  c!.device.promiscuous!(true)
  for (const [to, text] of [[2, 'to b'], [-1, 'to all'], [3, 'to c'], [9, 'to nobody known']] as const) a!.device.transmit(frame(a!, to, text))
  b!.device.transmit(frame(b!, 1, 'to a'))
  c!.device.transmit(frame(c!, 1, 'from c'))
  while (env.step());
  assert.equal(ports.map(({ heard }) => heard.splice(0)), [
    ['to a', 'from c'], ['to b', 'to all', 'to nobody known'], ['to b', 'to all', 'to c', 'to nobody known', 'to a'], ['to all', 'to nobody known'],
  ])
  wire.plug(c!.device, false)
  a!.device.transmit(frame(a!, 2, 'unplugged'))
  while (env.step());
  wire.plug(c!.device, true)
  c!.device.promiscuous!(false)
  a!.device.transmit(frame(a!, 2, 'after'))
  while (env.step());
  assert.equal(ports.map(({ heard }) => heard), [[], ['unplugged', 'after'], [], []])
  assert.equal(ports.map(({ buffers }) => buffers.live), [0, 0, 0, 0])
})

test('that somebody listens changes nothing for the others, whatever befalls their frames', () => {
  const hear = (listening: boolean): { readonly others: readonly (readonly string[])[]; readonly listener: number } => {
    const { env, ports, frame } = wired(3, { latency: 5, jitter: 3, loss: 0.2, duplicate: 0.1, corrupt: 0.1, reorder: 0.1 })
    const [a, b, c] = ports
    if (listening) c!.device.promiscuous!(true)
    let refused = 0
    for (let n = 0; n < 2000; n++) {
      const made = frame(a!, 2, `frame ${n}`)
      if (!a!.device.transmit(made)) {
        made.unref()
        refused++
      }
      if (n % 10 === 0) b!.device.transmit(frame(b!, 1, `back ${n}`))
      if (n % 3 === 0) env.advance(0.01)
    }
    while (env.step());
    assert.ok(refused > 0, 'the sender is told to wait')
    assert.equal(ports.map(({ buffers }) => buffers.live), [0, 0, 0])
    return { others: [a!.times, b!.times, [`${refused}`]], listener: c!.heard.length }
  }
  const [alone, watched] = [hear(false), hear(true)]
  assert.equal(watched.others, alone.others)
  assert.equal([alone.listener, watched.listener], [0, 2200 - Number(alone.others[2]![0])], 'the listener hears each frame as it was sent, also those that are lost')
})

test('stop() frees what is on the wire', () => {
  const { env, wire, ports, frame } = wired(3, { latency: 10 })
  const [a] = ports
  for (let n = 0; n < 5; n++) a!.device.transmit(frame(a!, -1, 'x'))
  wire.stop()
  assert.equal(ports.map(({ buffers }) => buffers.live), [0, 0, 0])
  assert.is(env.armed, 0)
})

test.run()
