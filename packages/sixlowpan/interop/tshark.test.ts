/** What tshark makes of the same frames: of captures of other stacks, and of packets of every form. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { linkTypes, packets as packetsIn, PcapngWriter } from '@favonius/pcap'
import { blockFile } from '@favonius/pcap/file'
import { readHeaders, show } from '@favonius/sixlowpan/wire'
import { peer, suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bytes, packets } from '../test/craft.ts'
import { stations, textOf, world } from '../test/fixture.ts'
import { frameInZep, frameOf, readFrame } from './frames.ts'

const test = suite('sixlowpan: tshark', { timeout: 300_000 })
const check = peer('tshark', { command: 'tshark', package: 'tshark' }) ? test : test.skip

const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
const captures = fileURLToPath(new URL('../../../../shared/captures', import.meta.url))

const iphcFields = ['tf', 'nh', 'hlim', 'cid', 'sac', 'sam', 'm', 'dac', 'dam', 'sci', 'dci'].map((name) => `6lowpan.iphc.${name}`)
const fragmentFields = ['size', 'tag', 'offset'].map((name) => `6lowpan.frag.${name}`)
const nhcFields = ['6lowpan.nhc.ext.eid', '6lowpan.nhc.ext.length', '6lowpan.nhc.udp.checksum', '6lowpan.udp.src', '6lowpan.udp.dst']
const meshFields = ['6lowpan.mesh.hops', '6lowpan.bcast.seqnum']
const fields = [...iphcFields, ...fragmentFields, ...nhcFields, ...meshFields]

/** The fields that tshark has of each frame, as numbers; several of one name where a header is within another. */
function fieldsOf(path: string, contexts: readonly string[]): number[][][] {
  const out = execFileSync('tshark', ['-r', path, ...contexts.flatMap((each) => ['-o', each]), '-T', 'fields', '-E', 'occurrence=a', ...fields.flatMap((name) => ['-e', name])],
    { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] })
  return out.split('\n').slice(0, -1).map((line) => line.split('\t').map((cell) => (cell === '' ? [] : cell.split(',').map(Number))))
}

/** What tshark dumps of each frame: its bytes, and every packet that it decompressed or put together. */
function dumpsOf(path: string, contexts: readonly string[]): string[][] {
  const out = execFileSync('tshark', ['-r', path, ...contexts.flatMap((each) => ['-o', each]), '-P', '-x'], { encoding: 'utf8', maxBuffer: 1 << 29, stdio: ['ignore', 'pipe', 'ignore'] })
  const frames: string[][] = []
  for (const line of out.split('\n')) {
    const data = /^([0-9a-f]{4,}) {2}((?:[0-9a-f]{2} )+)/.exec(line)
    if (data === null) {
      // The line before the dumps begins with the frame's number.
      if (/^ *\d+ +\d/.test(line)) frames.push([])
      continue
    }
    const dumps = frames.at(-1)!
    if (Number.parseInt(data[1]!, 16) === 0) dumps.push('')
    dumps[dumps.length - 1] += data[2]!.replaceAll(' ', '')
  }
  return frames
}

/** The same fields, as we read them. */
function fieldsOfOurs(payload: Uint8Array): number[][] | undefined {
  const headers = readHeaders(payload)
  if ('malformed' in headers) return undefined
  const { iphc, nhc, fragment, mesh, broadcast } = headers
  const all = [iphc, ...nhc.map((each) => (each.type === 'ipv6' ? each.iphc : undefined))].filter((each) => each !== undefined)
  const extended = all.filter((each) => each.contextExtension)
  const extensions = nhc.filter((each) => each.type === 'extension')
  const udp = nhc.filter((each) => each.type === 'udp')
  const eids = nhc.flatMap((each) => (each.type === 'udp' ? [] : [each.type === 'ipv6' ? 7 : [0, 43, 44, 60, 135].indexOf(each.protocol)]))
  return [
    all.map((each) => each.trafficFlow), all.map((each) => Number(each.nextHeaderCompressed)),
    all.map((each) => Math.max([0, 1, 64, 255].indexOf(each.hopLimit), 0)),
    all.map((each) => Number(each.contextExtension)), all.map((each) => Number(each.sourceStateful)), all.map((each) => each.sourceMode),
    all.map((each) => Number(each.multicast)), all.map((each) => Number(each.destinationStateful)), all.map((each) => each.destinationMode),
    extended.map((each) => each.sourceContext), extended.map((each) => each.destinationContext),
    fragment ? [fragment.size] : [], fragment ? [fragment.tag] : [], fragment?.offset !== undefined ? [fragment.offset] : [],
    eids, extensions.filter((each) => each.protocol !== 44).map((each) => each.length),
    udp.map((each) => Number(each.checksum === undefined)), udp.map((each) => each.source), udp.map((each) => each.destination),
    mesh ? [mesh.hopsLeft] : [], broadcast !== undefined ? [broadcast] : [],
  ]
}

function write(name: string, frames: readonly Uint8Array[]): string {
  const path = join(folder, `${name}.pcapng`)
  const file = blockFile(path)
  const writer = new PcapngWriter(file.write)
  const id = writer.addInterface('wpan0', linkTypes.ieee802154)
  frames.forEach((frame, i) => writer.packet(id, i, frame))
  writer.close()
  file.close()
  return path
}

for (const [name, count] of [['riot-2node', 90], ['contiki-root-riot-node', 40]] as const) {
  check(`the capture ${name}: the same headers, and the same packets, byte by byte`, async () => {
    if (!existsSync(captures)) return
    const frames: Uint8Array[] = []
    for (const packet of packetsIn(new Uint8Array(readFileSync(join(captures, `${name}.zep.pcap`))))) {
      if ('malformed' in packet) throw new Error(packet.malformed)
      const frame = frameInZep(packet.data)
      // The medium of these captures passed each frame on, so that it is there twice.
      if (frame !== undefined && textOf(frame) !== textOf(frames.at(-1) ?? new Uint8Array())) frames.push(frame)
    }
    const path = write(name, frames)
    const known = ['6lowpan.context0:fd00::/64']
    const theirs = fieldsOf(path, known)
    const dumps = dumpsOf(path, known)
    assert.is(theirs.length, frames.length)
    const here = world()
    here.layer.setContext(here.iface, 0, 'fd00::/64')
    let packets = 0
    frames.forEach((bytes, i) => {
      const frame = readFrame(bytes)
      if (frame === undefined) return assert.ok(theirs[i]!.every((each) => each.length === 0))
      assert.equal(theirs[i], fieldsOfOurs(frame.payload), `frame ${i + 1}: ${show(frame.payload)}`)
      const packet = here.receive(frame.payload, frame)
      if (packet === undefined) return
      packets++
      assert.ok(dumps[i]!.includes(textOf(packet)), `frame ${i + 1}: ${show(frame.payload)}\nours   ${textOf(packet)}\ntheirs ${dumps[i]!.join('\n       ')}`)
    })
    assert.ok(packets >= count, `${packets} packets`)
    // A frame of which the acknowledgement was lost comes again.
    for (const reason of Object.keys(here.drops())) assert.is(reason, 'fragment that is there already')
    await here.end()
  })
}

const told: readonly (readonly [id: number, prefix: string])[] = [[0, '2001:db8::/64'], [3, '2001:db8:1::/48'], [5, 'fd00:0:0:1::/64'], [15, '2001:db8:1:aa::1/128']]

const contexts = told.map(([id, prefix]) => `6lowpan.context${id}:${prefix}`)

/**
 * What tshark sees otherwise: it leaves out what stands behind headers that say that nothing does (RFC 8200 §4.7 does not), and takes the
 * link's address where a header within one to a group elides its own (RFC 6282 §3.2.2 takes the group's).
 */
function isOtherwise(payload: Uint8Array): boolean {
  const headers = readHeaders(payload)
  if ('malformed' in headers) return true
  const { iphc, nhc, at } = headers
  if (nhc.some((each) => each.type === 'extension' && each.nextHeader === 59) && at < payload.length) return true
  const all = [iphc, ...nhc.flatMap((each) => (each.type === 'ipv6' ? [each.iphc] : []))]
  return all.some((each, i) => i > 0 && all[i - 1]!.multicast && !each!.multicast && each!.destinationMode === 3)
}

check('packets of every form, compressed by us: the same headers, and decompressed to what they were', async () => {
  const here = world()
  for (const [id, prefix] of told) here.layer.setContext(here.iface, id, prefix)
  const all = fc.sample(packets, { numRuns: 7000, seed: 42 }).map((packet, i) => {
    const [from, to] = stations[i % 2 === 0 ? 2 : 8]
    const [payload] = here.send(packet, { from, to })
    // Some come through a mesh, and are broadcast there.
    const mesh = frameOf(new Uint8Array(), from, to, 0).subarray(5).reverse()
    const before = i % 7 < 2 ? [(i % 2 === 0 ? 0xb0 : 0x80) | 5, ...mesh] : []
    return { packet, payload: bytes(before, i % 7 === 1 ? [0x50, i & 255] : [], payload!), from, to }
  })
  const path = write('generated', all.map(({ payload, from, to }, i) => frameOf(payload, from, to, i)))
  const theirs = fieldsOf(path, contexts)
  const dumps = dumpsOf(path, contexts)
  let same = 0
  all.forEach(({ packet, payload, from, to }, i) => {
    const about = `frame ${i + 1}: ${textOf(payload)}: ${show(payload)}`
    assert.equal(theirs[i], fieldsOfOurs(payload), about)
    assert.is(textOf(here.receive(payload, { from, to })!), textOf(packet))
    if (isOtherwise(payload)) return
    same++
    // What no dissector changed is in no dump of its own.
    const [frame, ...made] = dumps[i]!
    assert.ok(made.includes(textOf(packet)) || (payload[payload.length - packet.length - 1] === 0x41 && frame!.endsWith(textOf(packet))), `${about}\nours   ${textOf(packet)}\ntheirs ${made.join('\n       ')}`)
  })
  assert.ok(same > 6500, `${same} packets`)
  await here.end()
})

check('the same in fragments', async () => {
  const here = world()
  for (const [id, prefix] of told) here.layer.setContext(here.iface, id, prefix)
  const frames: Uint8Array[] = []
  const last: { readonly at: number; readonly packet: Uint8Array }[] = []
  fc.sample(packets, { numRuns: 2000, seed: 43 }).forEach((packet, i) => {
    const [from, to] = stations[i % 2 === 0 ? 2 : 8]
    const payloads = here.send(packet, { from, to, room: 80 })
    for (const payload of payloads) frames.push(frameOf(payload, from, to, frames.length))
    if (payloads.length > 1 && !isOtherwise(payloads[0]!)) last.push({ at: frames.length - 1, packet })
  })
  const dumps = dumpsOf(write('fragments', frames), contexts)
  for (const { at, packet } of last) assert.ok(dumps[at]!.includes(textOf(packet)), `frame ${at + 1}\nours   ${textOf(packet)}\ntheirs ${dumps[at]!.slice(1).join('\n       ')}`)
  assert.ok(last.length > 700, `${last.length} packets in fragments`)
  await here.end()
})

test.after(() => rmSync(folder, { recursive: true }))
test.run()
