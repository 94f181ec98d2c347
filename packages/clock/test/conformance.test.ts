import { system, virtual } from '@favonius/clock'
import { envConformance } from '@favonius/testing'

envConformance('system', () => ({
  env: system,
  wall: Date.now,
  async until(done) {
    while (!done()) await new Promise((turn) => setImmediate(turn))
  },
}))

envConformance('virtual', () => {
  const env = virtual({ seed: 11 })
  return {
    env,
    async until(done) {
      while (!done()) if (!env.step()) throw new Error(`no timer is armed at ${env.clock.now()} ms, and it is not done`)
    },
  }
})
