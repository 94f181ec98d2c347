/**
 * CoAP messages: RFC 7252 §3.
 *
 * A `Message` reads in place: it holds positions in bytes that it was shown, and copies nothing until it is asked to. A `Writer` writes into bytes
 * that it is given, options in order. Neither makes an object for an option.
 */

export { codeText, HEADER, MAX_TOKEN, Message } from './message.ts'
export { emit, emptyMessage, fourBytes, roomFor, uintLength, Writer, type Draft, type Option, type OptionValue } from './writer.ts'
