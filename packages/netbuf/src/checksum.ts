/** The Internet checksum's sum (RFC 1071), twice: in JavaScript for short runs and old engines, in WebAssembly for the rest. */

import { checksumModule } from './checksum.wasm.ts'

/** Sums `length` bytes from `at` of the memory it was made for, in network order, folded to 16 bits. */
export type Sum = (at: number, length: number) => number

/** Up to this many bytes JavaScript is as fast as a call into WebAssembly. */
export const SHORT = 64

/** Adds the carries back in until 16 bits are left (RFC 1071 §1). `sum` is a whole number below 2³². */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

/** The sum as it is when the data begins at an odd place: with its bytes swapped (RFC 1071 §2 B). */
export function swap(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8)
}

/**
 * One's complement sum of `length` bytes from `at`, in network order, folded to 16 bits. Any alignment; up to 64 MiB.
 *
 * Reads 32-bit words little-endian, since byte order does not matter until the end, and adds them as doubles, which hold
 * 2²¹ of them exactly: a carry need not be looked for at every addition.
 */
export function sumBytes(dv: DataView, at: number, length: number): number {
  const end = at + length
  let sum = 0
  for (const last = end - 16; at <= last; at += 16) {
    sum += dv.getUint32(at, true) + dv.getUint32(at + 4, true) + dv.getUint32(at + 8, true) + dv.getUint32(at + 12, true)
  }
  for (const last = end - 4; at <= last; at += 4) sum += dv.getUint32(at, true)
  if (end - at > 1) {
    sum += dv.getUint16(at, true)
    at += 2
  }
  if (at < end) sum += dv.getUint8(at)
  const low = sum >>> 0
  return swap(fold((low & 0xffff) + (low >>> 16) + (sum - low) / 0x1_0000_0000))
}

/** A compiled checksum module, or undefined where WebAssembly, or its SIMD, is missing or forbidden (a page's CSP). */
export function compile(): WebAssembly.Module | undefined {
  try {
    return new WebAssembly.Module(new Uint8Array(checksumModule))
  } catch {
    return undefined
  }
}

/** The module's `sum` over `memory`. */
export function bind(module: WebAssembly.Module, memory: WebAssembly.Memory): Sum {
  return new WebAssembly.Instance(module, { arena: { memory } }).exports['sum'] as Sum
}
