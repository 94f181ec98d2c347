/** What `@favonius/tcp` and `@favonius/tcp/bare` both offer beside the feature. */

export { TcpLayer } from './layer.ts'
export { tcpOptions } from './options.ts'
export { transitions, isSynchronized, type TcpEvent } from './states.ts'
export type { Congestion, CongestionControl } from './congestion/congestion.ts'
export { cubic } from './congestion/cubic.ts'
