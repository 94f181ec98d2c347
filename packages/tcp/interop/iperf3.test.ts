/** iperf3 over the Linux kernel, as client and as server, with a stack of ours at the other end; both directions. */

import { inWorld, peer, suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { PORT, runIperf3, serveIperf3, type Outcome } from './iperf3.ts'
import { families, US, world, type World } from './world.ts'

const test = suite('tcp: iperf3', { timeout: 30_000 })
const SECONDS = 1
const LEAST = 2 ** 20

/** What iperf3 prints with `-J`, as far as it is looked at. */
interface Report {
  readonly error?: string
  readonly end: { readonly sum_sent: { readonly bytes: number }, readonly sum_received: { readonly bytes: number } }
}

const check = (title: string, body: (w: World) => Promise<void>): void => {
  test(title, inWorld(world, body))
}

/** Whoever receives has at most what was sent, and not much less: what was under way at the end. */
function agree(sent: number, received: number): void {
  assert.ok(received >= LEAST, `${received} bytes came`)
  assert.ok(received <= sent && sent - received < 16 * 2 ** 20, `${received} bytes of ${sent} came`)
}

if (peer('iperf3 over TAP', { command: ['ip', 'iperf3'], package: 'iproute2 iperf3', root: true, tun: true })) {
  for (const family of families) {
    for (const reverse of [false, true]) {
      const way = `over IPv${family}${reverse ? ', reversed' : ''}`

      check(`its client, and a server of ours, ${way}`, async (w) => {
        const served = serveIperf3(w)
        const printed = await w.linux.must('timeout', '20', 'iperf3', '-c', US[family], '-p', String(PORT), '-t', String(SECONDS), '-J', ...(reverse ? ['-R'] : []))
        const { error, end } = JSON.parse(printed) as Report
        assert.is(error, undefined)
        const { ours, theirs }: Outcome = await served
        assert.is(reverse ? end.sum_received.bytes : end.sum_sent.bytes, theirs)
        assert.is(reverse ? end.sum_sent.bytes : end.sum_received.bytes, ours)
        agree(reverse ? ours : theirs, reverse ? theirs : ours)
      })

      check(`its server, and a client of ours, ${way}`, async (w) => {
        const server = w.linux.start('timeout', '20', 'iperf3', '-s', '-1', '-p', String(PORT), '--forceflush')
        await server.printed(/Server listening/)
        const { ours, theirs } = await runIperf3(w, family, SECONDS, reverse)
        agree(reverse ? theirs : ours, reverse ? ours : theirs)
        await server.printed(reverse ? /sender/ : /receiver/)
        await server.stop()
      })
    }
  }
}

test.run()
