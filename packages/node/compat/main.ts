/** Runs every row, and prints a line of JSON for each: what scripts/compat.mjs makes a column of. */

import { programs } from './programs.ts'
import { makeWorld } from './world.ts'

/** Milliseconds for one row. */
const PATIENCE = 20_000

const late = (): Promise<never> => new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`it was not done after ${PATIENCE / 1000} s`)), PATIENCE).unref()
})

for (const [row, program] of Object.entries(programs)) {
  const world = await makeWorld()
  let why = ''
  try {
    await Promise.race([program(world), late()])
    await world.stop()
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    why = `${code !== undefined && !message.includes(code) ? `${code}: ` : ''}${message.split('\n')[0]}`
  }
  console.log(JSON.stringify({ row, why }))
}
process.exit(0)
