/**
 * Bytes for several messages. A short array of its own lies in V8's heap, and a view of such a one moves it out of there, which costs ten times what a view
 * does otherwise. A sheet is small, for one message that is kept keeps them all.
 */

const SIZE = 4096

export let u8: Uint8Array<ArrayBuffer> = /* @__PURE__ */ new Uint8Array(0)
/** Where the next message begins. */
export let at = 0

/** Room for so many bytes. */
export function reserve(length: number): void {
  if (at + length <= u8.length) return
  u8 = new Uint8Array(Math.max(length, SIZE))
  at = 0
}

/** What was written, up to `end`. */
export function take(end: number): Uint8Array {
  const message = u8.subarray(at, end)
  at = end
  return message
}
