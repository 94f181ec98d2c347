/**
 * Contiki-NG's SLIP radio, both ends of it: `SlipRadio` is the host of such a mote, `SlipMote` such a mote, over any radio of ours.
 *
 * @packageDocumentation
 */

export { SlipRadio, type SlipRadioOptions } from './radio.ts'
export { SLIP_RADIO_PORT, SlipMote, type SlipMoteOptions } from './mote.ts'
