/**
 * Who is there, for many who come and go. Not a Set: the tables that a Set outgrows refer to those that follow them, so that one which has grown old
 * keeps whoever came later alive until the whole heap is collected.
 */

/** One who can be in one roster at a time. */
export interface Member {
  /** Place in the roster; −1 when in none. */
  place: number
}

/** Members in no order. */
export class Roster<M extends Member> {
  readonly members: M[] = []

  get size(): number {
    return this.members.length
  }

  add(member: M): void {
    member.place = this.members.length
    this.members.push(member)
  }

  /** The last one takes its place. False when it is not there. */
  delete(member: M): boolean {
    const { place } = member
    if (place < 0) return false
    const last = this.members.pop()!
    if (last !== member) {
      this.members[place] = last
      last.place = place
    }
    member.place = -1
    return true
  }
}
