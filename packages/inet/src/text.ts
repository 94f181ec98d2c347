/** Addresses as text. RFC 4291 §2.2 says what may be written, RFC 5952 §4 and §5 what we write. */

/** Dotted decimal as a signed 32-bit number. Exactly four numbers, and none with a leading zero, which some read as octal. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let word = 0
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined
    const byte = Number(part)
    if (byte > 255) return undefined
    word = (word << 8) | byte
  }
  return word
}

/** The four words of an IPv6 address without its zone. */
export function parseIpv6(text: string): readonly [number, number, number, number] | undefined {
  // A dotted quad may stand for the last two groups.
  const last = text.lastIndexOf(':') + 1
  const quad = text.includes('.') ? parseIpv4(text.slice(last)) : undefined
  const [before, after, more] = (quad === undefined ? text : `${text.slice(0, last)}${hex(quad >>> 16)}:${hex(quad & 0xffff)}`).split('::')
  const head = before ? before.split(':') : []
  const tail = after ? after.split(':') : []
  // `::` is one group of zeros at least.
  if (after !== undefined) do head.push('0'); while (head.length + tail.length < 8)
  const groups = [...head, ...tail]
  if (more !== undefined || groups.length !== 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  const word = (i: number): number => parseInt(groups[i]!, 16) << 16 | parseInt(groups[i + 1]!, 16)
  return [word(0), word(2), word(4), word(6)]
}

const hex = (group: number): string => group.toString(16)

/** `192.0.2.1`. */
export function showIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

/** The canonical form (RFC 5952): the first of the longest runs of two or more zero groups becomes `::`; mapped ones end dotted. */
export function showIpv6(w0: number, w1: number, w2: number, w3: number, zone: number): string {
  const suffix = zone === 0 ? '' : `%${zone}`
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) return `::ffff:${showIpv4(w3)}${suffix}`
  const groups = [w0, w1, w2, w3].flatMap((w) => [w >>> 16, w & 0xffff])
  let start = 0
  let longest = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (groups[end] === 0) end++
    if (end - i > longest) {
      start = i
      longest = end - i
    }
  }
  const text = (from: number, to: number): string => groups.slice(from, to).map(hex).join(':')
  return (longest === 1 ? text(0, 8) : `${text(0, start)}::${text(start + longest, 8)}`) + suffix
}
