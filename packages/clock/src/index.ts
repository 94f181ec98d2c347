/**
 * Time and randomness: `system` is the real world, `virtual` one that a test owns.
 *
 * @packageDocumentation
 */

export { system } from './system.ts'
export { virtual, type RunOptions, type VirtualEnv, type VirtualOptions } from './virtual.ts'
export { pace, type PaceOptions } from './pace.ts'
export { deferred, sleep, type Deferred } from './deferred.ts'
