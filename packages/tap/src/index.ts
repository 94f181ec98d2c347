/**
 * Linux TUN and TAP devices: a stack in a Node process, and the kernel as its peer.
 *
 * @packageDocumentation
 */

export { type TapDevice } from './device.ts'
export { TapError } from './error.ts'
export { openTap, type TapOptions } from './open.ts'
