/** The next turn of the event loop, in whatever runtime this is. */

let channel: (InstanceType<typeof MessageChannel> & { waiting: (() => void)[] }) | undefined

/**
 * Calls `go` on the next turn, after all promise reactions and without the millisecond that setTimeout takes.
 *
 * `setImmediate` where there is one; a message to ourselves in browsers. The port holds the process only while a message
 * is under way.
 */
export function nextTurn(go: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(go)
  else if (typeof MessageChannel === 'function') post(go)
  else setTimeout(go, 0)
}

function post(go: () => void): void {
  channel ??= open()
  const port = channel.port1 as { ref?(): void }
  if (channel.waiting.push(go) === 1) port.ref?.()
  channel.port2.postMessage(0)
}

function open(): NonNullable<typeof channel> {
  const made = Object.assign(new MessageChannel(), { waiting: [] as (() => void)[] })
  const port = made.port1 as unknown as { onmessage: () => void; unref?(): void }
  port.onmessage = () => {
    const go = made.waiting.shift()
    if (made.waiting.length === 0) port.unref?.()
    go?.()
  }
  port.unref?.()
  return made
}
