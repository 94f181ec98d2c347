/**
 * A listener of groups, as a machine: what it reports, and when. Read RFC 3810 §6 and §8.2, and RFC 2710 §4, before changing this file.
 *
 * All our memberships are to listen to everybody («exclude» no source): what is asked of single sources is answered with that.
 */

import type { Address, Instant, Interface, Machine, Random } from '@favonius/contract'
import { between, sameAddress } from '@favonius/inet'
import { mldRecordTypes, type MldQuery, type MldRecord } from '../wire/mld.ts'

/** RFC 3810 §9.2, §9.3: until a querier tells another. */
const QUERY_INTERVAL = 125_000
const QUERY_RESPONSE_INTERVAL = 10_000
/** RFC 2710 §7.10: between the first reports of version 1. */
const UNSOLICITED_INTERVAL_1 = 10_000

/** What can be told to it. */
export type ListenerInput = { readonly iface: Interface } & (
  | { readonly type: 'joined' | 'left'; readonly group: Address }
  | { readonly type: 'query'; readonly query: MldQuery }
  /** Another host has reported a group in version 1. */
  | { readonly type: 'reported'; readonly group: Address }
  /** Nothing is to be said there any more. */
  | { readonly type: 'end' }
)

/** What it wants sent. */
export type ListenerOutput = { readonly iface: Interface } & (
  | { readonly do: 'report'; readonly records: readonly MldRecord[] }
  | { readonly do: 'report 1' | 'done 1'; readonly group: Address }
)

interface Change {
  readonly group: Address
  readonly joined: boolean
  /** How often it is still to be said. */
  left: number
}

interface Answer {
  readonly group: Address
  due: Instant
}

interface Link {
  readonly iface: Interface
  /** Groups that we listen to. */
  groups: Address[]
  changes: Change[]
  changeDue: Instant
  /** When all groups are to be reported, and when single ones. */
  generalDue: Instant
  answers: Answer[]
  robustness: number
  interval: number
  /** Until then a querier of version 1 may be there (§8.2.1). */
  olderUntil: Instant
  /** Groups of which we were the last to report (RFC 2710 §4). */
  last: Address[]
}

/** The groups of all interfaces. */
export class Listener implements Machine<ListenerInput, ListenerOutput> {
  readonly #random: Random
  readonly #robustness: number
  readonly #unsolicited: number
  readonly #links: Link[] = []
  readonly #outputs: ListenerOutput[] = []

  /** A change is said `robustness` times, at random within `unsolicited` ms of each other (RFC 3810 §9.1, §9.11). */
  constructor(random: Random, robustness: number, unsolicited: number) {
    this.#random = random
    this.#robustness = robustness
    this.#unsolicited = unsolicited
  }

  /** Which version the querier of a link speaks. */
  version(iface: Interface, now: Instant): 1 | 2 {
    return this.#links.some((link) => link.iface === iface && link.olderUntil > now) ? 1 : 2
  }

  handle(input: ListenerInput, now: Instant): void {
    const { iface } = input
    if (input.type === 'end') {
      const at = this.#links.findIndex((link) => link.iface === iface)
      if (at >= 0) this.#links.splice(at, 1)
      return
    }
    const link = this.#of(iface)
    switch (input.type) {
      case 'joined': case 'left': return this.#changed(link, input.group, input.type === 'joined', now)
      case 'query': return this.#asked(link, input.query, now)
      case 'reported':
        // RFC 2710 §4: one report of a group is enough for the querier.
        if (link.olderUntil <= now) return
        link.answers = link.answers.filter(({ group }) => !sameAddress(group, input.group))
        link.last = link.last.filter((group) => !sameAddress(group, input.group))
    }
  }

  #of(iface: Interface): Link {
    let link = this.#links.find((known) => known.iface === iface)
    if (link === undefined) {
      link = {
        iface, groups: [], changes: [], changeDue: Infinity, generalDue: Infinity, answers: [], robustness: this.#robustness, interval: QUERY_INTERVAL,
        olderUntil: -Infinity, last: [],
      }
      this.#links.push(link)
    }
    return link
  }

  /** RFC 3810 §6.1: said at once, and again as often as the link is taken to lose. */
  #changed(link: Link, group: Address, joined: boolean, now: Instant): void {
    link.groups = link.groups.filter((other) => !sameAddress(other, group))
    link.answers = link.answers.filter((answer) => !sameAddress(answer.group, group))
    if (joined) link.groups.push(group)
    if (link.olderUntil > now) return this.#changed1(link, group, joined, now)
    link.changes = link.changes.filter((other) => !sameAddress(other.group, group))
    link.changes.push({ group, joined, left: link.robustness })
    link.changeDue = now
  }

  /** RFC 2710 §4: joined, reported at once and once more; left, said so by who was the last to report. */
  #changed1(link: Link, group: Address, joined: boolean, now: Instant): void {
    if (joined) {
      this.#report1(link, group)
      link.answers.push({ group, due: now + this.#within(UNSOLICITED_INTERVAL_1) })
    } else if (link.last.some((other) => sameAddress(other, group))) {
      link.last = link.last.filter((other) => !sameAddress(other, group))
      this.#outputs.push({ do: 'done 1', iface: link.iface, group })
    }
  }

  /** RFC 3810 §6.2: answered at random within the time that is given, unless that is done sooner anyway. */
  #asked(link: Link, { version, group, delay, robustness, interval }: MldQuery, now: Instant): void {
    if (version === 1) {
      // RFC 3810 §8.2.1: whatever was to be said in version 2 is not.
      if (link.olderUntil <= now) this.#older(link)
      link.olderUntil = now + link.robustness * link.interval + QUERY_RESPONSE_INTERVAL
    } else if (link.olderUntil <= now) {
      if (robustness > 0) link.robustness = robustness
      if (interval > 0) link.interval = interval
    }
    const due = now + this.#within(delay)
    if (group !== undefined) {
      if (link.groups.some((known) => sameAddress(known, group))) this.#answer(link, group, due)
    } else if (link.olderUntil > now) for (const known of link.groups) this.#answer(link, known, now + this.#within(delay))
    else if (due < link.generalDue) link.generalDue = due
  }

  #older(link: Link): void {
    link.changes = []
    link.changeDue = link.generalDue = Infinity
    link.answers = []
  }

  #answer(link: Link, group: Address, due: Instant): void {
    if (link.generalDue <= due) return
    const pending = link.answers.find((answer) => sameAddress(answer.group, group))
    if (pending === undefined) link.answers.push({ group, due })
    else if (due < pending.due) pending.due = due
  }

  tick(now: Instant): void {
    for (const link of this.#links) {
      if (link.changeDue <= now) this.#sayChanges(link, now)
      if (link.generalDue <= now) {
        link.generalDue = Infinity
        link.answers = []
        this.#report(link, link.groups.map((group) => ({ type: mldRecordTypes.isExclude, group })))
      }
      const due = link.answers.filter((answer) => answer.due <= now)
      if (due.length === 0) continue
      link.answers = link.answers.filter((answer) => answer.due > now)
      if (link.olderUntil > now) for (const { group } of due) this.#report1(link, group)
      else this.#report(link, due.map(({ group }) => ({ type: mldRecordTypes.isExclude, group })))
    }
  }

  #sayChanges(link: Link, now: Instant): void {
    this.#report(link, link.changes.map(({ group, joined }) => ({ type: joined ? mldRecordTypes.toExclude : mldRecordTypes.toInclude, group })))
    for (const change of link.changes) change.left--
    link.changes = link.changes.filter(({ left }) => left > 0)
    link.changeDue = link.changes.length > 0 ? now + this.#within(this.#unsolicited) : Infinity
  }

  #report(link: Link, records: readonly MldRecord[]): void {
    if (records.length > 0) this.#outputs.push({ do: 'report', iface: link.iface, records })
  }

  #report1(link: Link, group: Address): void {
    if (!link.last.some((other) => sameAddress(other, group))) link.last.push(group)
    this.#outputs.push({ do: 'report 1', iface: link.iface, group })
  }

  poll(): ListenerOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Instant | undefined {
    let first = Infinity
    for (const { changeDue, generalDue, answers } of this.#links) {
      first = Math.min(first, changeDue, generalDue)
      for (const { due } of answers) first = Math.min(first, due)
    }
    return first === Infinity ? undefined : first
  }

  #within(ms: number): number {
    return between(this.#random, 0, ms)
  }
}
