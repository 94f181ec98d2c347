import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from '@favonius/testing'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bind, compile, fold, sumBytes } from '../src/checksum.ts'
import { checksumModule } from '../src/checksum.wasm.ts'

const test = suite('netbuf: checksum')

/** RFC 1071 §4.1, byte by byte. */
function reference(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) {
    sum += i & 1 ? bytes[at + i]! : bytes[at + i]! << 8
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return sum
}

const memory = new WebAssembly.Memory({ initial: 3, maximum: 3 })
const bytes = new Uint8Array(memory.buffer)
const dv = new DataView(memory.buffer)
const module = compile()
assert.ok(module, 'Node has SIMD')
const simd = bind(module!, memory)

function agree(at: number, length: number): void {
  const expected = reference(bytes, at, length)
  assert.is(sumBytes(dv, at, length), expected, `JavaScript at ${at} length ${length}`)
  assert.is(simd(at, length), expected, `WebAssembly at ${at} length ${length}`)
}

test('the example of RFC 1071 §3', () => {
  bytes.set([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])
  assert.is(sumBytes(dv, 0, 8), 0xddf2)
  assert.is(simd(0, 8), 0xddf2)
})

test('both agree with the byte loop, at every length and alignment that the unrolled loops treat apart', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 400, maxLength: 400 }), (random) => {
    bytes.set(random)
    for (let length = 0; length <= 200; length++) agree(length % 67, length)
  }), { numRuns: 10, seed: 1 })
})

test('any offset and length', () => {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 2654435761) >>> 13
  fc.assert(fc.property(fc.nat(70_000), fc.nat(66_048), (at, length) => agree(at, length)), { numRuns: 40, seed: 2 })
})

test('patterns whose carries are the most, and zero in both its forms', () => {
  bytes.fill(0xff)
  for (const length of [1, 2, 3, 4, 15, 16, 17, 63, 64, 65, 1460, 65_535, 65_536, 66_048]) {
    agree(0, length)
    agree(1, length)
  }
  bytes.fill(0)
  for (const length of [0, 1, 40, 1460, 65_535]) {
    agree(3, length)
    assert.is(simd(3, length), 0, 'zeros sum to zero, not to 0xffff')
  }
})

test('nothing beside the run is summed', () => {
  bytes.fill(0xa5)
  for (const [at, length] of [[100, 0], [101, 1], [102, 33], [103, 127], [104, 1461]] as const) {
    bytes.fill(0, at, at + length)
    assert.is(sumBytes(dv, at, length), 0)
    assert.is(simd(at, length), 0)
    bytes.fill(0xa5)
  }
})

test('folding', () => {
  assert.is(fold(0), 0)
  assert.is(fold(0xffff), 0xffff)
  assert.is(fold(0x1_0000), 1)
  assert.is(fold(0xffff_ffff), 0xffff)
})

test('the compiled module is what checksum.wat says', () => {
  const script = fileURLToPath(new URL('../scripts/compile.mjs', import.meta.url))
  execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' })
  assert.ok(checksumModule.length < 600)
})

test('an engine that refuses the module leaves JavaScript', () => {
  const there = globalThis.WebAssembly
  try {
    Reflect.set(globalThis, 'WebAssembly', undefined)
    assert.is(compile(), undefined)
  } finally {
    Reflect.set(globalThis, 'WebAssembly', there)
  }
})

test.run()
