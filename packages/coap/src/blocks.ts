/** The block options: RFC 7959 §2.2. */

import { failure } from '@favonius/inet'
import type { Message } from './wire.ts'

/** A part of a body. */
export interface Block {
  /** Where it begins. */
  readonly offset: number
  /** Bytes of a block: 16 … 1024. */
  readonly size: number
  readonly more: boolean
}

/** Bytes of the largest block. */
export const MAX_BLOCK = 1024
/** RFC 7959 §2.2: a number has 20 bits. */
const MAX_NUMBER = 0xf_ffff

/** The block that an option of this number says; 'malformed' when it says none (the size 7 is reserved), undefined when there is no such option. */
export function readBlock(message: Message, number: number): Block | 'malformed' | undefined {
  if (!message.find(number)) return undefined
  const value = message.valueUint()
  if (message.length > 3 || (value & 7) === 7) return 'malformed'
  const size = 16 << (value & 7)
  return { offset: (value >>> 4) * size, size, more: (value & 8) !== 0 }
}

/** The option's value. `offset` is a multiple of `size`, which is a power of two from 16 to 1024. Throws EMSGSIZE for what is too far for blocks of that size. */
export function blockValue(offset: number, more: boolean, size: number): number {
  if (offset / size > MAX_NUMBER) throw failure('EMSGSIZE', `blocks of ${size} bytes do not reach ${offset}`)
  return offset / size * 16 + (more ? 8 : 0) + (27 - Math.clz32(size))
}

/** The largest size of a block that is no more than `bytes`, 16 at least. */
export const sizeWithin = (bytes: number): number => Math.max(16, Math.min(MAX_BLOCK, 1 << (31 - Math.clz32(bytes))))
