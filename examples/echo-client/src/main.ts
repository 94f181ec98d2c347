/**
 * Zephyr's echo_client: sends messages of several sizes to port 4242, by UDP and by TCP, and compares what comes back.
 * On a TAP it sends to Linux (or to ADDRESS), over a radio to whoever it leads to; on a wire or over the air in memory, to a second stack.
 */

import { ECHO_PORT, type Host, ms, narrate, openHosts, radioHelp, radioOf, radioOptions, readOptions, serveEcho, serveEchoStreams } from '@favonius-examples/kit'

const { link, positionals, values, fail } = readOptions('npm run example echo-client -- [options] [ADDRESS…]', {
  port: { type: 'string', default: String(ECHO_PORT) },
  count: { type: 'string', default: '10' },
  udp: { type: 'boolean', default: false },
  tcp: { type: 'boolean', default: false },
  ...radioOptions,
}, `  --port N         of the server (${ECHO_PORT})\n  --count N        messages to each address (10)\n  --udp, --tcp     by this protocol alone\n${radioHelp}`)
const hosts = await openHosts({ ...link, radio: radioOf(values, fail) }, narrate()).catch((error: Error) => fail(error.message))
const { us, peer } = hosts
if (peer !== undefined) await Promise.all([serveEcho(peer, ECHO_PORT), serveEchoStreams(peer, ECHO_PORT)])

/** Sends a message and resolves with what comes back; undefined when that is nothing. */
interface Echo {
  exchange(data: Uint8Array): Promise<Uint8Array | undefined>
  close(): void
}

interface Server {
  readonly address: string
  readonly port: number
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])

const late = (error: Error & { code?: string }): undefined => {
  if (error.code !== 'EAGAIN') throw error
}

async function byUdp({ stack }: Host, to: Server): Promise<Echo> {
  const socket = stack.sockets.socket('inet6', 'dgram')
  socket.setsockopt('SO_RCVTIMEO', 1000)
  await socket.connect(to)
  return {
    async exchange(data) {
      await socket.send(data)
      for (;;) {
        const back = await socket.recv().catch(late)
        // What is not this one's is an earlier one's, which was given up.
        if (back === undefined || isSame(back, data)) return back
      }
    },
    close: () => socket.close(),
  }
}

async function byTcp({ stack }: Host, to: Server): Promise<Echo> {
  const socket = stack.sockets.socket('inet6', 'stream')
  socket.setsockopt('SO_RCVTIMEO', 3000)
  await socket.connect(to)
  return {
    async exchange(data) {
      await socket.send(data)
      const back = new Uint8Array(data.length)
      for (let at = 0; at < back.length;) {
        // A stream has no messages: what was sent at once comes in as many pieces as it likes.
        const piece = await socket.recv(back.length - at).catch(late)
        if (piece === undefined || piece.length === 0) return undefined
        back.set(piece, at)
        at += piece.length
      }
      return back
    },
    close: () => socket.close(),
  }
}

const protocols = [['UDP', byUdp], ['TCP', byTcp]] as const
const chosen = protocols.filter(([name]) => values.udp === values.tcp || (name === 'UDP' ? values.udp : values.tcp))
let failed = 0
for (const address of positionals.length > 0 ? positionals : hosts.peerAddresses) {
  for (const [name, open] of chosen) {
    const times: number[] = []
    try {
      const echo = await open(us, { address, port: Number(values.port) })
      for (let n = 0; n < Number(values.count); n++) {
        const data = new Uint8Array(1 + Math.floor(Math.random() * 1200)).map((_, i) => i + n)
        const began = performance.now()
        const back = await echo.exchange(data)
        if (back !== undefined && isSame(back, data)) times.push(performance.now() - began)
      }
      echo.close()
      console.log(`${address} by ${name}: ${times.length} of ${values.count} came back whole${times.length ? `, ${ms(times.reduce((a, b) => a + b) / times.length)} on average` : ''}`)
    } catch (error) {
      console.log(`${address} by ${name}: ${(error as Error).message}`)
    }
    if (times.length === 0) failed++
  }
}
await hosts.stop()
process.exitCode = failed > 0 ? 1 : 0
