/** Messages for people. */

import * as CODE from './codes.ts'
import { critical, type Definitions } from './definitions.ts'
import * as OPTION from './numbers.ts'
import * as TYPE from './types.ts'
import { codeText, Message } from './wire.ts'

const nameOf = (table: Readonly<Record<string, number>>, value: number): string | undefined => Object.keys(table).find((key) => table[key] === value)
/** `URI_PATH` as the RFCs have it: `Uri-Path`. */
const wordsOf = (name: string, between: string): string => name.split('_').map((word) => word.charAt(0) + word.slice(1).toLowerCase()).join(between)

/** Each option that is known. Those that are not critical are passed over by who does not ask for them, whatever they say. */
export const definitions: Definitions = {
  ...critical,
  [OPTION.ETAG]: [1, 8, true],
  [OPTION.OBSERVE]: [0, 3],
  [OPTION.LOCATION_PATH]: [0, 255, true],
  [OPTION.CONTENT_FORMAT]: [0, 2],
  [OPTION.MAX_AGE]: [0, 4],
  [OPTION.HOP_LIMIT]: [1, 1],
  [OPTION.LOCATION_QUERY]: [0, 255, true],
  [OPTION.SIZE2]: [0, 4],
  [OPTION.SIZE1]: [0, 4],
  [OPTION.ECHO]: [1, 40],
  [OPTION.NO_RESPONSE]: [0, 1],
  [OPTION.REQUEST_TAG]: [0, 8, true],
}

/** `Uri-Path`; the number of one that is not known. */
export const optionName = (number: number): string => (number === OPTION.ETAG ? 'ETag' : wordsOf(nameOf(OPTION, number) ?? String(number), '-'))

/** `GET`, `2.05 Content`. */
export function codeName(code: number): string {
  const name = nameOf(CODE, code)
  return code > 0 && code < 0x20 ? name ?? codeText(code) : [codeText(code), ...(name === undefined ? [] : [wordsOf(name, ' ')])].join(' ')
}

const TEXTS: ReadonlySet<number> = new Set([OPTION.URI_HOST, OPTION.URI_PATH, OPTION.URI_QUERY, OPTION.LOCATION_PATH, OPTION.LOCATION_QUERY, OPTION.PROXY_URI, OPTION.PROXY_SCHEME])
const OPAQUE: ReadonlySet<number> = new Set([OPTION.IF_MATCH, OPTION.ETAG, OPTION.IF_NONE_MATCH, OPTION.ECHO, OPTION.REQUEST_TAG])

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

function valueOf(message: Message): string {
  const { number } = message
  if (TEXTS.has(number)) return JSON.stringify(message.valueText())
  if (OPAQUE.has(number) || definitions[number] === undefined || message.length > 4) return hex(message.value())
  const value = message.valueUint()
  return number === OPTION.BLOCK1 || number === OPTION.BLOCK2 ? `${value >>> 4}/${(value >> 3) & 1}/${16 << (value & 7)}` : String(value)
}

/** One line, as tcpdump prints it; says so when the bytes are no message. */
export function show(bytes: Uint8Array): string {
  const message = new Message()
  const malformed = message.read(bytes)
  if (malformed !== undefined) return `CoAP: ${malformed} (${bytes.length})`
  const options: string[] = []
  message.rewind()
  while (message.next()) options.push(`${optionName(message.number)}: ${valueOf(message)}`)
  return [
    `CoAP ${nameOf(TYPE, message.type)} ${codeName(message.code)} 0x${message.id.toString(16).padStart(4, '0')}`,
    message.tokenLength > 0 ? `token ${hex(message.token)}` : '',
    options.join(', '),
    message.payload.length > 0 ? `payload ${message.payload.length}` : '',
    `(${bytes.length})`,
  ].filter((part) => part !== '').join(' ')
}
