/**
 * Names for sockets: POSIX's getaddrinfo with the order of RFC 6724, and connections by name as RFC 8305 makes them. Whoever resolves names is
 * `sockets.resolver`, which `dns()` sets.
 *
 * @packageDocumentation
 */

import type { Address, Endpoint, Env, Ip, NameResolver, Stream, StreamNet, StreamOptions, StreamSink } from '@favonius/contract'
import { failure, parseAddress, PROTOCOL_UDP } from '@favonius/inet'
import { feature, type, type Settings } from '@favonius/kconfig'
import type { AddressFamily } from '../address.ts'
import type { NamedStreamSockets } from '../stream/layer.ts'
import { namesOptions } from '../options.ts'
import { Race } from './eyeballs.ts'
import { sortDestinations } from './sort.ts'

/** What `getaddrinfo` may be told. */
export interface AddressHints {
  readonly family?: AddressFamily | undefined
  /** AI_NUMERICHOST: a name is an error, and nothing is asked. */
  readonly numericHost?: boolean
  /** AI_PASSIVE: without a host, the address to listen at, and not our own. */
  readonly passive?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Where to connect or send to. */
export interface AddressInfo extends Endpoint {
  readonly family: AddressFamily
}

/** `stack.names`. */
export interface Names {
  /**
   * The addresses of a host, in the order in which to try them (RFC 6724 §6), with `port`. Rejects with EAI_NONAME (there is no such host, or no
   * address of the family), EAI_AGAIN (no answer in time), EAI_FAIL (it cannot be known), EAI_FAMILY; the resolver's own error is the cause.
   */
  getaddrinfo(host: string | undefined, port?: number, hints?: AddressHints): Promise<AddressInfo[]>
}

type Found = Awaited<ReturnType<NameResolver['lookup']>>[number]

/** The address in `text`, zone aside. */
const literal = (text: string): Address | undefined => parseAddress(text.split('%', 1)[0]!)

class NamesLayer implements Names {
  readonly #env: Env
  readonly #ip: Ip
  readonly #sockets: { readonly resolver: NameResolver | undefined }
  readonly #settings: Settings<typeof namesOptions>

  constructor(env: Env, ip: Ip, sockets: { readonly resolver: NameResolver | undefined }, settings: Settings<typeof namesOptions>) {
    this.#env = env
    this.#ip = ip
    this.#sockets = sockets
    this.#settings = settings
  }

  async getaddrinfo(host: string | undefined, port = 0, hints: AddressHints = {}): Promise<AddressInfo[]> {
    const { family, numericHost = false, passive = false, signal } = hints
    const wanted = family === undefined ? undefined : family === 'inet' ? 4 : 6
    const given = (found: readonly Found[]): AddressInfo[] =>
      found.map(({ address, family: version }) => ({ family: version === 4 ? 'inet' : 'inet6', address, port }))
    if (host === undefined) {
      const ours = passive ? [{ address: '::', family: 6 }, { address: '0.0.0.0', family: 4 }] as const : [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }] as const
      return given(ours.filter((one) => (wanted ?? one.family) === one.family && this.#ip.layer(one.family) !== undefined))
    }
    const address = literal(host)
    if (address !== undefined) {
      if (wanted !== undefined && wanted !== address.family) throw failure('EAI_FAMILY', `${host} is no address of '${family}'`)
      return given([{ address: host, family: address.family }])
    }
    if (numericHost) throw failure('EAI_NONAME', `${host} is no IP address, and numericHost says that it must be one`)
    try {
      return given(this.#sorted(await this.#resolver(host).lookup(host, { family: wanted, signal })))
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (signal?.aborted === true) throw error
      const name = code === 'ENOTFOUND' || code === 'ENODATA' ? 'EAI_NONAME' : code === 'ETIMEOUT' ? 'EAI_AGAIN' : 'EAI_FAIL'
      throw Object.assign(failure(name, `getaddrinfo ${host}: ${message}`), { cause: error })
    }
  }

  #resolver(host: string): NameResolver {
    const { resolver } = this.#sockets
    if (resolver === undefined) throw failure('ENOSERVER', `${host} is a name, and nobody resolves names: compose dns(), or set sockets.resolver`)
    return resolver
  }

  #sorted(found: readonly Found[]): Found[] {
    const of = new Map(found.map((one) => [literal(one.address)!, one]))
    const destinations = [...of.keys()].map((address) => ({ address, source: this.#ip.layer(address.family)?.route(address, { protocol: PROTOCOL_UDP })?.source }))
    return sortDestinations(destinations).map(({ address }) => of.get(address)!)
  }

  /** RFC 8305: asks for both families at once, and tries what it has. */
  connect(net: Pick<StreamNet, 'connect'>, to: Endpoint, sink: StreamSink, options: StreamOptions = {}): Promise<Stream> {
    const resolver = this.#resolver(to.address)
    const race = new Race(this.#env, net, sink, options, this.#settings.attemptDelay)
    const found: Found[] = []
    const errors: (Error & { code?: string })[] = []
    const families = ([6, 4] as const).filter((family) => this.#ip.layer(family) !== undefined)
    let left = families.length
    const start = (): void => {
      delay.cancel()
      race.try(interleave(this.#sorted(found.splice(0))).map(({ address }) => ({ address, port: to.port })), left === 0)
    }
    const delay = this.#env.clock.timer(start)
    const answered = (family: 4 | 6): void => {
      this.#env.wake()
      left--
      if (found.length === 0) {
        if (left === 0) race.fail(errors.find(({ code }) => code !== 'ENODATA') ?? errors[0] ?? failure('ENOTFOUND', `${to.address} has no address`))
      } else if (family === 6 || left === 0) start()
      else delay.schedule(this.#env.clock.now() + this.#settings.resolutionDelay)
    }
    for (const family of families) {
      resolver.lookup(to.address, { family }).then((addresses) => {
        found.push(...addresses)
        answered(family)
      }, (error: Error) => {
        errors.push(error)
        answered(family)
      })
    }
    return race.result.finally(() => delay.cancel())
  }
}

/** RFC 8305 §4: the families in turn, beginning with that of the first. */
function interleave(found: readonly Found[]): Found[] {
  const first = found.filter(({ family }) => family === found[0]!.family)
  const other = found.filter(({ family }) => family !== found[0]!.family)
  return first.flatMap((one, i) => [one, ...other.slice(i, i + 1)]).concat(other.slice(first.length))
}

/** getaddrinfo, and host names in `connect`. */
export const names = /* @__PURE__ */ feature({
  name: 'names',
  symbol: 'CONFIG_NET_SOCKETS_NAMES',
  options: namesOptions,
  needs: { ip: type<Ip>(), sockets: type<{ resolver: NameResolver | undefined }>() },
  implies: { streamSockets: type<NamedStreamSockets>() },
  create({ ip, sockets, streamSockets }, { env, options }): Names {
    const layer = new NamesLayer(env, ip, sockets, options)
    if (streamSockets !== undefined) {
      const { connector } = streamSockets
      streamSockets.connector = {
        connect: async (to, sink, how) => (literal(to.address) === undefined ? layer.connect(connector, to, sink, how) : connector.connect(to, sink, how)),
      }
    }
    return layer
  },
})

export { namesOptions } from '../options.ts'
export { sortDestinations, type Destination } from './sort.ts'
