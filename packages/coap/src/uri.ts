/** URIs, and the options that they become: RFC 7252 §6.4 and §6.5. */

import type { Endpoint } from '@favonius/contract'
import { failure } from '@favonius/inet'
import type { Carrier } from './endpoint.ts'
import * as OPTION from './numbers.ts'
import type { Option } from './wire.ts'

/** Who is asked for what. */
export interface Target {
  /** An address, with its zone if it has one, or a name. */
  readonly host: string
  readonly port: number
  /** The host, when it is an address, or need not be one. */
  readonly to: Endpoint | undefined
  /** Uri-Host, Uri-Path and Uri-Query, in order. */
  readonly options: readonly Option[]
}

/** RFC 7252 §6.1, RFC 8323 §8.1. */
const PORT = 5683

const refuse = (uri: string, why: string): never => {
  throw failure('EINVAL', `${uri}: ${why}; write coap://[2001:db8::1]:5683/path?query`)
}

/** Throws EINVAL for what is no URI of the carrier's scheme: `coap`, `coap+tcp`, `coap+ws`. */
export function parseUri(uri: string, { scheme, port: usual = PORT, names }: Pick<Carrier, 'scheme' | 'port' | 'names'>): Target {
  const match = /^([a-z+]+):\/\/(\[[^\]]+\]|[^[\]/:?#]+)(?::(\d*))?([^?#]*)(?:\?([^#]*))?(#?)/i.exec(uri)
  if (match?.[1]!.toLowerCase() !== scheme) return refuse(uri, `${scheme}:// and a host are wanted`)
  const [, , authority, portText, path = '', query, fragment] = match!
  if (fragment !== '') refuse(uri, 'it has a fragment')
  const decode = (text: string): string => {
    try {
      const decoded = decodeURIComponent(text)
      // In UTF-8 it may be longer still: then its server refuses it.
      if (decoded.length < 256) return decoded
    } catch {
      // Said below.
    }
    return refuse(uri, `${text} is badly encoded, or too long`)
  }
  // RFC 6874: a zone is written behind %25; % alone is understood too. It is none of a URL's.
  const [, bare, zone = ''] = /^(\[[^%]+)%(?:25)?([^\]]+)\]$/.exec(authority!) ?? [authority, `${authority}`]
  let hostname = ''
  try {
    ({ hostname } = new URL(`http://${zone ? `${bare}]` : bare}`))
  } catch {
    refuse(uri, 'no host')
  }
  const host = zone ? `${hostname.slice(1, -1)}%${zone}` : hostname.replace(/^\[|\]$/g, '')
  const port = Number(portText || usual)
  if (!(port > 0 && port < 65_536)) refuse(uri, `port ${portText}`)
  const numeric = /^[\d.]+$|:/.test(host)
  const to = numeric || names ? { address: host, port } : undefined
  const options: Option[] = numeric ? [] : [[OPTION.URI_HOST, host]]
  if (path !== '' && path !== '/') for (const segment of path.slice(1).split('/')) options.push([OPTION.URI_PATH, decode(segment)])
  if (query !== undefined) for (const one of query.split('&')) options.push([OPTION.URI_QUERY, decode(one)])
  return { host, port, to, options }
}
