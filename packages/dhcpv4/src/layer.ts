/** DHCP clients on a stack: time, packets and addresses around `DhcpClient`. */

import type {
  Address, ConflictDetection, DropReason, Env, Instant, Interface, IpInfo, LinkAddress, Netif, NetBuf, Peer, RouteEntry, Timer, Udp, UdpSink,
} from '@favonius/contract'
import { failure, isUnspecified, sameAddress, writeLink } from '@favonius/inet'
import type { Ipv4 } from '@favonius/ipv4'
import type { Settings } from '@favonius/kconfig'
import { DhcpClient, type ClientInput, type ClientState, type Refusal } from './client.ts'
import type { Lease } from './lease.ts'
import type { dhcpv4Options } from './options.ts'
import { DhcpPort } from './ports.ts'
import { CLIENT_PORT, readMessage } from './wire/message.ts'
import { codeOf, type DhcpOptions } from './wire/options.ts'

/** What may be asked of a server beside an address. */
export interface StartOptions {
  /** Our name, for the server's tables (option 12). */
  readonly hostName?: string
  /** What kind of client we are (option 60). */
  readonly vendorClass?: string
  /** Codes of options to ask for beside those that are known by name. */
  readonly ask?: readonly number[]
  /** Who we are (option 61); RFC 4361's, of the interface's index and link address, unless given. */
  readonly clientId?: Uint8Array
  /** Whether an offer will do; the first that does is taken. Every one does unless given. */
  readonly suits?: (offer: Lease) => boolean
}

/** After NET_EVENT_IPV4_DHCP_START, _BOUND and _STOP. */
export type DhcpEvent =
  | { readonly type: 'start' | 'stop'; readonly iface: Interface }
  /** A lease is ours, anew or once more: its address, routes and servers may be used. */
  | { readonly type: 'bound'; readonly iface: Interface; readonly lease: Lease }
  /** It is no longer: what came with it must not be used. */
  | { readonly type: 'unbound'; readonly iface: Interface; readonly lease: Lease }

/** `stack.dhcpv4`. */
export interface Dhcpv4 {
  /**
   * Gets an address for an interface, and keeps it for as long as a server lets it; whether it is up yet or not.
   *
   * @throws Error with code EALREADY when it runs there, EADDRINUSE when UDP port 68 is taken, EINVAL for an interface without a link address.
   */
  start(iface: Interface, options?: StartOptions): void
  /** Gives the lease back (RELEASE), and takes the address away. Harmless when nothing runs there. */
  stop(iface: Interface): void
  /** Undefined when nothing runs there. */
  state(iface: Interface): ClientState | undefined
  /** The lease that is in use. */
  lease(iface: Interface): Lease | undefined
  listen(listener: (event: DhcpEvent) => void): () => void
}

/** What DHCP clients stand on. */
export interface Dhcpv4Parts {
  readonly env: Env
  readonly netif: Netif
  readonly ipv4: Ipv4
  readonly udp: Udp
  /** Addresses are used at once without it. */
  readonly acd: ConflictDetection | undefined
  readonly options: Settings<typeof dhcpv4Options>
}

type Drops = Readonly<Record<Refusal | 'malformed' | 'config' | 'mtu' | 'unsent', DropReason>>

/** RFC 2131 §2: Ethernet's hardware type, of IANA's ARP parameters. */
const ETHERNET = 1
/** Largest message that we take: what every host must (RFC 2131 §2), and more where the link carries it. */
const LEAST_MESSAGE = 576
/** RFC 791 §3.2, RFC 2132 §5.1. */
const LEAST_MTU = 68
/** IPv4's and UDP's header. */
const HEADERS = 28

const asked = (['subnetMask', 'routers', 'dnsServers', 'hostName', 'domainName', 'mtu', 'broadcast', 'ntpServers', 'vendorInformation', 'leaseTime', 'renewalTime', 'rebindingTime'] as const)

/** `dhcpv4()` makes one; so does whoever wires a stack by hand. */
export class Dhcpv4Layer implements Dhcpv4 {
  readonly #parts: Dhcpv4Parts
  readonly #clients = new Map<Interface, InterfaceClient>()
  readonly #listeners = new Set<(event: DhcpEvent) => void>()
  readonly #drops: Drops
  readonly #end: () => void

  constructor(parts: Dhcpv4Parts) {
    this.#parts = parts
    this.#drops = parts.netif.reasons({
      malformed: ['dhcpv4: malformed', 'dhcpv4.drop'],
      reply: ['dhcpv4: no reply', 'dhcpv4.drop'],
      transaction: ['dhcpv4: of another transaction', 'dhcpv4.drop'],
      server: ['dhcpv4: of another server', 'dhcpv4.drop'],
      state: ['dhcpv4: not waited for', 'dhcpv4.drop'],
      lease: ['dhcpv4: offers nothing that can be used', 'dhcpv4.drop'],
      config: ['dhcpv4: lease that cannot be applied'],
      mtu: ['dhcpv4: MTU that is none'],
      unsent: ['dhcpv4: message that could not be sent'],
    })
    this.#end = parts.netif.listen((event) => {
      const client = this.#clients.get(event.iface)
      if (client === undefined) return
      if (event.type === 'up' || event.type === 'down') client.tell({ type: 'carrier', up: event.type === 'up' })
      else if (event.type === 'removed') this.stop(event.iface)
      else if (event.type === 'address-conflict') client.conflict(event.address)
    })
  }

  start(iface: Interface, options: StartOptions = {}): void {
    if (this.#clients.has(iface)) throw failure('EALREADY', `DHCP runs on ${iface.name} already: stop it first`)
    if (iface.address.length === 0) throw failure('EINVAL', `${iface.name} has no link address, by which a DHCP server would know it: give it an address with stack.ipv4.addAddress`)
    const client = new InterfaceClient(this.#parts, iface, options, this.#drops, (event) => this.#emit(event))
    this.#clients.set(iface, client)
    this.#emit({ type: 'start', iface })
    if (iface.running) client.tell({ type: 'carrier', up: true })
    client.tell({ type: 'start' })
  }

  stop(iface: Interface): void {
    const client = this.#clients.get(iface)
    if (client === undefined) return
    this.#clients.delete(iface)
    client.stop()
    this.#emit({ type: 'stop', iface })
  }

  state(iface: Interface): ClientState | undefined {
    return this.#clients.get(iface)?.state
  }

  lease(iface: Interface): Lease | undefined {
    return this.#clients.get(iface)?.lease
  }

  listen(listener: (event: DhcpEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #emit(event: DhcpEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  /** The stack ends: leases are given back. */
  end(): void {
    for (const iface of [...this.#clients.keys()]) this.stop(iface)
    this.#end()
  }
}

/** One interface's client. */
class InterfaceClient implements UdpSink {
  readonly #parts: Dhcpv4Parts
  readonly #iface: Interface
  readonly #machine: DhcpClient
  readonly #port: DhcpPort
  readonly #timer: Timer
  readonly #drops: Drops
  readonly #emit: (event: DhcpEvent) => void
  #endCheck: (() => void) | undefined
  /** What the lease has brought, and takes with it. */
  #bound: Lease | undefined
  #routes: RouteEntry[] = []
  #gateway: Address | undefined
  #mtu: number | undefined

  constructor(
    parts: Dhcpv4Parts, iface: Interface, { hostName, vendorClass, ask = [], clientId, suits = () => true }: StartOptions,
    drops: Drops, emit: (event: DhcpEvent) => void,
  ) {
    this.#parts = parts
    this.#iface = iface
    this.#drops = drops
    this.#emit = emit
    const { env, options } = parts
    const hardware = new Uint8Array(iface.address.length)
    writeLink(iface.address, new DataView(hardware.buffer), 0)
    this.#machine = new DhcpClient({
      random: env.random, hardwareType: ETHERNET, hardware,
      initialDelayMax: options.initialDelayMax,
      rapidCommit: options.rapidCommit,
      suits,
      options: {
        // RFC 3442: the code of classless routes stands before that of routers.
        parameters: Uint8Array.of(codeOf('routes'), ...asked.map(codeOf), ...ask),
        maxSize: Math.max(LEAST_MESSAGE, iface.mtu - HEADERS),
        clientId: clientId ?? identifierOf(iface.index, hardware),
        ...(hostName === undefined ? {} : { hostName }),
        ...(vendorClass === undefined ? {} : { vendorClass }),
      } satisfies DhcpOptions,
    })
    this.#port = new DhcpPort({ ipv4: parts.ipv4, udp: parts.udp, buffers: parts.netif.buffers }, iface, CLIENT_PORT, this)
    this.#timer = env.clock.timer((now) => {
      this.#machine.tick(now)
      this.#settle()
    })
  }

  get state(): ClientState {
    return this.#machine.state
  }

  get lease(): Lease | undefined {
    return this.#bound
  }

  receive(packet: NetBuf, _from: Peer, { iface }: IpInfo): void {
    const bytes = new Uint8Array(packet.total())
    packet.copyTo(bytes)
    const message = readMessage(bytes)
    if ('malformed' in message) return iface.drop(packet, this.#drops.malformed)
    packet.unref()
    this.tell({ type: 'message', message })
  }

  conflict(address: Address): void {
    if (this.#bound !== undefined && sameAddress(address, this.#bound.address)) this.tell({ type: 'conflict' })
  }

  tell(input: ClientInput): void {
    this.#machine.handle(input, this.#parts.env.clock.now())
    this.#settle()
  }

  stop(): void {
    this.tell({ type: 'stop' })
    this.#timer.cancel()
    this.#port.close()
  }

  #settle(): void {
    if (this.#machine.state !== 'checking') {
      this.#endCheck?.()
      this.#endCheck = undefined
    }
    for (let output = this.#machine.poll(); output !== undefined; output = this.#machine.poll()) {
      switch (output.do) {
        case 'send': {
          const { message, to, from } = output
          const sent = to === undefined ? this.#port.broadcast(message, from) : this.#port.send(message, to)
          if (!sent) this.#iface.lose(this.#drops.unsent)
          break
        }
        case 'check': this.#check(output.address); break
        case 'bind': this.#bind(output.lease); break
        case 'unbind': this.#unbind(); break
        case 'refuse': this.#iface.lose(this.#drops[output.why])
      }
    }
    const due: Instant | undefined = this.#machine.deadline()
    if (due === undefined) this.#timer.cancel()
    else if (due !== this.#timer.due) this.#timer.schedule(due)
  }

  #check(address: Address): void {
    const { acd, ipv4 } = this.#parts
    const decided = (unique: boolean, _by?: LinkAddress): void => {
      this.#endCheck = undefined
      this.tell({ type: 'checked', unique })
    }
    // Our own, on another interface: ARP would not tell.
    if (ipv4.owns(address)) return decided(false)
    if (acd === undefined) return decided(true)
    this.#endCheck = acd.check(this.#iface, address, decided)
  }

  #bind(lease: Lease): void {
    const { ipv4 } = this.#parts
    const before = this.#bound
    if (before === undefined || before.prefixLength !== lease.prefixLength) {
      this.#takeBack()
      try {
        ipv4.addAddress(this.#iface, { address: lease.address, prefixLength: lease.prefixLength, origin: 'dhcp' })
      } catch {
        // No room for it: what a server gives cannot make us throw (law 4). The lease runs out unused.
        return this.#iface.lose(this.#drops.config)
      }
    }
    this.#bound = lease
    this.#route(lease)
    this.#setMtu(lease.options.mtu)
    this.#emit({ type: 'bound', iface: this.#iface, lease })
  }

  /** RFC 3442: classless routes, and then not option 3; or else the first router. */
  #route({ options: { routes, routers } }: Lease): void {
    this.#endRoutes()
    const { ipv4 } = this.#parts
    const defaults = routes === undefined ? routers?.[0] : routes.find(({ prefix }) => prefix.length === 0)?.router
    for (const { prefix, router } of routes ?? []) {
      if (prefix.length > 0) this.#try(() => this.#routes.push(ipv4.addRoute(prefix, this.#iface, isUnspecified(router) ? undefined : router)))
    }
    if (defaults === undefined) return
    this.#try(() => {
      ipv4.setGateway(this.#iface, defaults)
      this.#gateway = defaults
    })
  }

  /** RFC 2132 §5.1: at least 68. More than the interface carries cannot be had. */
  #setMtu(given: number | undefined): void {
    const { ipv4 } = this.#parts
    if (given !== undefined && given < LEAST_MTU) {
      this.#iface.lose(this.#drops.mtu)
      return this.#setMtu(undefined)
    }
    const mtu = given === undefined || given >= this.#iface.mtu ? undefined : given
    // Unless somebody has set another since.
    if (mtu !== undefined || ipv4.mtu(this.#iface) === this.#mtu) ipv4.setMtu(this.#iface, mtu)
    this.#mtu = mtu
  }

  #try(apply: () => void): void {
    try {
      apply()
    } catch {
      this.#iface.lose(this.#drops.config)
    }
  }

  #endRoutes(): void {
    const { ipv4 } = this.#parts
    for (const route of this.#routes.splice(0)) ipv4.removeRoute(route)
    const set = ipv4.gateway(this.#iface)
    // Unless somebody has set another since.
    if (this.#gateway !== undefined && set !== undefined && sameAddress(set, this.#gateway)) ipv4.setGateway(this.#iface, undefined)
    this.#gateway = undefined
  }

  #takeBack(): Lease | undefined {
    const lease = this.#bound
    if (lease === undefined) return undefined
    this.#endRoutes()
    this.#setMtu(undefined)
    this.#parts.ipv4.removeAddress(this.#iface, lease.address)
    this.#bound = undefined
    return lease
  }

  #unbind(): void {
    const lease = this.#takeBack()
    if (lease !== undefined) this.#emit({ type: 'unbound', iface: this.#iface, lease })
  }
}

/** RFC 4361 §6.1: 255, an identity association's number, and a DUID: of the link address (RFC 8415 §11.4). */
function identifierOf(index: number, hardware: Uint8Array): Uint8Array {
  return Uint8Array.of(255, index >>> 24, index >>> 16, index >>> 8, index, 0, 3, 0, ETHERNET, ...hardware)
}
