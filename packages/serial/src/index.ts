/**
 * Radios of IEEE 802.15.4 at the other end of a byte stream.
 *
 * @packageDocumentation
 */

export { type LineOptions } from './line.ts'
export { UpipeRadio, type UpipeOptions } from './upipe/index.ts'
export { SLIP_RADIO_PORT, SlipMote, SlipRadio, type SlipMoteOptions, type SlipRadioOptions } from './slip-radio/index.ts'
