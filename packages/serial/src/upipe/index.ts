/**
 * UPIPE: the radios of two Zephyr guests over a UART (CONFIG_IEEE802154_UPIPE), one of which may be ours.
 *
 * @packageDocumentation
 */

export { UpipeRadio, type UpipeOptions } from './radio.ts'
