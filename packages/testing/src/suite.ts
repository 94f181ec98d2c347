import { suite as uvuSuite, type Test } from 'uvu'

type Body = Parameters<Test>[1]

/** A uvu suite whose tests fail when they take longer than `timeout` milliseconds of real time (10 000 unless given). */
export function suite(name: string, { timeout = 10_000 } = {}): Test {
  const inner = uvuSuite(name)
  const limited = (title: string, body: Body): Body => async (context) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`«${title}» was still running after ${timeout} ms`)), timeout)
    })
    try {
      await Promise.race([body(context), late])
    } finally {
      clearTimeout(timer)
    }
  }
  const test = (title: string, body: Body): void => inner(title, limited(title, body))
  return Object.assign(test, {
    only: (title: string, body: Body): void => inner.only(title, limited(title, body)),
    skip: inner.skip,
    before: inner.before,
    after: inner.after,
    run: inner.run,
  }) as Test
}
