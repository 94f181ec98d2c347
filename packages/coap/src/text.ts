/** Text as bytes, and the reverse. What is short is ASCII more often than not, and then needs no encoder. */

const decoder = /* @__PURE__ */ new TextDecoder()
export const encoder = /* @__PURE__ */ new TextEncoder()

export function textOf(u8: Uint8Array, at = 0, end = u8.length): string {
  if (end - at > 24) return decoder.decode(u8.subarray(at, end))
  let text = ''
  for (let i = at; i < end; i++) {
    const byte = u8[i]!
    if (byte > 0x7f) return decoder.decode(u8.subarray(at, end))
    text += String.fromCharCode(byte)
  }
  return text
}

/** Text in UTF-8. */
export function toBytes(given: Uint8Array | string): Uint8Array {
  if (typeof given !== 'string') return given
  if (given.length > 32) return encoder.encode(given)
  const bytes = new Uint8Array(given.length)
  for (let i = 0; i < given.length; i++) {
    if ((bytes[i] = given.charCodeAt(i)) > 0x7f) return encoder.encode(given)
  }
  return bytes
}
