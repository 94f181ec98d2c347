/**
 * Ethernet frames over a byte stream: passt without root, QEMU guests, or two stacks with each other.
 *
 * @packageDocumentation
 */

export { connectQemu, type ConnectOptions } from './connect.ts'
export { type QemuDevice } from './face.ts'
export { QemuError } from './error.ts'
export { listenQemu, type QemuListener } from './listen.ts'
export { type QemuOptions, type StreamAddress } from './options.ts'
