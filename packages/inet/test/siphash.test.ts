import { SipHash } from '@favonius/inet'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'

const test = suite('inet: SipHash')

test('the vectors of the paper (appendix A) and of its reference program', () => {
  const bytes = (length: number): DataView => new DataView(Uint8Array.from({ length }, (_, i) => i).buffer)
  const hash = new SipHash(bytes(16))
  for (const [length, expected] of [
    [0, '310e0edd47db6f72'], [1, 'fd67dc93c539f874'], [7, '37d1018bf50002ab'], [8, '6224939a79f5f593'], [15, 'e545be4961ca29a1'],
    [36, 'b4a31508beff4d31'], [63, '724506eb4c328a95'],
  ] as const) {
    hash.hash(bytes(64), length)
    const out = new DataView(new ArrayBuffer(8))
    out.setInt32(0, hash.low, true)
    out.setInt32(4, hash.high, true)
    assert.is(out.getBigUint64(0).toString(16).padStart(16, '0'), expected, `${length} bytes`)
  }
})

test('another key makes another hash, and the first one the same again', () => {
  const [one, two] = [DataView, DataView].map((View, i) => new View(new Uint8Array(16).fill(i).buffer)) as [DataView, DataView]
  const hash = new SipHash(one)
  const of = (): readonly number[] => {
    hash.hash(one, 16)
    return [hash.low, hash.high]
  }
  const first = of()
  hash.rekey(two)
  assert.not.equal(of(), first)
  hash.rekey(one)
  assert.equal(of(), first)
})

test.run()
