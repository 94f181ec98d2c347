/** Messages for people. */

import { FLAG, IN, parse, RCODE, TYPE, type Authority, type Question, type Resource, type Service } from './wire.ts'

const nameOf = (table: Readonly<Record<string, number>>, value: number, other: string): string =>
  Object.keys(table).find((key) => table[key] === value) ?? `${other}${value}`

/** `AAAA`, `TYPE65` (RFC 3597 §5). */
export const typeName = (type: number): string => nameOf(TYPE, type, 'TYPE')

const asText = (bytes: Uint8Array): string => Array.from(bytes, (byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')

function data({ type, data: value }: Resource): string {
  switch (type) {
    case TYPE.SRV: {
      const { priority, weight, port, target } = value as Service
      return `${priority} ${weight} ${port} ${target}`
    }
    case TYPE.SOA: return `${(value as Authority).primary} ${(value as Authority).serial}`
    case TYPE.TXT: return (value as readonly Uint8Array[]).map((one) => JSON.stringify(asText(one))).join(' ')
  }
  return value instanceof Uint8Array ? `${value.length} bytes` : String(value)
}

const asked = ({ name, type, class: class_ }: Question): string => `${typeName(type)}${(class_ & 0x7fff) === IN ? (class_ === IN ? '' : ' (QU)') : ` class ${class_}`}? ${name}`
const said = (record: Resource): string => `${record.name} ${typeName(record.type)}${record.class >> 15 ? ' (flush)' : ''} ${data(record)}`

/** One line, as tcpdump prints it; says so when the bytes are no message. */
export function show(bytes: Uint8Array): string {
  const message = parse(bytes)
  if ('malformed' in message) return `DNS: ${message.malformed}, ${bytes.length} bytes`
  const { id, flags, questions, answers, authorities, additionals, edns } = message
  const marks = [flags & FLAG.RD ? '+' : '', flags & FLAG.AA ? '*' : '', flags & FLAG.TC ? '|' : ''].join('')
  const rcode = flags & FLAG.RCODE
  const parts = [
    `DNS ${id}${marks}`,
    flags & FLAG.QR && rcode !== RCODE.NOERROR ? nameOf(RCODE, rcode, 'RCODE') : '',
    ...questions.map(asked),
    flags & FLAG.QR ? `${answers.length}/${authorities.length}/${additionals.length + (edns === undefined ? 0 : 1)}` : '',
    answers.map(said).join(', '),
    edns === undefined ? '' : `EDNS ${edns.size}`,
    `(${bytes.length})`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}
