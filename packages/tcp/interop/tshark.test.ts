/** What tshark's experts think of our segments and of the kernel's answers: nothing malformed, every checksum right, and no surprise on a good link. */

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { peer, suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { families, fetch, send, world, type WorldOptions } from './world.ts'

const test = suite('tcp: as tshark sees it', { timeout: 60_000 })
const MIB = 2 ** 20

/** Opinions on a capture, each with how often it is held: `Connection establish request (SYN)`. Our own comments, on what was dropped, are among them. */
async function opinions(file: string): Promise<Map<string, number>> {
  const { stdout } = await promisify(execFile)('tshark', [
    '-r', file, '-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE', '-Y', 'tcp && _ws.expert', '-T', 'fields', '-E', 'aggregator=\t', '-e', '_ws.expert.message',
  ], { maxBuffer: 64 * MIB })
  const held = new Map<string, number>()
  for (const opinion of stdout.split(/[\t\n]/).filter(Boolean)) {
    const kind = opinion.replace(/: server port \d+$| \(#\d+\)$/, '')
    held.set(kind, (held.get(kind) ?? 0) + 1)
  }
  return held
}

/** What is said of four connections that begin and end in order. */
const expected = new Map([
  ['Connection establish request (SYN)', 4], ['Connection establish acknowledge (SYN+ACK)', 4], ['Connection finish (FIN)', 8],
  ['This frame initiates the connection closing', 4], ['This frame undergoes the connection closing', 4],
])
const RETRANSMISSION = 'This frame is a (suspected) retransmission'
const WINDOW_UPDATE = 'TCP window update'
/** Linux writes a checksum of zero as UDP would have it, when it works it out late (skb_checksum_help). Ours is tested in netif and pcap. */
const LINUX = /see RFC 1624/
/** What bad links are for: while one segment is missing, those behind it fill the window. Nothing of checksums, lengths or options. */
const LOSSY = /retransmission|out-of-order|Duplicate ACK|D-SACK|not captured|ACKed segment|window update|Zero Window|window specified by the receiver is now completely full|^tcp: (?:after the end|outside of the window|timestamp of the past|no listener|behind the end|reset(?: that is out of place)?)$|reset \(RST\)/

/** Four connections: 2 MiB to Linux and 2 MiB from it, over each family. One end closes its half long before the other. */
async function captured(options: WorldOptions): Promise<{ held: Map<string, number>, sentAgain: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-'))
  let sentAgain = 0
  try {
    const pcap = join(folder, 'tcp.pcapng')
    const w = await world({ ...options, offload: false, pcap })
    try {
      const server = await w.serve()
      for (const family of families) {
        await send(w, family, 2 * MIB)
        await fetch(w, family, 2 * MIB)
      }
      await server.stop()
      sentAgain = w.counters()['rexmit']!
    } finally {
      await w.stop()
    }
    return { held: await opinions(pcap), sentAgain }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (peer('tshark and the Linux kernel over TAP', { command: ['ip', 'tshark'], package: 'iproute2 tshark', root: true, tun: true })) {
  test('on a good link', async () => {
    // Far enough that neither end probes for a tail that is merely not read yet, and few enough segments at once to read them in time. Where the
    // machine is so busy that Linux does all the same, there is nothing to be seen of us, and it is tried again.
    let held = new Map<string, number>()
    for (let tries = 0; tries === 0 || (tries < 5 && held.has(RETRANSMISSION)); tries++) {
      const seen = await captured({ latency: 5, tcp: { sendBuffer: 131_072 } })
      assert.is(seen.sentAgain, 0)
      held = seen.held
    }
    for (const [opinion, times] of expected) assert.is(held.get(opinion), times, opinion)
    assert.equal([...held.keys()].filter((opinion) => !expected.has(opinion) && opinion !== WINDOW_UPDATE && !LINUX.test(opinion)), [])
  })

  test('where 1 % is lost, as much comes late, and half as much twice', async () => {
    const { held } = await captured({ faults: 0.01 })
    assert.equal([...held.keys()].filter((opinion) => !expected.has(opinion) && !LOSSY.test(opinion) && !LINUX.test(opinion)), [])
  })
}

test.run()
