/** Pings an address from a stack of our own, and prints what ping(8) would. The embedded default pings a second stack. */

import { openHosts, radioHelp, radioOf, radioOptions, readOptions } from '@favonius-examples/kit'

const { link, values, positionals, fail } = readOptions('npm run example ping -- [options] [ADDRESS]', {
  count: { type: 'string', default: '4' },
  size: { type: 'string', default: '56' },
  interval: { type: 'string', default: '1' },
  ...radioOptions,
}, `  --count N        requests (4)\n  --size BYTES     of data in each (56)\n  --interval S     seconds between them (1)\n${radioHelp}`)
const number = (name: 'count' | 'size' | 'interval', least: number): number => {
  const value = Number(values[name])
  return value >= least ? value : fail(`--${name} ${values[name]}: give a number from ${least}`)
}
const [count, size, interval] = [number('count', 1), number('size', 0), number('interval', 0) * 1000]

const hosts = await openHosts({ ...link, radio: radioOf(values, fail) }).catch((error: Error) => fail(error.message))
const address = positionals[0] ?? hosts.peerIpv6
const { stack } = hosts.us
const layer = address.includes(':') ? stack.ipv6 : stack.ipv4
console.log(`PING ${address}: ${size} data bytes`)
try {
  let received = 0
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const began = performance.now()
    const result = await layer.ping(address, { size, timeout: Math.max(interval, 1000) })
    received += result.received
    times.push(...result.roundTrips)
    for (const time of result.roundTrips) console.log(`${size + 8} bytes from ${result.from}: seq=${n + 1} time=${time.toFixed(3)} ms`)
    if (result.received === 0) console.log(`no answer: seq=${n + 1}`)
    const rest = interval - (performance.now() - began)
    if (n + 1 < count && rest > 0) await new Promise((resolve) => setTimeout(resolve, rest))
  }
  console.log(`\n${count} sent, ${received} received, ${((1 - received / count) * 100).toFixed(0)}% lost`)
  if (times.length > 0) {
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length
    console.log(`round trip min/avg/max = ${Math.min(...times).toFixed(3)}/${mean.toFixed(3)}/${Math.max(...times).toFixed(3)} ms`)
  }
  process.exitCode = received > 0 ? 0 : 1
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}
await hosts.stop()
