/** What benchmarks share: how a figure is reported, and how a call is timed. */

import { measure } from 'mitata'

/** One result. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly note?: string | undefined
}

/** True when the run need only prove that the code runs. */
export const smoke = process.env['BENCH_SMOKE'] === '1'

/** Reports a figure: one line of JSON. */
export function figure(one: Figure): void {
  console.log(JSON.stringify(one))
}

const effort = smoke ? { min_cpu_time: 1e6, min_samples: 2, warmup_samples: 0 } : { min_cpu_time: 300e6 }

/** Reports the median time of one call of `body`, in nanoseconds. What `body` returns is kept, so that no compiler leaves it out. */
export async function nanoseconds(name: string, body: () => unknown, note?: string): Promise<void> {
  const { p50 } = await measure(body, effort)
  figure({ name, value: p50, unit: 'ns', note })
}

/** What the bodies of comparisons return, kept for the same reason. */
const kept: unknown[] = [undefined]

/**
 * Reports what a call of ours takes and one of a peer's, and how often ours goes into theirs: medians of so many rounds, theirs and ours in turn, so
 * that a busy machine is busy for both.
 */
export function compare(what: string, peer: string, goal: string, mine: () => unknown, other: () => unknown): void {
  const time = (body: () => unknown): number => {
    const times = smoke ? 100 : 40_000
    const began = performance.now()
    for (let i = 0; i < times; i++) kept[0] = body()
    return (performance.now() - began) / times * 1e6
  }
  const rounds = Array.from({ length: smoke ? 2 : 15 }, () => [time(mine), time(other)] as const).slice(smoke ? 0 : 3)
  const [own, theirs] = [median(rounds.map(([a]) => a)), median(rounds.map(([, b]) => b))]
  figure({ name: `${what}, favonius`, value: own, unit: 'ns' })
  figure({ name: `${what}, ${peer}`, value: theirs, unit: 'ns' })
  figure({ name: `${what}, ${peer} ÷ favonius`, value: theirs / own, unit: '×', note: goal })
}

/** The middle one. */
export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
