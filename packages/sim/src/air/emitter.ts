import type { Instant } from '@favonius/contract'
import type { Ears } from './ears.ts'
import type { AirRadio } from './radio.ts'
import type { Medium, Station } from './media.ts'
import { fates, Transmission, type Links } from './transmission.ts'

/** What the stations of one air share. */
export interface Shared {
  readonly medium: Medium
  /** Calls `visit` for each radio within `reach` of a station, and for some beyond. */
  near(station: Station, reach: number, visit: (radio: AirRadio) => void): void
  /** A radio by its number. */
  radio(number: number): AirRadio | undefined
  readonly ears: Ears
  /** Signals on the air now. */
  readonly active: Set<Transmission>
}

const milliwattsOf = (dBm: number): number => 10 ** (dBm / 10)

/** Whatever brings a signal onto the air: a radio, or an interferer. */
export class Emitter implements Station {
  readonly number: number
  x: number
  y: number
  readonly shared: Shared
  /** dBm. */
  emits = 0
  /** Forgotten when anyone near has moved. */
  links: Links | undefined
  readonly transmission: Transmission

  constructor(shared: Shared, number: number, x: number, y: number) {
    this.shared = shared
    this.number = number
    this.x = x
    this.y = y
    this.links = undefined
    this.transmission = new Transmission(this)
  }

  /** The signal is there from now on, for everyone within reach. */
  begin(now: Instant): void {
    const links = this.reach()
    const { transmission } = this
    transmission.links = links
    transmission.began = now
    const { active, ears } = this.shared
    active.add(transmission)
    const { to, milliwatts } = links
    if (transmission.fates.length !== to.length) {
      transmission.fates = new Array<number>(to.length).fill(0)
      transmission.by = new Array<number>(to.length).fill(-1)
    }
    for (let i = 0; i < to.length; i++) {
      transmission.by[i] = -1
      transmission.fates[i] = ears.hear(to[i]!, transmission, i, milliwatts[i]!, now)
    }
  }

  /** It is over. What became of it stands in `fates`. */
  end(now: Instant): void {
    const { transmission } = this
    const { active, ears } = this.shared
    const { to, milliwatts } = transmission.links!
    active.delete(transmission)
    for (let i = 0; i < to.length; i++) if (transmission.fates[i]! < fates.channel) ears.silence(to[i]!, transmission, milliwatts[i]!, now)
  }

  /** Whom it reaches. */
  reach(): Links {
    return (this.links ??= this.#find())
  }

  #find(): Links {
    const { medium } = this.shared
    const to: AirRadio[] = []
    const add = (radio: AirRadio): void => {
      if (radio.number !== this.number && medium.strength(this, radio, this.emits) > -Infinity) to.push(radio)
    }
    const reached = medium.reached?.(this)
    if (reached === undefined) this.shared.near(this, medium.reach(this.emits), add)
    else for (const number of reached) if (this.shared.radio(number) !== undefined) add(this.shared.radio(number)!)
    const inOrder = to.slice().sort((a, b) => a.number - b.number) // as long as it must be: `push` leaves room behind
    const strengths = inOrder.map((radio) => medium.strength(this, radio, this.emits))
    return {
      to: inOrder.map(({ number }) => number), strengths,
      milliwatts: strengths.map(milliwattsOf),
      losses: medium.loss === undefined ? undefined : inOrder.map((radio) => medium.loss!(this, radio)),
    }
  }
}
