/** Options of stream sockets under their BSD names, and what they are set to. Levels are left out: no name means two things. Times are milliseconds. */

import type { Interface, TcpConnection, TcpKeepAlive } from '@favonius/contract'

/** The value of each option. Those marked read-only can only be read. */
export interface StreamSocketOptions {
  /** Bind to a port that connections still use, or that another socket is bound to which says so too and does not listen. Before `bind`. */
  SO_REUSEADDR: boolean
  /** Connect and listen by this interface alone, by name; '' for any. Before `connect` and `listen`. */
  SO_BINDTODEVICE: string
  /** 802.1Q priority of what is sent, 0–7. */
  SO_PRIORITY: number
  /** Bytes that may wait to be received, the largest window, 2048 … 2²⁸; −1 for the default of `tcp()`. Before `connect` and `listen`. */
  SO_RCVBUF: number
  /** Bytes that may wait to be acknowledged, 2048 … 2²⁸; −1 for as many as the way needs, up to the limit of `tcp()`. Before `connect` and `listen`. */
  SO_SNDBUF: number
  /** Milliseconds until a blocking receive or accept gives up with EAGAIN; 0 = never. */
  SO_RCVTIMEO: number
  /** Milliseconds until a blocking send gives up with EAGAIN, a blocking connect with EINPROGRESS; 0 = never. */
  SO_SNDTIMEO: number
  /** Milliseconds that what was sent may take to be acknowledged after `close`, and is then given up with a reset; 0 resets at once; −1, the default, lets TCP try on. */
  SO_LINGER: number
  /** Probe a connection that is idle (RFC 9293 §3.8.4). */
  SO_KEEPALIVE: boolean
  /** Read-only, and cleared by reading: the pending error's code, or ''. */
  SO_ERROR: string
  /** Read-only. */
  SO_TYPE: 'stream'
  /** Read-only. */
  SO_DOMAIN: 'inet' | 'inet6'
  /** Read-only: it listens. */
  SO_ACCEPTCONN: boolean
  /** An `inet6` socket that takes no IPv4. Before `bind`. */
  IPV6_V6ONLY: boolean
  /** Hop limit of what is sent, 1–255; −1 for the stack's default. */
  IPV6_UNICAST_HOPS: number
  /** Traffic class of what is sent, 0–255. */
  IPV6_TCLASS: number
  /** TTL of what is sent, 1–255; −1 for the stack's default. */
  IP_TTL: number
  /** TOS of what is sent, 0–255. */
  IP_TOS: number
  /** Send small segments at once: Nagle's algorithm off (RFC 9293 §3.7.4). */
  TCP_NODELAY: boolean
  /** Read-only: bytes of data in a whole segment that is sent; 0 while there is no connection. */
  TCP_MAXSEG: number
  /** Milliseconds without a segment until the first probe of SO_KEEPALIVE; two hours unless set (RFC 9293 §3.8.4). */
  TCP_KEEPIDLE: number
  /** Milliseconds between probes; 75 000 unless set, as on Linux. */
  TCP_KEEPINTVL: number
  /** Probes without an answer until ETIMEDOUT, 1–127; 9 unless set, as on Linux. */
  TCP_KEEPCNT: number
  /** Milliseconds that data may stay unacknowledged until ETIMEDOUT (RFC 5482); 0 leaves it to the retransmissions. */
  TCP_USER_TIMEOUT: number
}

/** RFC 9293 §3.8.4, and Linux's defaults: two hours, then nine probes 75 s apart. */
export const KEEP_ALIVE: TcpKeepAlive = { idle: 7_200_000, interval: 75_000, count: 9 }

/** What a socket was set to; accepted ones begin with their listener's. */
export class StreamSettings {
  reuse = false
  v6only = false
  iface: Interface | undefined
  priority = 0
  receiveBuffer: number | undefined
  sendBuffer: number | undefined
  receiveTimeout = 0
  sendTimeout = 0
  linger = -1
  probes = false
  keepAlive: TcpKeepAlive = KEEP_ALIVE
  hopLimit: number | undefined
  trafficClass = 0
  noDelay = false
  userTimeout = 0

  copy(): StreamSettings {
    return Object.assign(new StreamSettings(), this)
  }

  /** Sets what may change while a connection lasts. */
  apply(connection: TcpConnection): void {
    connection.noDelay = this.noDelay
    connection.keepAlive = this.probes ? this.keepAlive : undefined
    connection.userTimeout = this.userTimeout
    connection.priority = this.priority
    if (connection.hopLimit !== this.hopLimit) connection.hopLimit = this.hopLimit
    if (connection.trafficClass !== this.trafficClass) connection.trafficClass = this.trafficClass
  }
}
