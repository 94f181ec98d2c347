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
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [before, after] = halves as [string, string?]
  const head = groups(before, after === undefined)
  const tail = groups(after ?? '', true)
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (after === undefined ? missing !== 0 : missing < 1) return undefined
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail]
  const word = (i: number): number => (all[i]! << 16) | all[i + 1]!
  return [word(0), word(2), word(4), word(6)]
}

/** The 16-bit groups of one side of `::`; a dotted quad may stand for the last two of the address. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  if (parts.length > 8) return undefined
  const numbers: number[] = []
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      numbers.push(parseInt(part, 16))
      continue
    }
    const quad = last && i === parts.length - 1 ? parseIpv4(part) : undefined
    if (quad === undefined) return undefined
    numbers.push(quad >>> 16, quad & 0xffff)
  }
  return numbers
}

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
  const hex = (from: number, to: number): string => groups.slice(from, to).map((g) => g.toString(16)).join(':')
  return (longest === 1 ? hex(0, 8) : `${hex(0, start)}::${hex(start + longest, 8)}`) + suffix
}
