/** Which frames are for a station: the third level of filtering (IEEE 802.15.4-2015 §6.7.2), as a device passes it that is no coordinator. */

import type { RadioFilter } from '@favonius/contract'
import { addressModes, BROADCAST, NO_SHORT_ADDRESS, frameTypes, type FrameHeader } from './wire/frame.ts'

/** Whether a station with these addresses is to hear the frame. Acknowledgments, which are addressed to nobody, are not for it to decide. */
export function passes({ type, destinationMode, destinationPan, destinationHi, destinationLo, sourcePan }: FrameHeader, filter: RadioFilter): boolean {
  const { address, panId, shortAddress } = filter
  if (destinationPan >= 0 && destinationPan !== panId && destinationPan !== BROADCAST && panId !== BROADCAST) return false
  switch (destinationMode) {
    case addressModes.extended: return destinationLo === address.lo && destinationHi === address.hi
    case addressModes.short: return destinationLo === BROADCAST || (destinationLo === shortAddress && shortAddress < NO_SHORT_ADDRESS)
    // To the coordinator of a PAN, which we are not; but for beacons, which are to everyone.
    default: return type === frameTypes.beacon && (sourcePan < 0 || sourcePan === panId || panId === BROADCAST)
  }
}
