/** The next turn of the event loop, in whatever runtime this is. */

const waiting: (() => void)[] = []
let channel: InstanceType<typeof MessageChannel> | undefined

/**
 * Calls `go` on the next turn, after all promise reactions and without the millisecond that setTimeout takes.
 *
 * `setImmediate` where there is one; a message to ourselves in browsers.
 */
export function nextTurn(go: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(go)
  else if (typeof MessageChannel === 'function') post(go)
  else setTimeout(go, 0)
}

function post(go: () => void): void {
  waiting.push(go)
  if (channel === undefined) {
    channel = new MessageChannel()
    ;(channel.port1 as unknown as { onmessage: () => void }).onmessage = arrived
  }
  channel.port2.postMessage(0)
}

/** One message for each that waits. With none left the channel is closed, for an open port keeps a process alive. */
function arrived(): void {
  try {
    waiting.shift()?.()
  } finally {
    if (waiting.length === 0) {
      channel?.port1.close()
      channel = undefined
    }
  }
}
