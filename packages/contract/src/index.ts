/**
 * The narrow interfaces between Favonius packages. Types only: importing it costs nothing at run time.
 *
 * @packageDocumentation
 */

export type { Clock, Env, Instant, Machine, Malformed, Random, Timer } from './env.ts'
export type { Address, Family, LinkAddress, Prefix } from './address.ts'
export type { BufferPool, ChecksumState, NetBuf } from './netbuf.ts'
export type { BufferSource, Device, DeviceSink, Medium, Offload } from './device.ts'
export type { Radio, RadioAbilities, RadioFilter, RadioOutcome, RadioSink } from './radio.ts'
export type { Adaptation, AdaptationLink, AddressContexts } from './adaptation.ts'
export type {
  AddOptions, AddressOrigin, AddressState, DefaultInterface, DropReason, Hold, Interface, InterfaceAddress, L2, L2Flags,
  LinkHeader, Netif, NetifEvent, NetworkInput, PacketHandler, Resolver, Statistics, Tap, UpOptions, VirtualOptions,
} from './netif.ts'
export type { PacketTimer, Traffic, TransmitQueue } from './traffic.ts'
export type { ConflictDetection } from './acd.ts'
export type { IcmpError, Ip, IpInfo, NetworkLayer, PingOptions, PingResult, Route, RouteEntry, RouteOptions, Transport } from './ip.ts'
export type {
  DatagramInfo, DatagramNet, DatagramOptions, DatagramSink, DatagramSocket, Endpoint, Listener, NameResolver, Stream, StreamNet,
  StreamOptions, StreamSettings, StreamSink,
} from './seams.ts'
export type { Peer, Sent, Udp, UdpBinding, UdpSink, UdpSocket } from './udp.ts'
export type {
  Tcp, TcpBinding, TcpConnectOptions, TcpConnection, TcpEndpoint, TcpKeepAlive, TcpListener, TcpSettings, TcpSink, TcpState,
} from './tcp.ts'
