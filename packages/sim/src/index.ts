/**
 * Networks in a test: no root, no waiting, and the same seed gives the same bytes.
 *
 * @packageDocumentation
 */

export { simulate, Simulation, type AirPlace, type Attachment, type Node, type SimulateOptions } from './simulate.ts'
export { EthernetSegment, type SegmentOptions, type SegmentTap } from './segment.ts'
export { EthernetLink, type LinkOptions } from './link.ts'
export { Bridge, type BridgeOptions, type BridgeStatistics } from './bridge.ts'
export { type Beyond, type SegmentDevice, type WayOptions } from './port.ts'
export { type Faults } from './impairments.ts'
export { type LineOptions } from './line.ts'
export { faulty } from './faulty.ts'
export { Air, type AirOptions, type AirStatistics, type AirTap, type Heard } from './air/air.ts'
export { type AirCapture } from './air/capture.ts'
export { type AirRadio } from './air/radio.ts'
export { type AirLoss, type AirLossReason } from './air/transmission.ts'
export { type Interferer, type InterfererOptions } from './air/interferer.ts'
export { linkMatrix, logDistance, unitDisk, type LogDistanceOptions, type MatrixLink, type Medium, type Station } from './air/media.ts'
export { grid, line, readLinks, readPlaces, scattered, type Place } from './air/topology.ts'
