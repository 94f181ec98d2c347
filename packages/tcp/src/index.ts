/**
 * TCP, RFC 9293.
 *
 * @packageDocumentation
 */

export { tcpOptions } from './options.ts'
