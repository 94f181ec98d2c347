/**
 * What the tests of every package share: a suite with a time limit, conformance suites for the contracts.
 *
 * @packageDocumentation
 */

export { makeNamespace, type Namespace, type Ran, type Running } from './namespace.ts'
export { suite } from './suite.ts'
export { inWorld } from './world.ts'
export { codeOf, thrownCode } from './codes.ts'
export { datagramConformance, type DatagramWorld } from './datagrams.ts'
export { deviceConformance, type DeviceWorld } from './devices.ts'
export { radioConformance, type RadioWorld } from './radios.ts'
export { envConformance, type EnvWorld } from './envs.ts'
export { streamConformance, type StreamWorld } from './streams.ts'
export { peer, type PeerNeeds } from './peers.ts'
export { scapyHost, type Hears, type ScapyHost } from './scapy.ts'
