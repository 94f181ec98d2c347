/** Where stations are, as data: shapes, and files. */

import { virtual } from '@favonius/clock'
import type { MatrixLink } from './media.ts'

/** Metres. */
export type Place = readonly [x: number, y: number]

/** `count` places in a row. */
export function line(count: number, spacing: number): Place[] {
  return Array.from({ length: count }, (_, n) => [n * spacing, 0])
}

/** A lattice, row by row. With a range of 1.5 times the spacing each station inside hears eight others. */
export function grid(columns: number, rows: number, spacing: number): Place[] {
  return Array.from({ length: columns * rows }, (_, n) => [n % columns * spacing, Math.floor(n / columns) * spacing])
}

/** `count` places anywhere in a rectangle; the same ones for the same seed. */
export function scattered(count: number, width: number, height: number, seed = 1): Place[] {
  const { random } = virtual({ seed })
  return Array.from({ length: count }, () => [random.uint32() / 2 ** 32 * width, random.uint32() / 2 ** 32 * height])
}

/** The lines of a text that say something: `#` begins a comment. Each with its number, and its words, which blanks or commas divide. */
function rows(text: string): { readonly number: number; readonly words: readonly string[] }[] {
  return text.split(/\r?\n/)
    .map((row, i) => ({ number: i + 1, words: row.replace(/#.*/, '').split(/[\s,;]+/).filter(Boolean) }))
    .filter(({ words }) => words.length > 0)
}

/**
 * Places from a text: a line each, `x y` or `name x y`, in metres.
 *
 * @throws SyntaxError that names the line.
 */
export function readPlaces(text: string): { readonly name: string | undefined; readonly at: Place }[] {
  return rows(text).map(({ number, words }) => {
    const [x, y] = words.slice(-2).map(Number)
    if (words.length < 2 || words.length > 3 || !Number.isFinite(x) || !Number.isFinite(y)) {
      throw new SyntaxError(`line ${number} of the places is «${words.join(' ')}»: write x and y in metres, and a name before them if you like`)
    }
    return { name: words.length === 3 ? words[0] : undefined, at: [x!, y!] }
  })
}

/**
 * Links for `linkMatrix` from a text: a line each, `from to`, by number from 0, and, if given, the strength in dBm and the share that is lost.
 * `->` between the two is for one way alone.
 *
 * @throws SyntaxError that names the line.
 */
export function readLinks(text: string): MatrixLink[] {
  return rows(text).map(({ number, words }) => {
    const oneWay = words[1] === '->'
    const numbers = (oneWay ? [words[0], ...words.slice(2)] : words).map(Number)
    const [from, to, rssi, loss] = numbers
    if (numbers.length < 2 || numbers.length > 4 || numbers.some(Number.isNaN)) {
      throw new SyntaxError(
        `line ${number} of the links is «${words.join(' ')}»: write two numbers of stations, and, if you like, dBm and the share that is lost`)
    }
    return { from: from!, to: to!, oneWay, ...(rssi === undefined ? {} : { rssi }), ...(loss === undefined ? {} : { loss }) }
  })
}
