import type { Env, Ip, Netif, Tcp } from '@favonius/contract'

/** What every stream socket of a stack stands on. */
export interface StreamParts {
  readonly env: Env
  readonly netif: Netif
  readonly ip: Ip
  readonly tcp: Tcp
}
