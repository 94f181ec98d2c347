/**
 * Network interfaces: where devices, link layers, resolvers and network layers meet. After Zephyr's `net_if` and `net_l2`.
 *
 * @packageDocumentation
 */

export { netif } from './feature.ts'
export { NetifLayer } from './layer.ts'
export { netifOptions } from './options.ts'
export { bareIp, BareIpL2 } from './bareip.ts'
export { loopback, loopbackOptions } from './loopback.ts'
export { checksumOf, finishChecksum } from './offload.ts'
export { PacketRing } from './ring.ts'
export { Parking, slotsOf, type Awaited, type Displacement } from './parking.ts'
