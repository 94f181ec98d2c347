import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { Air, linkMatrix, logDistance, unitDisk } from '../src/index.ts'
import { virtual } from '@favonius/clock'
import { airtime, BYTE, onAir, TURNAROUND } from './air.ts'

const test = suite('air')
const disk = unitDisk({ range: 10 })
const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`)

test('a frame takes its time, and its acknowledgment too', () => {
  const { env, nodes, send, settle, losses, end } = onAir([[0, 0], [10, 0]], { medium: disk }, { minBackoffExponent: 0 })
  const [a, b] = nodes
  const CCA = 0.128
  send(0, 1, 'hello')
  const arrives = CCA + TURNAROUND + airtime(5)
  env.runUntil(arrives - 1e-6)
  assert.equal(b!.heard, [])
  env.runUntil(arrives + 1e-6)
  assert.equal(b!.heard, ['hello'])
  const acknowledged = arrives + TURNAROUND + 11 * BYTE
  env.runUntil(acknowledged - 1e-6)
  assert.equal(a!.sent, [])
  env.runUntil(acknowledged + 1e-6)
  assert.equal(a!.sent, ['1 true'])
  settle()
  assert.equal(losses, [])
  near(env.clock.now(), acknowledged + 1e-6)
  end()
})

test('who is out of reach hears nothing, and the trace says so of each attempt', () => {
  const { nodes, send, settle, losses, end, air } = onAir([[0, 0], [10.1, 0]], { medium: disk })
  send(0, 1, 'hello')
  settle()
  assert.equal([nodes[1]!.heard, nodes[0]!.sent, losses], [[], ['4 false'], Array.from({ length: 4 }, () => '0 > ?: out of reach')])
  assert.equal(air.statistics, { sent: 4, heard: 0, lost: { 'out of reach': 4 } })
  end()
})

test('everyone within reach hears what is for all; by reference, but for copies to all but one', () => {
  const { nodes, send, settle, end } = onAir([[0, 0], [10, 0], [0, 10], [7, 7], [20, 0]], { medium: disk })
  send(0, 'all', 'hello')
  settle()
  assert.equal(nodes.map(({ heard }) => heard.length), [0, 1, 1, 1, 0])
  end()
})

test('who hears it and is not meant gets no buffer and is told nothing', () => {
  const { nodes, send, settle, end } = onAir([[0, 0], [5, 0], [0, 5]], { medium: disk })
  let asked = 0
  const { buffers } = nodes[2]!
  const alloc = buffers.alloc.bind(buffers)
  Object.assign(buffers, { alloc: (...args: Parameters<typeof alloc>) => { asked++; return alloc(...args) } })
  send(0, 1, 'hello')
  settle()
  assert.equal([nodes[1]!.heard, nodes[2]!.heard, nodes[2]!.lost, asked], [['hello'], [], [], 0])
  end()
})

test('a promiscuous radio hears what is for others, acknowledgments too', () => {
  const { nodes, send, settle, end } = onAir([[0, 0], [5, 0], [0, 5]], { medium: disk })
  nodes[2]!.mac.promiscuous(true)
  send(0, 1, 'hello')
  settle()
  assert.equal(nodes[2]!.heard, ['hello', ''])
  end()
})

test('two who send at once to a third collide; with CSMA-CA they try again, and both arrive', () => {
  const { nodes, send, settle, losses, end } = onAir([[0, 0], [5, 0], [10, 0]], { medium: disk }, { minBackoffExponent: 0 })
  send(0, 1, 'from 0')
  send(2, 1, 'from 2')
  settle()
  // Both find the channel clear at the same instant: nobody sends while they turn round.
  assert.equal(losses.slice(0, 2).sort(), ['0 > 1: collision (2)', '2 > 1: collision (0)'])
  assert.ok(nodes[1]!.heard.length <= 2)
  end()
})

test('hidden terminals: each hears the third, and neither the other', () => {
  const run = (places: [number, number][], range: number) => {
    const { nodes, send, env, settle, air, end } = onAir(places, { medium: unitDisk({ range }) }, { retries: 0 })
    for (let n = 0; n < 200; n++) {
      send(0, 1, `${n} from 0`)
      send(2, 1, `${n} from 2`)
      env.advance(50)
    }
    settle()
    const { lost } = air.statistics
    end()
    return { heard: nodes[1]!.heard.length, collisions: lost.collision ?? 0 }
  }
  const seen = run([[0, 0], [5, 0], [10, 0]], 10)
  const hidden = run([[0, 0], [10, 0], [20, 0]], 10)
  assert.ok(seen.heard > 300, `${seen.heard} of 400 arrive where all hear each other`)
  assert.ok(hidden.heard < 250 && hidden.collisions > 100, `${hidden.heard} arrive, ${hidden.collisions} collide`)
})

test('capture: the stronger of two is understood, when it is strong enough', () => {
  // Two senders that do not hear each other; node 1 is much nearer to the first.
  const medium = linkMatrix([{ from: 0, to: 1, rssi: -50 }, { from: 2, to: 1, rssi: -60 }])
  const { nodes, send, settle, losses, end } = onAir([[0, 0], [0, 0], [0, 0]], { medium }, { minBackoffExponent: 0, retries: 0 })
  send(0, 1, 'strong')
  send(2, 1, 'weak')
  settle()
  assert.equal([nodes[1]!.heard, losses], [['strong'], ['2 > 1: collision (0)']])
  end()
  const even = onAir([[0, 0], [0, 0], [0, 0]], { medium: linkMatrix([{ from: 0, to: 1, rssi: -58 }, { from: 2, to: 1, rssi: -60 }]) }, { minBackoffExponent: 0, retries: 0 })
  even.send(0, 1, 'strong')
  even.send(2, 1, 'weak')
  even.settle()
  assert.equal([even.nodes[1]!.heard, even.losses.sort()], [[], ['0 > 1: collision (2)', '2 > 1: collision (0)']])
  even.end()
})

test('capture: a stronger one is taken up while the first is no further than its preamble', () => {
  for (const [delay, heard] of [[0.1, ['strong']], [0.5, []]] as const) {
    const medium = linkMatrix([{ from: 0, to: 1, rssi: -70 }, { from: 2, to: 1, rssi: -50 }])
    const { nodes, send, env, settle, losses, end } = onAir([[0, 0], [0, 0], [0, 0]], { medium }, { minBackoffExponent: 0, retries: 0 })
    send(0, 1, 'weak')
    env.advance(delay)
    send(2, 1, 'strong')
    settle()
    assert.equal(nodes[1]!.heard, heard)
    assert.ok(losses.includes('0 > 1: collision (2)'), losses.join())
    end()
  }
})

test('a radio that sends hears nothing', () => {
  const { nodes, send, env, settle, losses, end } = onAir([[0, 0], [5, 0]], { medium: disk }, { aloha: true, retries: 0 })
  send(0, 1, 'a long one'.repeat(5), false)
  env.advance(1)
  send(1, 0, 'b', false)
  settle()
  assert.equal([nodes[0]!.heard, nodes[1]!.heard], [[], []])
  assert.equal(losses.sort(), ['0 > 1: sending', '1 > 0: sending'])
  end()
})

test('a signal that is not understood disturbs, and makes the channel busy', () => {
  const medium = unitDisk({ range: 10, interference: 20 })
  const { nodes, send, env, settle, losses, air, end } = onAir([[0, 0], [10, 0], [25, 0], [30, 0]], { medium }, { minBackoffExponent: 0, retries: 0 })
  assert.equal(air.neighbours(nodes[1]!.radio).map(({ radio }) => radio.number), [0, 2, 3])
  send(2, 3, 'x'.repeat(80), false)
  env.advance(1)
  assert.not(nodes[1]!.radio.clear())
  assert.ok(nodes[0]!.radio.clear(), '25 m away')
  send(0, 1, 'y')
  settle()
  assert.ok(losses.includes('0 > 1: interference') || losses.includes('0 > 1: collision (2)'), losses.join())
  assert.equal(nodes[3]!.heard, ['x'.repeat(80)])
  end()
})

test('clear channel assessment hears what ended within eight symbols', () => {
  const { nodes, send, env, settle, end } = onAir([[0, 0], [5, 0]], { medium: disk }, { aloha: true, retries: 0 })
  send(0, 1, 'x', false)
  const ends = TURNAROUND + airtime(1)
  const { radio } = nodes[1]!
  env.runUntil(TURNAROUND + 1e-6)
  assert.not(radio.clear())
  assert.is(radio.energy(), -60)
  env.runUntil(ends + 0.1)
  assert.not(radio.clear())
  env.runUntil(ends + 0.129)
  assert.ok(radio.clear())
  assert.not(nodes[0]!.radio.energy() > -100)
  settle()
  end()
})

test('channels are apart', () => {
  const { nodes, send, env, settle, losses, end } = onAir([[0, 0], [5, 0], [10, 0], [5, 5]], { medium: disk }, { retries: 0, minBackoffExponent: 0 })
  nodes[2]!.mac.set({ channel: 15 })
  nodes[3]!.mac.set({ channel: 15 })
  send(0, 1, 'on 26')
  send(2, 3, 'on 15')
  settle()
  assert.equal([nodes[1]!.heard, nodes[3]!.heard, losses], [['on 26'], ['on 15'], []])
  send(0, 3, 'nobody')
  settle()
  assert.equal(losses, ['0 > 3: other channel'])
  // Who changes to a channel in the middle of a frame does not understand it, and is not free to send.
  send(0, 1, 'x'.repeat(50))
  env.advance(1)
  nodes[3]!.mac.set({ channel: 26 })
  assert.not(nodes[3]!.radio.clear())
  settle()
  assert.equal(nodes[1]!.heard, ['on 26', 'x'.repeat(50)])
  end()
})

test('moving: neighbours are found anew', () => {
  const { nodes, send, settle, air, losses, end } = onAir([[0, 0], [5, 0], [100, 100]], { medium: disk }, { retries: 0 })
  const heard = (to: number): boolean => {
    const { length } = nodes[to]!.heard
    send(0, to, 'hello')
    settle()
    return nodes[to]!.heard.length > length
  }
  assert.equal([heard(1), heard(2)], [true, false])
  air.move(nodes[2]!.radio, [0, 10])
  assert.equal([heard(1), heard(2), nodes[2]!.radio.at], [true, true, [0, 10]])
  air.move(nodes[1]!.radio, [0, -11])
  assert.equal([heard(1), heard(2)], [false, true])
  air.move(nodes[0]!.radio, [0, -1])
  assert.equal([heard(1), heard(2)], [true, false])
  assert.equal(losses, Array.from({ length: 3 }, () => '0 > ?: out of reach'))
  end()
})

test('failing: what it was sending is cut off, what it was to hear is lost, and its MAC is told', () => {
  const { nodes, send, env, settle, air, losses, end } = onAir([[0, 0], [5, 0]], { medium: disk }, { retries: 0, aloha: true })
  const [a, b] = nodes
  send(0, 1, 'x'.repeat(50))
  env.advance(1)
  air.fail(a!.radio)
  assert.equal([losses, a!.lost, a!.carriers], [['0 > ?: cut off'], ['no carrier'], [true, false]])
  settle()
  assert.equal(b!.heard, [])
  send(1, 0, 'are you there?')
  settle()
  assert.equal(losses.slice(1), ['1 > 0: off'])
  air.repair(a!.radio)
  send(1, 0, 'again')
  settle()
  assert.equal([a!.heard, a!.carriers, b!.sent], [['again'], [true, false, true], ['1 false', '1 true']])
  end()
})

test('an interferer strikes by the seed, and the trace knows it', () => {
  const run = (seed: number) => {
    const { nodes, send, env, air, losses, end } = onAir([[0, 0], [5, 0]], { medium: disk }, { retries: 0, aloha: true }, seed)
    const oven = air.interferer({ at: [5, 5], burst: 8, pause: 12 })
    for (let n = 0; n < 200; n++) {
      send(0, 1, 'hello')
      env.advance(30)
    }
    oven.stop()
    end()
    return { heard: nodes[1]!.heard.length, interference: losses.filter((why) => why === '0 > 1: interference').length }
  }
  const first = run(3)
  assert.is(first.heard + first.interference, 200)
  assert.ok(first.interference > 50 && first.interference < 150, `${first.interference} of 200`)
  assert.equal(run(3), first)
  assert.not.equal(run(4), first)
})

test('loss is drawn at each hearer, and the matrix has its own', () => {
  const count = (options: ConstructorParameters<typeof Air>[1]) => {
    const { nodes, send, env, losses, end } = onAir([[0, 0], [5, 0]], options, { retries: 0 })
    for (let n = 0; n < 400; n++) {
      send(0, 1, 'hello', false)
      env.advance(30)
    }
    end()
    assert.is(nodes[1]!.heard.length + losses.length, 400)
    assert.equal(new Set(losses), new Set(['0 > 1: by chance']))
    return losses.length / 400
  }
  const even = count({ medium: disk, loss: 0.25 })
  assert.ok(even > 0.19 && even < 0.31, `${even}`)
  const matrix = count({ medium: linkMatrix([{ from: 0, to: 1, loss: 0.5 }]), loss: 0.2 })
  assert.ok(matrix > 0.53 && matrix < 0.67, `${matrix}`)
})

test('a link of one way: frames arrive, acknowledgments do not', () => {
  const { nodes, send, settle, losses, end } = onAir([[0, 0], [0, 0]], { medium: linkMatrix([{ from: 0, to: 1, oneWay: true }]) })
  send(0, 1, 'hello')
  settle()
  assert.equal([nodes[1]!.heard, nodes[1]!.lost, nodes[0]!.sent, losses], [['hello'], ['heard before', 'heard before', 'heard before'], ['4 false'], []])
  end()
})

test('signals fade: all near, none far, and some in between', () => {
  const share = (metres: number, options = {}): number => {
    const { nodes, send, env, end } = onAir([[0, 0], [metres, 0]], { medium: logDistance(options) }, { retries: 0 })
    for (let n = 0; n < 200; n++) {
      send(0, 1, 'x'.repeat(60), false)
      env.advance(30)
    }
    end()
    return nodes[1]!.heard.length / 200
  }
  assert.is(share(20), 1)
  // −40.2 − 30 log d = −95 at 67 m; with more noise the frames are lost before they are too weak.
  assert.is(share(66), 1)
  assert.is(share(68), 0)
  const grey = [50, 60, 70, 90].map((metres) => share(metres, { noise: -96, sensitivity: -100 }))
  assert.is(grey[0], 1)
  assert.ok(grey.some((part) => part > 0.02 && part < 0.98), `a grey zone: ${grey}`)
  assert.is(grey[3], 0)
})

test('shadows are the same both ways, and depend on the seed', () => {
  const strengths = (seed: number) => {
    const { air, nodes, end } = onAir([[0, 0], [20, 0], [0, 20]], { medium: logDistance({ shadowing: 6, seed }) })
    const to = (from: number) => air.neighbours(nodes[from]!.radio).map(({ radio, strength }) => `${Math.min(from, radio.number)}-${Math.max(from, radio.number)} ${strength.toFixed(6)}`)
    const both = [to(0), to(1), to(2)].flat()
    end()
    assert.is(new Set(both).size, 3, 'three pairs, each heard alike both ways')
    return both.join()
  }
  assert.is(strengths(1), strengths(1))
  assert.not.equal(strengths(1), strengths(2))
})

test('strength and quality are told', () => {
  const { nodes, send, settle, end } = onAir([[0, 0], [10, 0]], { medium: logDistance() })
  const told: number[] = []
  const { sink } = nodes[1]!.radio
  nodes[1]!.radio.sink = { ...sink!, frame: (frame, rssi, lqi) => { told.push(rssi, lqi); frame.unref() }, transmitted() {}, carrier() {}, lost() {} }
  send(0, 1, 'x', false)
  settle()
  near(told[0]!, -70.2)
  assert.is(told[1], 255)
  end()
})

test('power is reach', () => {
  const { nodes, send, settle, end } = onAir([[0, 0], [100, 0]], { medium: logDistance() }, { retries: 0 })
  send(0, 1, 'whisper', false)
  settle()
  nodes[0]!.mac.set({ power: 10 })
  send(0, 1, 'shout', false)
  settle()
  assert.equal(nodes[1]!.heard, ['shout'])
  end()
})

test('what cannot be is refused', () => {
  const env = virtual()
  assert.throws(() => new Air(env, { loss: 2 }), /loss is 2; it must be a share from 0 to 1/)
  assert.throws(() => unitDisk({ range: 0 }), /give a range above 0/)
  assert.throws(() => linkMatrix([{ from: 0, to: 1, loss: -1 }]), /must be a share/)
  assert.throws(() => new Air(env).interferer({ at: [0, 0], burst: 0, pause: 1 }), /both must be more than 0/)
  assert.throws(() => logDistance({ exponent: 0 }), /give an exponent of 1 or more/)
})

test.run()
