/** The link format: RFC 6690. */

import type { Malformed } from '@favonius/contract'

/** A resource, and what is told of it. */
export interface Link {
  readonly target: string
  /** `rt`, `if`, `sz`, `ct`, `title`, `obs`…; true is an attribute without a value, and several values are several attributes of that name. */
  readonly attributes: Readonly<Record<string, string | number | true | readonly string[]>>
}

/** Values that need no quotes (RFC 6690 §2: ptoken, and numbers). */
const PLAIN = /^[0-9]+$/

/** Writes links. */
export function formatLinks(links: Iterable<Link>): string {
  const all: string[] = []
  for (const { target, attributes } of links) {
    let text = `<${target}>`
    for (const [name, given] of Object.entries(attributes)) {
      for (const value of Array.isArray(given) ? given as readonly string[] : [given as string | number | true]) {
        text += value === true ? `;${name}` : typeof value === 'number' || PLAIN.test(value) ? `;${name}=${value}` : `;${name}="${value.replaceAll(/["\\]/g, '\\$&')}"`
      }
    }
    all.push(text)
  }
  return all.join(',')
}

/** Reads links; says why when it is none. Never throws. */
export function parseLinks(text: string): Link[] | Malformed {
  const links: Link[] = []
  const link = /\s*<([^>]*)>/y
  const attribute = /\s*;\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?/y
  const between = /\s*,/y
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  if (text.trim() === '') return links
  do {
    const found = take(link)
    if (found === null) return { malformed: `a link in <> is missing at ${at}` }
    // Without a prototype, for its names are a peer's.
    const attributes: Record<string, string | true | string[]> = Object.create(null) as Record<string, string | true>
    for (let one = take(attribute); one !== null; one = take(attribute)) {
      const name = one[1]!.toLowerCase()
      const value = one[2]?.replaceAll(/\\(.)/g, '$1') ?? one[3] ?? true
      const before = attributes[name]
      attributes[name] = before === undefined || value === true || before === true ? value : [...(Array.isArray(before) ? before : [before]), value]
    }
    links.push({ target: found[1]!, attributes: { ...attributes } })
  } while (take(between) !== null)
  return /\S/.test(text.slice(at)) ? { malformed: `something that is no link at ${at}` } : links
}

/** Attributes whose value is a list, separated by spaces (RFC 6690 §3). */
const LISTS = new Set(['rt', 'if', 'rel', 'rev'])

/** Whether a link is asked for by a filter such as `rt=light*` or `href=/sensors/*` (RFC 6690 §4.1). */
export function matchesFilter({ target, attributes }: Link, filter: string): boolean {
  const equals = filter.indexOf('=')
  if (equals < 0) return Object.hasOwn(attributes, filter)
  const name = filter.slice(0, equals)
  const wanted = filter.slice(equals + 1)
  const prefix = wanted.endsWith('*') ? wanted.slice(0, -1) : undefined
  const fits = (value: string): boolean => (prefix === undefined ? value === wanted : value.startsWith(prefix))
  if (name === 'href') return fits(target)
  const value = Object.hasOwn(attributes, name) ? attributes[name]! : undefined
  if (value === undefined) return false
  if (value === true) return fits('')
  return (Array.isArray(value) ? value as readonly string[] : [String(value)]).some((one) => (LISTS.has(name) ? one.split(' ').some(fits) : fits(one)))
}
