/** Which resource a path leads to, and what is told of resources: RFC 7252 §7, RFC 6690 §4. */

import { failure } from '@favonius/inet'
import { formatLinks, matchesFilter, type Link } from './links.ts'
import type { Handler } from './request.ts'

/** What is told of a resource: `rt`, `if`, `ct`, `title`… (RFC 6690 §3). */
export type Attributes = Link['attributes']

/** What a resource can. */
export interface ResourceOptions {
  readonly get?: Handler | undefined
  readonly post?: Handler | undefined
  readonly put?: Handler | undefined
  readonly delete?: Handler | undefined
  readonly fetch?: Handler | undefined
  readonly patch?: Handler | undefined
  readonly ipatch?: Handler | undefined
  /** It may be observed (RFC 7641): call `changed` when its state is another. With `'unconfirmed'` notifications are not confirmable, but for one in `confirmInterval`. */
  readonly observable?: boolean | 'unconfirmed' | undefined
  /**
   * How a body of many blocks is taken (RFC 7959 §2.5): put together before the handler is called; as a `stream` that the handler reads while it comes;
   * or `each` block by a call of its own, and nothing kept between them.
   */
  readonly blocks?: 'whole' | 'stream' | 'each' | undefined
  /** The entity tag of what is there, undefined when there is nothing: If-Match and If-None-Match are held against it (RFC 7252 §5.10.8). */
  readonly etag?: ((path: readonly string[]) => Uint8Array | string | undefined) | undefined
  /** Only who has shown within so many seconds that it hears us is served (RFC 9175 §2.3): others are sent an Echo. */
  readonly fresh?: number | undefined
  readonly attributes?: Attributes | undefined
  /** It is not told of in /.well-known/core. */
  readonly hidden?: boolean | undefined
}

/** A resource of a server. */
export class Resource {
  /** `/sensors/+`. */
  readonly path: string
  readonly options: ResourceOptions
  readonly #changed: (resource: Resource, path: string | undefined) => void
  readonly #remove: (resource: Resource) => void

  /** @internal */
  constructor(path: string, options: ResourceOptions, changed: (resource: Resource, path: string | undefined) => void, remove: (resource: Resource) => void) {
    this.path = path
    this.options = options
    this.#changed = changed
    this.#remove = remove
  }

  /** Its state is another: observers are told, of a path with wildcards those of `path` alone, if it is given. */
  changed(path?: string): void {
    this.#changed(this, path)
  }

  /** It is there no longer: observers are told 4.04 (RFC 7641 §4.2). */
  remove(): void {
    this.#remove(this)
  }
}

interface Node {
  resource: Resource | undefined
  readonly children: Map<string, Node>
}

const node = (): Node => ({ resource: undefined, children: new Map() })

/** `+` is any one segment, `#` at the end any number of them (COAP_URI_WILDCARD). */
const ONE = '+'
const REST = '#'

/** The parts of `/a/b`; of `/` none. */
export const segmentsOf = (path: string): string[] => (path === '/' ? [] : path.slice(1).split('/'))

export class Router {
  readonly #root = node()
  readonly #resources = new Set<Resource>()

  get resources(): Iterable<Resource> {
    return this.#resources
  }

  /** Throws EEXIST for a path that has a resource. */
  add(resource: Resource): void {
    let at = this.#root
    for (const segment of segmentsOf(resource.path)) {
      let next = at.children.get(segment)
      if (next === undefined) at.children.set(segment, (next = node()))
      at = next
    }
    if (at.resource !== undefined) throw failure('EEXIST', `there is a resource at ${resource.path}: remove() it first`)
    at.resource = resource
    this.#resources.add(resource)
  }

  remove(resource: Resource): void {
    if (!this.#resources.delete(resource)) return
    let at: Node | undefined = this.#root
    for (const segment of segmentsOf(resource.path)) at = at?.children.get(segment)
    if (at !== undefined) at.resource = undefined
  }

  /** The resource of a path: of those that fit, the one that says most. */
  find(segments: readonly string[]): Resource | undefined {
    return find(this.#root, segments, 0)
  }

  /** What /.well-known/core says to such a query (RFC 6690 §4.1); undefined when it fits nothing. */
  links(query: readonly string[]): string | undefined {
    const links: Link[] = []
    for (const { path, options: { hidden, observable, attributes = {} } } of this.#resources) {
      // What has wildcards is the name of no resource.
      if (hidden !== true && !segmentsOf(path).some((segment) => segment === ONE || segment === REST)) links.push({ target: path, attributes: { ...attributes, ...(observable ? { obs: true as const } : {}) } })
    }
    const found = links.filter((link) => query.every((filter) => matchesFilter(link, filter)))
    return found.length === 0 && query.length > 0 ? undefined : formatLinks(found)
  }
}

function find(at: Node, segments: readonly string[], depth: number): Resource | undefined {
  if (depth === segments.length) return at.resource ?? at.children.get(REST)?.resource
  const named = at.children.get(segments[depth]!)
  const found = named && find(named, segments, depth + 1)
  if (found !== undefined) return found
  const any = at.children.get(ONE)
  return (any && find(any, segments, depth + 1)) ?? at.children.get(REST)?.resource
}
