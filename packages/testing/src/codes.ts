/** What the conformance suites ask of errors: a code that programs know, and a message that people understand. */

import * as assert from 'uvu/assert'

/** The code that `promise` rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return coded(error)
  }
  return 'it did not fail'
}

/** The code of what `body` throws. */
export function thrownCode(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    return coded(error)
  }
  return 'it did not throw'
}

function coded(error: unknown): string {
  assert.ok((error as Error).message.length > 10, 'the message says what to do')
  return (error as { code: string }).code
}
