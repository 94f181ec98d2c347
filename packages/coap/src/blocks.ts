/** The block options: RFC 7959 §2.2, and RFC 8323 §6 where messages are reliable. */

import { failure } from '@favonius/inet'
import * as TYPE from './types.ts'
import type { Message } from './wire.ts'

/** A part of a body. */
export interface Block {
  /** Where it begins. */
  readonly offset: number
  /** Bytes of a block: 16 … 1024, or `BERT`. */
  readonly size: number
  readonly more: boolean
}

/** A piece of a body that is sent. */
export interface Part {
  readonly bytes: Uint8Array
  readonly more: boolean
}

/** Bytes of the largest block. */
export const MAX_BLOCK = 1024
/** The size of as many of the largest as a message has: more than any has. */
export const BERT = 2 ** 30
/** RFC 7959 §2.2: a number has 20 bits. */
const MAX_NUMBER = 0xf_ffff

/** The block that an option of this number says; 'malformed' when it says none (in datagrams the size 7 is reserved), undefined when there is no such option. */
export function readBlock(message: Message, number: number): Block | 'malformed' | undefined {
  if (!message.find(number)) return undefined
  const value = message.valueUint()
  const size = (value & 7) > 6 ? BERT : 16 << (value & 7)
  if (message.length > 3 || (size > MAX_BLOCK && message.type !== TYPE.NONE)) return 'malformed'
  return { offset: (value >>> 4) * Math.min(size, MAX_BLOCK), size, more: (value & 8) !== 0 }
}

/** Whether so many bytes are a block as that says: one behind which more follow is full. */
export const fits = ({ size, more }: Block, length: number): boolean => !more || length === size || (size > MAX_BLOCK && length > 0 && length % MAX_BLOCK === 0)

/**
 * The option's value. `offset` is a multiple of `size`, which is a power of two from 16 to 1024; more than those is BERT, in units of 1024. Throws EMSGSIZE for
 * what is too far for blocks of that size.
 */
export function blockValue(offset: number, more: boolean, size: number): number {
  const number = offset / Math.min(size, MAX_BLOCK)
  if (number > MAX_NUMBER) throw failure('EMSGSIZE', `blocks of ${size} bytes do not reach ${offset}`)
  return number * 16 + (more ? 8 : 0) + Math.min(7, 27 - Math.clz32(size))
}

/** No more of it than `size` bytes. */
export const cut = (part: Part, size: number): Part => (part.bytes.length > size ? { bytes: part.bytes.subarray(0, size), more: true } : part)

/** The size of blocks by the setting: the largest are as many as go at once. */
export const sizeOf = (blockSize: number): number => (blockSize < MAX_BLOCK ? sizeWithin(blockSize) : BERT)

/** The largest size of a block that is no more than `bytes`, 16 at least. */
export const sizeWithin = (bytes: number): number => Math.max(16, Math.min(MAX_BLOCK, 1 << (31 - Math.clz32(bytes))))
