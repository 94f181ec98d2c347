/** The groups of one interface, as a machine: RFC 3376 §5 and §7.2, RFC 2236 §3. Read them before touching this file. */

import type { Address, Instant, Machine, Random } from '@favonius/contract'
import { between, isUnspecified, sameAddress } from '@favonius/inet'
import { igmpTypes, recordTypes, type GroupRecord, type IgmpMessage } from './wire.ts'

/** RFC 3376 §8.11 and RFC 2236 §8.10: milliseconds within which an unsolicited report is repeated. */
const UNSOLICITED_INTERVAL_3 = 1000
const UNSOLICITED_INTERVAL_2 = 10_000
/** RFC 3376 §8.1, §8.2, §8.3, §8.12: how long an older querier is believed in. */
const ROBUSTNESS = 2
const QUERY_INTERVAL = 125_000
const QUERY_RESPONSE_INTERVAL = 10_000

export type MembershipInput =
  | { readonly type: 'join' | 'leave'; readonly group: Address }
  | { readonly type: 'message'; readonly message: IgmpMessage }
  /** The link is up anew, or down. */
  | { readonly type: 'link'; readonly up: boolean }

export type MembershipOutput =
  /** To the group, or to all routers (224.0.0.2) when it is a leave. */
  | { readonly do: 'send'; readonly type: number; readonly group: Address }
  /** To 224.0.0.22. */
  | { readonly do: 'report'; readonly records: readonly GroupRecord[] }

interface Member {
  readonly group: Address
  joined: boolean
  /** Changes that are still to be told, and when. */
  changes: number
  changeDue: Instant
  /** When a query is answered; Infinity for none. */
  answerDue: Instant
  /** Whether the last report on the link was ours (RFC 2236 §3). */
  ours: boolean
}

export class Membership implements Machine<MembershipInput, MembershipOutput> {
  readonly #random: Random
  readonly #most: 2 | 3
  readonly #members: Member[] = []
  readonly #out: MembershipOutput[] = []
  #up = false
  #robustness = ROBUSTNESS
  /** Until when queriers of versions 1 and 2 are believed in. */
  #until1: Instant = -Infinity
  #until2: Instant = -Infinity
  /** When a general query is answered for all groups, in version 3. */
  #answerDue: Instant = Infinity

  constructor(random: Random, version: 2 | 3) {
    this.#random = random
    this.#most = version
  }

  /** The version that is spoken now (RFC 3376 §7.2.1). */
  version(now: Instant): 1 | 2 | 3 {
    return now < this.#until1 ? 1 : now < this.#until2 ? 2 : this.#most
  }

  poll(): MembershipOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Instant | undefined {
    let due = this.#answerDue
    for (const member of this.#members) due = Math.min(due, member.answerDue, member.changes > 0 ? member.changeDue : Infinity)
    return this.#up && due < Infinity ? due : undefined
  }

  handle(input: MembershipInput, now: Instant): void {
    switch (input.type) {
      case 'join': return this.#change(input.group, true, now)
      case 'leave': return this.#change(input.group, false, now)
      case 'link': return this.#link(input.up, now)
      case 'message': return this.#hear(input.message, now)
    }
  }

  tick(now: Instant): void {
    if (!this.#up) return
    if (this.#answerDue <= now) {
      this.#answerDue = Infinity
      const records = this.#members.filter(({ joined }) => joined).map(({ group }) => ({ type: recordTypes.isExclude, group }))
      if (records.length > 0) this.#out.push({ do: 'report', records })
    }
    for (const member of [...this.#members]) {
      if (member.answerDue <= now) {
        member.answerDue = Infinity
        this.#report(member, recordTypes.isExclude, now)
      }
      if (member.changes > 0 && member.changeDue <= now) this.#tell(member, now)
    }
  }

  #find(group: Address): Member | undefined {
    return this.#members.find((member) => sameAddress(member.group, group))
  }

  #change(group: Address, joined: boolean, now: Instant): void {
    let member = this.#find(group)
    if (member === undefined) {
      if (!joined) return
      member = { group, joined, changes: 0, changeDue: 0, answerDue: Infinity, ours: false }
      this.#members.push(member)
    }
    member.joined = joined
    if (!joined) member.answerDue = Infinity
    member.changes = this.#robustness
    if (this.#up) this.#tell(member, now)
    else if (!joined) this.#forget(member)
  }

  /** A change, at once and as often again as the robustness says. */
  #tell(member: Member, now: Instant): void {
    const version = this.version(now)
    member.changes--
    if (member.joined) this.#report(member, recordTypes.toExclude, now)
    else if (version === 3) this.#report(member, recordTypes.toInclude, now)
    else {
      // RFC 2236 §3: once, and only who reported last; version 1 leaves in silence.
      if (version === 2 && member.ours) this.#out.push({ do: 'send', type: igmpTypes.leave, group: member.group })
      member.changes = 0
    }
    member.changeDue = now + this.#below(version === 3 ? UNSOLICITED_INTERVAL_3 : UNSOLICITED_INTERVAL_2)
    if (!member.joined && member.changes === 0) this.#forget(member)
  }

  #report(member: Member, type: number, now: Instant): void {
    const { group } = member
    const version = this.version(now)
    member.ours = true
    if (version === 3) this.#out.push({ do: 'report', records: [{ type, group }] })
    else this.#out.push({ do: 'send', type: version === 2 ? igmpTypes.report2 : igmpTypes.report1, group })
  }

  #hear(message: IgmpMessage, now: Instant): void {
    if (!this.#up) return
    if (message.type === 'report') {
      // RFC 2236 §3: another has answered. Version 3 does not hold back (RFC 3376 §5.2).
      const member = this.#find(message.group)
      if (member === undefined || this.version(now) === 3) return
      member.answerDue = Infinity
      if (member.joined) member.changes = 0
      member.ours = false
      return
    }
    if (message.type === 'query') this.#asked(message, now)
  }

  #asked({ version, group, maxResponse, robustness }: IgmpMessage & { type: 'query' }, now: Instant): void {
    const before = this.version(now)
    const older = now + this.#robustness * QUERY_INTERVAL + QUERY_RESPONSE_INTERVAL
    if (version === 1) this.#until1 = older
    else if (version === 2 && this.#most === 3) this.#until2 = older
    else if (robustness !== undefined) this.#robustness = robustness
    const spoken = this.version(now)
    if (spoken < before) {
      // RFC 3376 §7.2.1: what was pending in another version is cancelled.
      this.#answerDue = Infinity
      for (const member of this.#members) member.changes = member.joined ? 0 : Math.min(member.changes, 1)
    }
    const due = now + this.#below(maxResponse)
    if (isUnspecified(group)) {
      if (spoken === 3) this.#answerDue = Math.min(this.#answerDue, due)
      else for (const member of this.#members) if (member.joined) this.#answer(member, now + this.#below(maxResponse))
      return
    }
    const member = this.#find(group)
    // §5.2 rule 1: a general answer that comes sooner says it too.
    if (member?.joined && this.#answerDue > due) this.#answer(member, due)
  }

  #answer(member: Member, due: Instant): void {
    member.answerDue = Math.min(member.answerDue, due)
  }

  #link(up: boolean, now: Instant): void {
    if (up === this.#up) return
    this.#up = up
    this.#answerDue = Infinity
    this.#until1 = this.#until2 = -Infinity
    this.#robustness = ROBUSTNESS
    for (const member of [...this.#members]) {
      member.answerDue = Infinity
      member.ours = false
      member.changes = this.#robustness
      if (!member.joined) this.#forget(member)
      else if (up) this.#tell(member, now)
    }
  }

  #forget(member: Member): void {
    this.#members.splice(this.#members.indexOf(member), 1)
  }

  #below(most: number): number {
    return between(this.#random, 0, most)
  }
}
