import * as assert from 'uvu/assert'
import { NO_LINK_ADDRESS } from '@favonius/inet'
import { suite } from '@favonius/testing'
import { EVERYONE, frameTypes, versions } from '../src/wire/index.ts'
import { Mac } from '../src/index.ts'
import { ackOf, frameOf, OURS, PAN, ScriptedRadio, short, THEIRS, world } from './radio.ts'

const test = suite('ieee802154: MAC')

/** To the neighbour, with an acknowledgment: 21 bytes of header and 9 more, 32 with its FCS, 76 symbols on the air and 12 before. */
const out = (sequence = 1) => frameOf({ destination: THEIRS, source: OURS, sequence, acknowledge: true }, '123456789')
const AIR = 12 + 76
const when = (log: readonly string[]): number[] => log.map((line) => parseInt(line, 10))

test('it assesses the channel at the end of its backoff, and waits for the acknowledgment', () => {
  const { radio, told, send, settle, end, until } = world({}, { draws: [2] })
  assert.ok(send(out(5)))
  until(48 + AIR)
  assert.equal(when(radio.log), [48, 48], 'two periods of 20 symbols, and 8')
  assert.match(radio.log[1]!, /02:00:00:00:00:00:00:01 > 02:00:00:00:00:00:00:02, seq 5, ack requested, length 9/)
  until(48 + AIR + 34)
  radio.hear(ackOf(6))
  assert.equal(told, [], 'another number')
  radio.hear(ackOf(5))
  assert.equal(told, [`${48 + AIR + 34} arrived at ${THEIRS} after 1`])
  settle()
  assert.equal(told.length, 1)
  end()
})

test('without an acknowledgment it tries again, three times, each with a backoff of its own', () => {
  const { radio, told, send, settle, end, exponents } = world({}, { draws: [0, 7, 3, 1] })
  exponents.push(3, 3, 3, 3)
  send(out())
  settle()
  const each = AIR + 54
  const first = 8
  const second = first + each + 7 * 20 + 8
  const third = second + each + 3 * 20 + 8
  const fourth = third + each + 20 + 8
  assert.equal(when(radio.log.filter((line) => line.includes('data'))), [first, second, third, fourth])
  assert.equal(told, [`${fourth + each} lost: no acknowledgment`, `${fourth + each} did not arrive at ${THEIRS} after 4`])
  end()
})

test('an acknowledgment that is late is none', () => {
  const { radio, told, send, settle, end, until } = world({ retries: 0 })
  send(out())
  until(8 + AIR + 55)
  radio.hear(ackOf(1))
  settle()
  assert.equal(told, [`${8 + AIR + 54} lost: no acknowledgment`, `${8 + AIR + 54} did not arrive at ${THEIRS} after 1`])
  end()
})

test('a busy channel makes it wait, longer each time, and in the end give up', () => {
  const { radio, told, send, settle, end, exponents } = world({}, { draws: [7, 15, 31, 31, 31] })
  exponents.push(3, 4, 5, 5, 5)
  radio.busy.push(true, true, true, true, true)
  send(out())
  settle()
  let at = 0
  const instants = [7, 15, 31, 31, 31].map((periods) => (at += periods * 20 + 8))
  assert.equal(radio.log, instants.map((instant) => `${instant} busy`))
  assert.equal(told, [`${at} lost: channel busy`, `${at} did not arrive at ${THEIRS} after 1`])
  end()
})

test('after a busy channel the next attempt begins with the least exponent again', () => {
  const { radio, send, settle, end, exponents } = world({ retries: 1 }, { draws: [1, 1, 1] })
  exponents.push(3, 4, 3)
  radio.busy.push(true)
  send(out())
  settle()
  assert.equal(when(radio.log.filter((line) => line.includes('data'))), [56, 56 + AIR + 54 + 28])
  end()
})

test('what needs no acknowledgment is sent once', () => {
  const { radio, told, send, settle, end } = world()
  send(frameOf({ destination: EVERYONE, source: OURS }, 'hello'))
  settle()
  assert.is(radio.log.filter((line) => line.includes('data')).length, 1)
  assert.equal(told, [])
  end()
})

test('between frames there is silence: 40 symbols behind a long one, 12 behind a short one', () => {
  for (const [payload, silence] of [['a', 12], ['0123456789', 40]] as const) {
    const { radio, told, send, settle, end } = world()
    const bytes = frameOf({ destination: EVERYONE, source: OURS }, payload)
    assert.ok(send(bytes))
    assert.not(send(bytes), 'one at a time')
    settle()
    assert.match(told[0]!, /ready/)
    assert.ok(send(bytes))
    settle()
    const [first, second] = when(radio.log.filter((line) => line.includes('data'))) as [number, number]
    assert.is(second - first, 12 + (8 + bytes.length) * 2 + silence + 8)
    end()
  }
})

test('it acknowledges what is for it, twelve symbols later by the radio, and passes it on once', () => {
  const { radio, told, settle, end } = world()
  radio.hear(frameOf({ acknowledge: true, sequence: 9 }, 'once'))
  assert.equal(radio.log, ['0 802.15.4 acknowledgment (2003), seq 9, length 0'])
  settle()
  radio.hear(frameOf({ acknowledge: true, sequence: 9 }, 'once'))
  assert.is(radio.log.length, 2, 'a repeated frame is acknowledged again')
  settle()
  radio.hear(frameOf({ acknowledge: true, sequence: 10 }, 'twice'))
  assert.equal(told.map((line) => line.replace(/^\d+ /, '').slice(0, 22)), ['frame 802.15.4 data (2', 'lost: heard before', 'frame 802.15.4 data (2'])
  settle()
  end()
})

test('the same number is another frame from another station, and after a second', () => {
  const { radio, told, env, settle, end } = world()
  radio.hear(frameOf({ sequence: 9 }))
  radio.hear(frameOf({ sequence: 9, source: short(2) }))
  radio.hear(frameOf({ sequence: 9, source: short(3) }))
  env.advance(1001)
  radio.hear(frameOf({ sequence: 9 }))
  assert.is(told.filter((line) => line.includes('frame')).length, 4)
  // Of 32 stations the last number is remembered; a 33rd takes the place of the one not heard of for longest.
  for (let n = 100; n < 133; n++) {
    radio.hear(frameOf({ sequence: 1, source: short(n) }))
    env.advance(1)
  }
  told.length = 0
  radio.hear(frameOf({ sequence: 1, source: short(132) }))
  radio.hear(frameOf({ sequence: 1, source: short(100) }))
  assert.equal(told.map((line) => line.includes('heard before')), [true, false])
  settle()
  end()
})

test('a frame of 2015 is acknowledged in kind', () => {
  const { radio, settle, end } = world()
  radio.hear(frameOf({ version: versions.v2015, acknowledge: true, sequence: 9, source: short(0x1234) }))
  assert.equal(radio.log, ['0 802.15.4 acknowledgment (2015), pan abcd, coordinator > 12:34, seq 9, length 0'])
  settle()
  end()
})

test('it hears what is to its addresses and to everyone, in its PAN', () => {
  const { radio, mac, told, settle, end } = world()
  const taken = (fields: Parameters<typeof frameOf>[0]): boolean => {
    told.length = 0
    radio.hear(frameOf({ sequence: ++number, ...fields }))
    return told[0]!.includes(' frame ')
  }
  let number = 0
  assert.ok(taken({}))
  assert.ok(taken({ destination: EVERYONE }))
  assert.ok(taken({ destinationPan: 0xffff, sourcePan: PAN, destination: EVERYONE }))
  assert.not(taken({ destination: THEIRS }))
  assert.not(taken({ destinationPan: 0x1111 }))
  assert.not(taken({ destination: short(0x1234) }))
  mac.set({ shortAddress: 0x1234 })
  assert.ok(taken({ destination: short(0x1234) }))
  mac.set({ shortAddress: 0xfffe })
  assert.not(taken({ destination: short(0xfffe) }))
  assert.not(taken({ destination: NO_LINK_ADDRESS }), 'to the coordinator')
  mac.set({ panId: 0x1111 })
  assert.not(taken({}))
  assert.ok(taken({ destinationPan: 0x1111 }))
  settle()
  assert.equal(radio.log, [])
  end()
})

test('what it cannot use is counted by its reason', () => {
  const { radio, told, settle, end } = world()
  radio.hear(Uint8Array.of(1))
  radio.hear(Uint8Array.of(5, 0, 0))
  const secured = frameOf({}, '\x05123456789')
  secured[0]! |= 8
  radio.hear(secured)
  radio.hear(frameOf({ type: frameTypes.beacon, destination: NO_LINK_ADDRESS, sourcePan: PAN }))
  radio.hear(frameOf({ type: frameTypes.command, sequence: 99 }, '\x07'))
  radio.hear(ackOf(3))
  assert.equal(told.map((line) => line.slice(2)), [
    'lost: shorter than its header', 'lost: a frame type that is reserved, or not of the general form', 'lost: secured, and there is no key',
    'lost: beacon', 'lost: MAC command',
  ])
  settle()
  end()
})

test('beacons and commands go to who takes them', () => {
  const { radio, mac, told, settle, end } = world()
  const heard: string[] = []
  mac.control = ({ type, sequence }, frame, rssi, lqi) => void heard.push(`${type} ${sequence} ${frame.length} ${rssi} ${lqi}`)
  radio.hear(frameOf({ type: frameTypes.command, acknowledge: true }, '\x02'))
  assert.equal([heard, told, radio.log.length], [['3 7 22 -60 255'], [], 1])
  settle()
  end()
})

test('in promiscuous mode all goes up, and what is for us is acknowledged still', () => {
  const { radio, mac, told, settle, end } = world({}, { abilities: { acknowledge: true } })
  radio.hear(frameOf({ acknowledge: true }))
  assert.equal(radio.log, [], 'the radio does it')
  mac.promiscuous(true)
  assert.is(radio.filtered?.promiscuous, true)
  radio.hear(frameOf({ acknowledge: true, sequence: 8 }))
  assert.is(radio.log.length, 1, 'the radio does not')
  radio.hear(ackOf(1))
  radio.hear(frameOf({ destination: THEIRS, acknowledge: true }))
  radio.hear(Uint8Array.of(5, 0, 0))
  assert.is(told.filter((line) => line.includes('frame')).length, 5)
  assert.is(radio.log.length, 1)
  settle()
  end()
})

test('an acknowledgment may come between its backoff and its frame', () => {
  const { radio, told, send, settle, end, until, exponents } = world({}, { draws: [0, 1] })
  exponents.push(3, 4)
  send(out(1))
  until(4)
  radio.hear(frameOf({ acknowledge: true, sequence: 9 }, 'theirs'))
  settle()
  // Until 38 the radio is busy with it, which is a busy channel at 8, and at 28 more.
  assert.equal(when(radio.log.slice(0, 3)), [4, 8 + 28 + 8, 8 + 28 + 8])
  assert.ok(told.some((line) => line.includes('frame')))
  end()
})

test('a radio that does more of it has less done for it', () => {
  {
    const { radio, told, send, settle, end } = world({}, { abilities: { csma: true } })
    send(out(1))
    assert.equal(when(radio.log), [0], 'no backoff')
    settle()
    assert.is(radio.log.length, 4, 'but it is sent again')
    assert.match(told.at(-1)!, /did not arrive/)
    end()
  }
  for (const [outcome, last] of [['acknowledged', `arrived at ${THEIRS} after 2`], ['no-ack', `did not arrive at ${THEIRS} after 2`], ['busy', `did not arrive at ${THEIRS} after 2`]] as const) {
    const { radio, told, send, settle, end } = world({}, { abilities: { csma: true, retransmit: true } })
    radio.outcome = [outcome, 2]
    send(out(1))
    settle()
    assert.equal([radio.log.length, told.at(-1)!.replace(/^\d+ /, '')], [1, last])
    end()
  }
})

test('with ALOHA it listens to nobody', () => {
  const { radio, send, settle, end } = world({ aloha: true, retries: 1 })
  radio.busy.push(true)
  send(out(1))
  settle()
  assert.equal(when(radio.log), [0, AIR + 54])
  end()
})

test('a frame that is too long, too short or in pieces', () => {
  const { radio, told, buffers, mac, send, settle, end } = world()
  assert.ok(send(frameOf({}, 'x'.repeat(105))))
  assert.ok(send(Uint8Array.of(1, 2)))
  assert.equal(told, ['0 lost: too long', '0 lost: too short'])
  const [head, tail] = [buffers.alloc(1)!, buffers.alloc(40)!]
  const whole = out(3)
  head.write(whole.subarray(0, 1))
  tail.write(whole.subarray(1))
  head.append(tail)
  assert.ok(mac.transmit(head))
  settle()
  assert.match(radio.log[1]!, /seq 3, ack requested, length 9/)
  end()
})

test('it is set, and sets its radio', () => {
  const { radio, mac, settle, end } = world({ channel: 15, power: -7 })
  assert.equal(radio.tuned, [15, '-7 dBm'])
  assert.equal(mac.attributes, { panId: PAN, channel: 15, shortAddress: 0xffff, power: -7, acknowledge: true })
  mac.set({ channel: 20, shortAddress: 0x0102 })
  assert.equal(radio.tuned.slice(2), [20, '-7 dBm'])
  assert.equal([radio.filtered?.shortAddress, radio.filtered?.panId, `${mac.shortLink}`], [0x0102, PAN, '01:02'])
  assert.throws(() => mac.set({ channel: 27, panId: 1 }), /channel is 27; it must be a whole number from 0 to 26/)
  assert.is(mac.attributes.panId, PAN, 'nothing changed')
  assert.is(mac.energy(), -91)
  assert.throws(() => new Mac(world().env, new ScriptedRadio(world().env), {}, short(1)), /give it an EUI-64/)
  settle()
  end()
})

test('without a carrier the frame under way is given back', () => {
  const { radio, told, send, settle, end } = world()
  send(out(1))
  radio.sink!.carrier(false)
  assert.equal(told, ['0 carrier false', '0 lost: no carrier', `0 did not arrive at ${THEIRS} after 0`])
  settle()
  assert.equal(radio.log, [])
  end()
})

test('without a buffer there is no acknowledgment, and that is counted', () => {
  const { radio, told, buffers, settle, end } = world({}, { quota: 256 })
  const frame = buffers.alloc(30)!
  frame.write(frameOf({ acknowledge: true }))
  radio.sink!.frame(frame, -60, 255)
  assert.equal(told[0], '0 lost: no buffer')
  settle()
  end()
})

test.run()
