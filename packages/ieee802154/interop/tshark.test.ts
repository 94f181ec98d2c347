/** Our reader against Wireshark's: frames of real stacks, and generated ones of all versions. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { virtual } from '@favonius/clock'
import type { Random } from '@favonius/contract'
import { linkAddress, NO_LINK_ADDRESS } from '@favonius/inet'
import { linkTypes, PcapngWriter } from '@favonius/pcap'
import { blockFile } from '@favonius/pcap/file'
import { peer, suite } from '@favonius/testing'
import { control, FCS, fcs, frameTypes, readFrame, versions, writeFrame } from '../src/wire/index.ts'
import { files, vectors } from '../test/vectors/read.ts'

const test = suite('ieee802154: tshark', { timeout: 120_000 })
const check = peer('tshark', { command: 'tshark', package: 'tshark' }) ? test : test.skip

const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
test.after(() => rmSync(folder, { recursive: true }))

const FIELDS = [
  'frame_type', 'security', 'pending', 'ack_request', 'pan_id_compression', 'version', 'seq_no', 'dst_pan', 'dst16', 'dst64', 'src_pan', 'src16', 'src64',
  'aux_sec.sec_level', 'aux_sec.key_id_mode', 'aux_sec.frame_counter',
] as const
type Row = Readonly<Record<(typeof FIELDS)[number], string>>

/** What tshark makes of frames. */
function seen(frames: readonly Uint8Array[], linkType: number): Row[] {
  const path = join(folder, `${linkType}.pcapng`)
  const file = blockFile(path)
  const writer = new PcapngWriter(file.write)
  const wpan = writer.addInterface('wpan0', linkType)
  for (const [i, frame] of frames.entries()) writer.packet(wpan, i, frame)
  writer.close()
  file.close()
  const arguments_ = ['-r', path, '-T', 'fields', '-E', 'occurrence=f', ...FIELDS.flatMap((field) => ['-e', `wpan.${field}`])]
  const out = execFileSync('tshark', arguments_, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 })
  return out.trimEnd().split('\n').map((line) => {
    const cells = line.split('\t')
    return Object.fromEntries(FIELDS.map((field, i) => [field, cells[i] ?? ''])) as Row
  })
}

const hex = (value: number, digits = 4): string => `0x${value.toString(16).padStart(digits, '0')}`

/** The same of our reader, of a frame without its FCS. */
function ours(bytes: Uint8Array): Row {
  const header = readFrame(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length)
  if ('malformed' in header) throw new Error(`${header.malformed}: ${Buffer.from(bytes).toString('hex')}`)
  const bit = (on: boolean): string => (on ? '1' : '0')
  const short = (mode: number, lo: number): string => (mode === 2 ? hex(lo) : '')
  const known = (value: number, text: (value: number) => string): string => (value < 0 ? '' : text(value))
  return {
    frame_type: hex(header.type), security: bit(header.security), pending: bit(header.pending), ack_request: bit(header.acknowledge),
    pan_id_compression: bit(header.panIdCompression), version: `${header.version}`, seq_no: known(header.sequence, String),
    dst_pan: known(header.destinationPan, hex), dst16: short(header.destinationMode, header.destinationLo), dst64: header.destinationMode === 3 ? `${header.destination}` : '',
    src_pan: known(header.sourcePan, hex), src16: short(header.sourceMode, header.sourceLo), src64: header.sourceMode === 3 ? `${header.source}` : '',
    'aux_sec.sec_level': known(header.securityLevel, (level) => hex(level, 2)), 'aux_sec.key_id_mode': known(header.keyIdMode, (mode) => hex(mode, 2)),
    'aux_sec.frame_counter': known(header.frameCounter, String),
  }
}

/** A frame at random, of a form that is allowed, with an auxiliary security header and information elements now and then. */
function generate(random: Random): Uint8Array<ArrayBuffer> {
  const below = (n: number): number => random.uint32() % n
  const address = () => [NO_LINK_ADDRESS, linkAddress(2, 0, below(0x10000)), linkAddress(8, random.uint32(), random.uint32())][below(3)]!
  const version = below(3)
  const modern = version === versions.v2015
  const type = [frameTypes.data, frameTypes.data, frameTypes.command, frameTypes.acknowledgment, frameTypes.beacon][below(5)]!
  let [destination, source] = [address(), address()]
  if (type === frameTypes.acknowledgment && !modern) return Uint8Array.of(frameTypes.acknowledgment | (below(2) ? control.pending : 0), version << 4, below(256))
  if (type === frameTypes.beacon && !modern) destination = NO_LINK_ADDRESS
  // An older data frame has one address at least; so has a command, which is to somebody.
  if (source.length === 0 && (destination.length === 0 || type === frameTypes.beacon)) source = linkAddress(2, 0, 1)
  const pan = below(0x10000)
  const both = destination.length > 0 && source.length > 0
  const panless = modern && below(3) === 0 && (!both || (destination.length === 8 && source.length === 8))
  const bytes = new Uint8Array(127)
  const dv = new DataView(bytes.buffer)
  let at = writeFrame({
    type, version, pending: below(2) === 0, acknowledge: below(2) === 0, sequence: modern && below(3) === 0 ? undefined : below(256),
    destination, source, destinationPan: panless ? undefined : pan, sourcePan: panless ? undefined : below(2) ? pan : below(0x10000),
  }, dv, 0)
  let word = dv.getUint16(0, true)
  if (version !== versions.v2003 && below(4) === 0) {
    word |= control.security
    const mode = below(4)
    const suppressed = modern && below(3) === 0
    bytes[at++] = 1 + below(3) + 4 * below(2) | mode << 3 | (suppressed ? 0x20 : 0)
    if (!suppressed) {
      dv.setUint32(at, random.uint32(), true)
      at += 4
    }
    for (let n = [0, 1, 5, 9][mode]!; n > 0; n--) bytes[at++] = below(256)
  }
  if (modern && below(3) === 0) {
    word |= control.elements
    // A vendor-specific header element, and the end of the list.
    dv.setUint16(at, 5, true)
    bytes.set([1, 2, 3, below(256), below(256)], at + 2)
    dv.setUint16(at + 7, 0x7f << 7, true)
    at += 9
  }
  dv.setUint16(0, word, true)
  if (type === frameTypes.command) bytes[at++] = 7
  // Superframe specification, no guaranteed time slots, nobody whose data wait.
  else if (type === frameTypes.beacon) at += 4
  else for (let n = below(30) + 8; n > 0; n--) bytes[at++] = below(256)
  // Room for the integrity code that a secured frame ends with.
  if (word & control.security) at += 16
  return bytes.slice(0, at)
}

check('frames of RIOT and Contiki-NG, with and without the FCS', () => {
  const frames = files.flatMap(vectors)
  const bare = frames.map((frame) => frame.slice(0, -FCS))
  assert.equal(seen(frames, linkTypes.ieee802154Fcs), bare.map(ours))
  assert.equal(seen(bare, linkTypes.ieee802154), bare.map(ours))
})

check('3,000 generated frames of 2003, 2006 and 2015', () => {
  const { random } = virtual({ seed: 11 })
  const bare = Array.from({ length: 3000 }, () => generate(random))
  const whole = bare.map((frame) => {
    const sum = fcs(frame)
    return Uint8Array.from([...frame, sum & 0xff, sum >> 8])
  })
  const expected = bare.map(ours)
  for (const [linkType, frames] of [[linkTypes.ieee802154, bare], [linkTypes.ieee802154Fcs, whole]] as const) {
    const rows = seen(frames, linkType)
    assert.is(rows.length, expected.length)
    for (const [i, row] of rows.entries()) assert.equal(row, expected[i], `frame ${i}: ${Buffer.from(frames[i]!).toString('hex')}`)
  }
})

test.run()
