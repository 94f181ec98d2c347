/**
 * A small DHCPv4 server (RFC 2131) for a link: a simulated network, an emulator, a board's access point.
 *
 * @packageDocumentation
 */

import type { Address, DropReason, Env, Interface, Ip, IpInfo, NetBuf, Netif, Peer, Timer, Udp, UdpSink } from '@favonius/contract'
import { address as parse, failure, inPrefix } from '@favonius/inet'
import type { Ipv4 } from '@favonius/ipv4'
import { feature, type, type Settings } from '@favonius/kconfig'
import { DhcpPort } from '../ports.ts'
import { readMessage, SERVER_PORT } from '../wire/message.ts'
import type { DhcpOptions } from '../wire/options.ts'
import { DhcpServer, faultOf, type Binding, type Pool, type ServerInput, type ServerRefusal } from './machine.ts'
import { dhcpv4ServerOptions } from './options.ts'

export { DhcpServer, type Binding, type Pool, type Reservation, type ServerInput, type ServerOutput, type ServerRefusal, type ServerSettings } from './machine.ts'
export { dhcpv4ServerOptions } from './options.ts'

/** What an interface is to serve. */
export interface ServeOptions {
  /** The first and last address that is given, in a subnet of an address of the interface: `'192.0.2.100'`. */
  readonly first: Address | string
  readonly last: Address | string
  /** Addresses that always go to one client, by its identifier or link address, in bytes. */
  readonly reservations?: readonly { readonly client: Uint8Array; readonly address: Address | string }[]
  /** Given beside the lease: `{ routers, dnsServers }`. */
  readonly options?: DhcpOptions
}

/** `stack.dhcpv4Server`. */
export interface Dhcpv4Server {
  /**
   * Serves the link of an interface.
   *
   * @throws Error with code EALREADY when it does so already, EADDRINUSE when UDP port 67 is taken, EINVAL for a pool that is in no
   * subnet of the interface, or holds what is no host's address.
   */
  start(iface: Interface, options: ServeOptions): void
  /** Forgets the leases. Harmless when nothing is served there. */
  stop(iface: Interface): void
  /** Addresses that are in use, or not to be used, on an interface. */
  bindings(iface: Interface): readonly Binding[]
}

/** What the server stands on. */
export interface ServerParts {
  readonly env: Env
  readonly netif: Netif
  readonly ipv4: Ipv4
  readonly udp: Udp
  readonly settings: Settings<typeof dhcpv4ServerOptions>
}

type Drops = Readonly<Record<ServerRefusal | 'malformed' | 'unsent', DropReason>>

/** `dhcpv4Server()` makes one; so does whoever wires a stack by hand. */
export class Dhcpv4ServerLayer implements Dhcpv4Server {
  readonly #parts: ServerParts
  readonly #servers = new Map<Interface, InterfaceServer>()
  readonly #drops: Drops
  readonly #end: () => void

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.#drops = parts.netif.reasons({
      malformed: ['dhcpv4 server: malformed', 'dhcpv4_server.drop'],
      request: ['dhcpv4 server: no request of this link', 'dhcpv4_server.drop'],
      server: ['dhcpv4 server: for another server', 'dhcpv4_server.drop'],
      full: ['dhcpv4 server: no address is left', 'dhcpv4_server.drop'],
      unknown: ['dhcpv4 server: of a client that has no such address', 'dhcpv4_server.drop'],
      unsent: ['dhcpv4 server: answer that could not be sent'],
    })
    this.#end = parts.netif.listen((event) => {
      if (event.type === 'removed') this.stop(event.iface)
    })
  }

  start(iface: Interface, { first, last, reservations = [], options = {} }: ServeOptions): void {
    if (this.#servers.has(iface)) throw failure('EALREADY', `${iface.name} is served already: stop it first`)
    const of = (given: Address | string): Address => (typeof given === 'string' ? parse(given) : given)
    const from = of(first)
    const own = iface.addresses.find(({ address, prefixLength: length }) => address.family === 4 && inPrefix({ address, length }, from))
    if (own === undefined) throw failure('EINVAL', `${iface.name} has no address in the subnet of ${from}: give it one with stack.ipv4.addAddress first`)
    const pool: Pool = {
      server: own.address, prefixLength: own.prefixLength, first: from, last: of(last), options,
      reservations: reservations.map(({ client, address }) => ({ client, address: of(address) })),
    }
    const fault = faultOf(pool)
    if (fault !== undefined) throw failure('EINVAL', `the pool of ${iface.name} cannot be served: ${fault}`)
    this.#servers.set(iface, new InterfaceServer(this.#parts, iface, pool, this.#drops))
  }

  stop(iface: Interface): void {
    this.#servers.get(iface)?.stop()
    this.#servers.delete(iface)
  }

  bindings(iface: Interface): readonly Binding[] {
    return this.#servers.get(iface)?.bindings ?? []
  }

  end(): void {
    for (const iface of [...this.#servers.keys()]) this.stop(iface)
    this.#end()
  }
}

/** One interface's server. */
class InterfaceServer implements UdpSink {
  readonly #parts: ServerParts
  readonly #iface: Interface
  readonly #drops: Drops
  readonly #server: Address
  readonly #machine: DhcpServer
  readonly #port: DhcpPort
  readonly #timer: Timer
  #stopped = false

  constructor(parts: ServerParts, iface: Interface, pool: Pool, drops: Drops) {
    const { env, ipv4, udp, netif, settings } = parts
    this.#parts = parts
    this.#iface = iface
    this.#drops = drops
    this.#server = pool.server
    this.#machine = new DhcpServer(pool, { ...settings, probes: settings.probeTimeout > 0 })
    this.#port = new DhcpPort({ ipv4, udp, buffers: netif.buffers }, iface, SERVER_PORT, this)
    this.#timer = env.clock.timer((now) => {
      this.#machine.tick(now)
      this.#settle()
    })
  }

  get bindings(): readonly Binding[] {
    return this.#machine.bindings
  }

  receive(packet: NetBuf, _from: Peer, { iface }: IpInfo): void {
    const bytes = new Uint8Array(packet.total())
    packet.copyTo(bytes)
    const message = readMessage(bytes)
    if ('malformed' in message) return iface.drop(packet, this.#drops.malformed)
    packet.unref()
    this.#tell({ type: 'message', message })
  }

  #tell(input: ServerInput): void {
    if (this.#stopped) return
    this.#machine.handle(input, this.#parts.env.clock.now())
    this.#settle()
  }

  #settle(): void {
    for (let output = this.#machine.poll(); output !== undefined; output = this.#machine.poll()) {
      if (output.do === 'refuse') this.#iface.lose(this.#drops[output.why])
      else if (output.do === 'probe') this.#probe(output.address)
      else {
        const sent = output.to === undefined ? this.#port.broadcast(output.message, this.#server) : this.#port.send(output.message, output.to)
        if (!sent) this.#iface.lose(this.#drops.unsent)
      }
    }
    const due = this.#machine.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }

  /** RFC 2131 §2.2: an echo request; ARP's silence says the same. */
  #probe(address: Address): void {
    const { ipv4, settings: { probeTimeout: timeout } } = this.#parts
    ipv4.ping(address, { timeout, iface: this.#iface }).then(
      ({ received }) => this.#tell({ type: 'probed', address, free: received === 0 }),
      () => this.#tell({ type: 'probed', address, free: true }),
    )
  }

  stop(): void {
    this.#stopped = true
    this.#timer.cancel()
    this.#port.close()
  }
}

/** A DHCPv4 server: `stack.dhcpv4Server.start(iface, { first, last })`. */
export const dhcpv4Server = /* @__PURE__ */ feature({
  name: 'dhcpv4Server',
  symbol: 'CONFIG_NET_DHCPV4_SERVER',
  options: dhcpv4ServerOptions,
  needs: { ip: type<Ip>(), ipv4: type<Ipv4>(), udp: type<Udp>() },
  create({ ip, ipv4, udp }, { env, options, onStop }): Dhcpv4Server {
    const layer = new Dhcpv4ServerLayer({ env, netif: ip.netif, ipv4, udp, settings: options })
    onStop(() => layer.end())
    return layer
  },
})
