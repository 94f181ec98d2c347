/** What benchmarks share: how a figure is reported, and how a call is timed. */

/** One result. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly note?: string
}

/** True when the run need only prove that the code runs. */
export const smoke = process.env.BENCH_SMOKE === '1'

/** Reports a figure: one line of JSON. */
export function figure(one: Figure): void {
  console.log(JSON.stringify(one))
}

const milliseconds = smoke ? 2 : 100
const rounds = smoke ? 2 : 9

/**
 * Reports the time of one call of `body` in nanoseconds: the median of several rounds, each long enough for the clock.
 * What `body` returns is kept, so that a compiler cannot leave it out.
 */
export function nanoseconds(name: string, body: () => unknown, note?: string): number {
  let kept: unknown
  const time = (calls: number): number => {
    const since = performance.now()
    for (let i = 0; i < calls; i++) kept = body()
    return performance.now() - since
  }
  let calls = 1
  while (time(calls) < milliseconds / 4) calls *= 2
  const times = Array.from({ length: rounds }, () => time(calls * 4) / (calls * 4)).sort((a, b) => a - b)
  const value = times[rounds >> 1]! * 1e6
  if (kept === times) throw new Error('out of reach') // reads `kept`
  figure(note === undefined ? { name, value, unit: 'ns' } : { name, value, unit: 'ns', note })
  return value
}
