import type { Station } from './media.ts'

/** Stations by where they are: squares of a size, so that who is near is found without asking everyone. */
export class Cells<S extends Station> {
  readonly #size: number
  readonly #cells = new Map<number, S[]>()

  /** `size` in metres: as far as most signals reach. */
  constructor(size: number) {
    this.#size = size
  }

  add(station: S): void {
    const key = this.#key(this.#index(station.x), this.#index(station.y))
    const cell = this.#cells.get(key)
    if (cell === undefined) this.#cells.set(key, [station])
    else cell.push(station)
  }

  /** Takes a station out; before it moves. */
  remove(station: S): void {
    const cell = this.#cells.get(this.#key(this.#index(station.x), this.#index(station.y)))!
    cell.splice(cell.indexOf(station), 1)
  }

  /** Shows `visit` all stations within `reach` metres, and some beyond, in an order that the places alone decide. */
  near(x: number, y: number, reach: number, visit: (station: S) => void): void {
    const [left, right, low, high] = [this.#index(x - reach), this.#index(x + reach), this.#index(y - reach), this.#index(y + reach)]
    // Where there are more squares than stations have, they are asked directly.
    if ((right - left + 1) * (high - low + 1) > this.#cells.size) {
      for (const cell of this.#cells.values()) for (const station of cell) visit(station)
      return
    }
    for (let column = left; column <= right; column++) {
      for (let row = low; row <= high; row++) {
        const cell = this.#cells.get(this.#key(column, row))
        if (cell !== undefined) for (const station of cell) visit(station)
      }
    }
  }

  #index(metres: number): number {
    return Math.floor(metres / this.#size)
  }

  #key(column: number, row: number): number {
    return column * 2 ** 26 + row
  }
}
