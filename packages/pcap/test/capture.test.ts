import type { Clock, Interface, NetBuf, Tap } from '@favonius/contract'
import { Arena } from '@favonius/netbuf'
import { capture, packets, type CapturedPacket, type CaptureOptions } from '@favonius/pcap'
import { captureFile } from '@favonius/pcap/file'
import { suite } from '@favonius/testing'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'

const test = suite('pcap: capture')

const pool = new Arena({ chunkSize: 1 << 20 }).pool()
let now = 0
const clock = { now: () => now, epoch: 1000 } as Clock
const eth0 = { index: 1, name: 'eth0', medium: 'ethernet' } as Interface
const lo = { index: 2, name: 'lo', medium: 'loopback' } as Interface

/** A stack as far as a capture sees one. */
function stack(options?: CaptureOptions): { tap: Tap; done(): CapturedPacket[] } {
  let tap: Tap | undefined
  const blocks: Uint8Array[] = []
  const made = capture({ tap: (given) => { tap = given; return () => { tap = undefined } } }, clock, (block) => blocks.push(block), options)
  return {
    tap: tap!,
    done() {
      made.close()
      made.close()
      assert.is(tap, undefined, 'detached')
      return [...packets(new Uint8Array(Buffer.concat(blocks)))].map((packet) => {
        if ('malformed' in packet) throw new Error(packet.malformed)
        return packet
      })
    },
  }
}
const frame = (...bytes: number[]): NetBuf => {
  const packet = pool.alloc(100, 20)!
  packet.write(Uint8Array.from(bytes))
  return packet
}

test('a drop while the frame is handled is a comment on that frame', () => {
  const { tap, done } = stack()
  const packet = frame(1, 2, 3, 4, 5, 6)
  now = 0.25
  tap.frame(eth0, packet, 'in')
  packet.link = packet.offset
  packet.network = packet.pull(2)
  packet.pull(2)
  tap.dropped(eth0, packet, 'udp: no listener')
  packet.unref()
  const later = frame(7)
  tap.frame(eth0, later, 'out')
  later.unref()
  const [a, b, ...rest] = done()
  assert.equal([...a!.data], [1, 2, 3, 4, 5, 6])
  assert.equal([a!.direction, a!.comments, a!.timestamp], ['in', ['udp: no listener'], 1000.25])
  assert.equal([b!.direction, b!.comments, rest.length], ['out', [], 0])
})

test('a frame dropped before its link header was read is itself too', () => {
  const { tap, done } = stack()
  const packet = frame(1, 2)
  tap.frame(eth0, packet, 'in')
  tap.dropped(eth0, packet, 'ethernet: too short')
  packet.unref()
  const made = done()
  assert.equal(made.map((p) => p.comments), [['ethernet: too short']])
})

test('a drop of a packet that was parked is a block of its own, from its link header on', () => {
  const { tap, done } = stack()
  const parked = frame(1, 2, 3, 4)
  tap.frame(eth0, parked, 'in')
  parked.link = parked.offset
  parked.network = parked.pull(2)
  const other = frame(9)
  tap.frame(eth0, other, 'in')
  tap.dropped(eth0, parked, 'reassembly: timeout')
  const made = done()
  assert.equal(made.map((p) => [[...p.data], p.comments]), [[[1, 2, 3, 4], []], [[9], []], [[1, 2, 3, 4], ['reassembly: timeout']]])
  parked.unref()
  other.unref()
})

test('a buffer that is used again for an answer is not the frame it held', () => {
  const { tap, done } = stack()
  const question = frame(1, 2, 3, 4)
  tap.frame(eth0, question, 'in')
  question.unref()
  const answer = pool.alloc(100, 40)!
  assert.is(answer, question)
  answer.write(Uint8Array.of(0x60, 1, 2))
  answer.network = answer.offset
  answer.protocol = 0x86dd
  tap.dropped(eth0, answer, 'ip: no route')
  answer.unref()
  const [a, b] = done()
  assert.equal([a!.comments, b!.comments], [[], ['ip: no route']])
  assert.equal([b!.linkType, b!.name, [...b!.data]], [101, 'eth0', [0x60, 1, 2]], 'it never got a link header')
})

test('loopback is bare IP, and interfaces can be left out', () => {
  const { tap, done } = stack({ only: (iface) => iface.name === 'lo', snapLength: 2 })
  const packet = frame(0x45, 1, 2)
  tap.frame(eth0, packet, 'in')
  tap.dropped(eth0, packet, 'no')
  tap.frame(lo, packet, 'in')
  packet.unref()
  const [a, ...rest] = done()
  assert.equal([a!.name, a!.linkType, [...a!.data], a!.length, rest.length], ['lo', 101, [0x45, 1], 3, 0])
})

test('to a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
  try {
    let tap: Tap | undefined
    const path = join(folder, 'a.pcapng')
    const made = captureFile({ tap: (given) => { tap = given; return () => {} } }, clock, path)
    const packet = frame(1, 2, 3)
    tap!.frame(eth0, packet, 'in')
    assert.is([...packets(new Uint8Array(readFileSync(path)))].length, 0, 'kept back')
    made.flush()
    assert.is([...packets(new Uint8Array(readFileSync(path)))].length, 1)
    tap!.frame(eth0, packet, 'out')
    packet.unref()
    made.close()
    made.close()
    assert.is([...packets(new Uint8Array(readFileSync(path)))].length, 2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('no buffer is kept', () => {
  assert.is(pool.live, 0)
})

test.run()
