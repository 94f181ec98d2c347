import * as assert from 'uvu/assert'
import { suite } from '@favonius/testing'
import { FCS, fcs, frameTypes, readFrame, writeFrame } from '../src/wire/index.ts'
import { files, vectors } from './vectors/read.ts'

const test = suite('ieee802154: frames of RIOT and Contiki-NG')

for (const file of files) {
  test(`${file}: all are read whole, and written again as they were`, () => {
    const counts = { data: 0, acknowledgments: 0, broadcast: 0, asked: 0 }
    for (const bytes of vectors(file)) {
      const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      assert.is(fcs(bytes), 0, 'the FCS is good')
      const header = readFrame(dv, 0, bytes.length - FCS)
      if ('malformed' in header) throw new Error(header.malformed)
      if (header.type === frameTypes.acknowledgment) {
        counts.acknowledgments++
        assert.is(header.length, bytes.length - FCS)
      } else {
        counts.data++
        if (header.broadcast) counts.broadcast++
        if (header.acknowledge) counts.asked++
        // What 6LoWPAN begins with: IPHC, or a fragment.
        const dispatch = bytes[header.length]!
        assert.ok(dispatch >> 5 === 3 || dispatch >> 3 === 0x18 || dispatch >> 3 === 0x1c, dispatch.toString(16))
      }
      const again = new Uint8Array(header.length)
      writeFrame({
        type: header.type, version: header.version, acknowledge: header.acknowledge, pending: header.pending, sequence: header.sequence,
        destination: header.destination, source: header.source, destinationPan: header.destinationPan < 0 ? undefined : header.destinationPan,
      }, new DataView(again.buffer), 0)
      assert.equal(again, bytes.slice(0, header.length))
    }
    assert.ok(counts.data > 30 && counts.broadcast > 5 && counts.asked > 10 && counts.acknowledgments > 5, JSON.stringify(counts))
  })
}

test.run()
