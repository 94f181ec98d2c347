/** Servers that come from several sources, and go with them. */

import type { Env } from '@favonius/contract'
import { failure } from '@favonius/inet'
import { DnsClient, type Dns, type DnsClientOptions, type MessageNet } from './client.ts'
import { readServers, type Server } from './servers.ts'

/** Who told us of a server: the program, a router's advertisement (RFC 8106), DHCP, or another. */
export type ServerSource = 'static' | 'RA' | 'DHCP' | (string & {})

/** A server, and who told of it. */
export interface SourcedServer extends Server {
  readonly source: ServerSource
}

/** `stack.dns`. */
export interface StackDns extends Dns {
  readonly servers: readonly SourcedServer[]
  /** Makes these the servers of `source` (`static` unless given); others stay. Throws EINVAL, and ENOBUFS for more than `maxServers`. */
  setServers(servers: readonly string[], source?: ServerSource): void
  addServer(server: string, source?: ServerSource): void
  /** Without effect when there is none such. */
  removeServer(server: string, source?: ServerSource): void
}

const same = (a: Server) => (b: Server): boolean => a.address === b.address && a.port === b.port

/** A client that knows where its servers come from. `dns()` makes one. */
export class SourcedClient extends DnsClient implements StackDns {
  readonly #limit: number

  constructor(env: Env, datagrams: MessageNet, streams: MessageNet, { maxServers, servers, ...options }: DnsClientOptions & { readonly maxServers: number }) {
    super(env, datagrams, streams, options)
    this.#limit = maxServers
    this.setServers(servers?.match(/\S+/g) ?? [])
  }

  override get servers(): readonly SourcedServer[] {
    return super.servers as readonly SourcedServer[]
  }

  override set servers(servers: readonly SourcedServer[]) {
    super.servers = servers
  }

  override setServers(servers: readonly string[], source: ServerSource = 'static'): void {
    const list = this.servers.filter((server) => server.source !== source)
    for (const server of readServers(servers)) if (!list.some(same(server))) list.push({ ...server, source })
    if (list.length > this.#limit) throw failure('ENOBUFS', `${list.length} DNS servers are more than maxServers (${this.#limit}): raise it`)
    this.servers = list
  }

  addServer(server: string, source: ServerSource = 'static'): void {
    this.setServers([...this.#of(source), server], source)
  }

  removeServer(server: string, source: ServerSource = 'static'): void {
    const [gone] = readServers([server])
    this.servers = this.servers.filter((one) => one.source !== source || !same(gone!)(one))
  }

  #of(source: ServerSource): string[] {
    return this.servers.filter((server) => server.source === source).map(({ address, port }) => `[${address}]:${port}`)
  }
}
