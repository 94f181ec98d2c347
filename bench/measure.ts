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
