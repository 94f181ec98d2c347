/**
 * Frames of IEEE 802.15.4, read, written and shown.
 *
 * @packageDocumentation
 */

export {
  addressModes, asksForAcknowledgment, at, BROADCAST, commands, control, dataLength, EVERYONE, FrameHeader, frameTypes, MAX_ACKNOWLEDGMENT, MAX_FRAME, MAX_HEADER,
  NO_SHORT_ADDRESS, readFrame, versions, writeAcknowledgment, writeData, writeFrame, type FrameFields,
} from './frame.ts'
export { FCS, fcs } from './fcs.ts'
export { show } from './show.ts'
