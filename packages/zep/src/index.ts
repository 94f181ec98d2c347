/**
 * Radios of IEEE 802.15.4 over UDP: ZEP, as RIOT's native boards, lwIP and Wireshark speak it.
 *
 * @packageDocumentation
 */

export { ZepRadio, type ZepOptions } from './radio.ts'
