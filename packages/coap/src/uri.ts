/** URIs, and the options that they become: RFC 7252 §6.4 and §6.5. */

import type { Endpoint } from '@favonius/contract'
import { failure, parseAddress } from '@favonius/inet'
import * as OPTION from './numbers.ts'
import { type Message, type Option } from './wire.ts'

/** Who is asked for what. */
export interface Target {
  readonly scheme: string
  /** An address, with its zone if it has one, or a name. */
  readonly host: string
  readonly port: number
  /** The host, when it is an address. */
  readonly to: Endpoint | undefined
  /** Uri-Host, Uri-Path and Uri-Query, in order. */
  readonly options: readonly Option[]
}

const PORTS: Readonly<Record<string, number>> = { coap: 5683, 'coap+tcp': 5683, 'coap+ws': 80, coaps: 5684, 'coaps+tcp': 5684, 'coaps+ws': 443 }

const refuse = (uri: string, why: string): never => {
  throw failure('EINVAL', `${JSON.stringify(uri)} is no CoAP URI: ${why}; write coap://[2001:db8::1]:5683/path?query`)
}

/** Throws EINVAL for what is no CoAP URI. */
export function parseUri(uri: string): Target {
  const match = /^([a-z+]+):\/\/(?:\[([^\]]+)\]|([^[\]/:?#]+))(?::(\d*))?([^?#]*)(?:\?([^#]*))?(#?)/i.exec(uri)
  const scheme = match?.[1]!.toLowerCase() ?? ''
  if (match === null || !(scheme in PORTS)) return refuse(uri, 'it has no scheme and host that are understood')
  const [, , bracketed, named, portText, path = '', query, fragment] = match
  if (fragment !== '') refuse(uri, 'a fragment is not sent')
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return refuse(uri, `${text} is not well encoded`)
    }
  }
  const short = (text: string): string => {
    // In UTF-8 it may be longer still: then the writer's peer refuses it.
    if (text.length > 255) refuse(uri, 'a part of more than 255 bytes')
    return text
  }
  // RFC 6874: a zone is written behind %25; % alone is understood too.
  const host = (bracketed?.replace(/%25/, '%') ?? decode(named!)).toLowerCase()
  const literal = parseAddress(host.split('%', 1)[0]!) !== undefined
  if (bracketed !== undefined && !literal) refuse(uri, `${host} is no IPv6 address`)
  const port = portText ? Number(portText) : PORTS[scheme]!
  if (!(port > 0 && port < 65_536)) refuse(uri, `port ${portText}`)
  const options: Option[] = literal ? [] : [[OPTION.URI_HOST, short(host)]]
  if (path !== '' && path !== '/') for (const segment of path.slice(1).split('/')) options.push([OPTION.URI_PATH, short(decode(segment))])
  if (query !== undefined) for (const one of query.split('&')) options.push([OPTION.URI_QUERY, short(decode(one))])
  return { scheme, host, port, to: literal ? { address: host, port } : undefined, options }
}

/** The path and query that options of these numbers say, as a URI has them: `/a/b?c=d`. */
export function pathOf(message: Message, path: number = OPTION.URI_PATH, query: number = OPTION.URI_QUERY): string {
  const queries = message.texts(query)
  return `/${message.texts(path).map(encodeURIComponent).join('/')}${queries.length > 0 ? `?${queries.map((one) => encodeURI(one).replaceAll('&', '%26')).join('&')}` : ''}`
}
