import type { DropReason, Env, Ip, Netif, Udp } from '@favonius/contract'

/** What every socket of a stack stands on. */
export interface SocketsParts {
  readonly env: Env
  readonly netif: Netif
  readonly ip: Ip
  readonly udp: Udp
  readonly receiveBuffer: number
  readonly drops: Readonly<Record<'queueFull' | 'busy' | 'no buffer' | 'unreachable', DropReason>>
}
