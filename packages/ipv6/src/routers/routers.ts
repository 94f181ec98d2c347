import type { Address, Instant, Interface, Prefix } from '@favonius/contract'
import type { ContextInformation, PrefixInformation, RouterPreference } from '../wire/router.ts'

/** Something that a router told of. */
interface Told {
  readonly iface: Interface
  /** Last instant at which it counts; Infinity for one without end. */
  readonly expires: Instant
}

/** A default router (RFC 4861 §5.1, RFC 4191 §2.1). */
export interface DefaultRouter extends Told {
  readonly address: Address
  readonly preference: RouterPreference
  /** False once it did not answer, until it advertises itself again. Others are used before it (RFC 4861 §6.3.6). */
  readonly answers: boolean
  /** It says that addresses, or other settings, are to be had by DHCPv6. */
  readonly managed: boolean
  readonly other: boolean
}

/** A prefix whose addresses are on the link (RFC 4861 §5.1), or that a router has a better way to (RFC 4191 §3). */
export interface LearnedRoute extends Told {
  readonly prefix: Prefix
  /** Undefined: it is on the link. */
  readonly gateway: Address | undefined
}

/** A recursive name server (RFC 8106 §5.1). */
export interface NameServer extends Told {
  readonly address: Address
}

/** A domain in which short names are looked for (RFC 8106 §5.2). */
export interface SearchDomain extends Told {
  readonly domain: string
}

/** What has changed on an interface. */
export interface RoutersEvent {
  readonly type: 'routers' | 'routes' | 'nameServers' | 'searchDomains'
  readonly iface: Interface
}

/** `stack.routers`. */
export interface Routers {
  /** Default routers, the one that is used first. */
  readonly routers: readonly DefaultRouter[]
  /** On-link prefixes, and prefixes behind a router. */
  readonly routes: readonly LearnedRoute[]
  readonly nameServers: readonly NameServer[]
  readonly searchDomains: readonly SearchDomain[]
  /** Asks the routers of a link anew, as when it may have become another one (RFC 4861 §6.3.7). */
  solicit(iface: Interface): void
  /** Hears of each prefix, with its lifetimes, each time that it is advertised: whoever makes addresses of them. */
  onPrefix(handler: (iface: Interface, information: PrefixInformation) => void): () => void
  /** Hears of each context of 6LoWPAN (RFC 6775 §4.2) in the same way: whoever compresses by them. */
  onContext(handler: (iface: Interface, information: ContextInformation) => void): () => void
  listen(listener: (event: RoutersEvent) => void): () => void
}
