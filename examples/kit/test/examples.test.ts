/** Each example on its embedded default, as a newcomer runs it: it ends by itself, and says what it should. */

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { packets } from '@favonius/pcap'
import { suite } from '@favonius/testing'

const test = suite('examples', { timeout: 60_000 })

const run = (name: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => new Promise((resolve) => {
  const main = fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url))
  const child = execFile(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main, ...args], (error, stdout, stderr) => {
    resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
  })
  child.stdin?.end()
})

/** Starts one that runs on; resolves when it has printed something that matches. `stop` is a SIGTERM, and resolves with its exit code and all that it has printed. */
function start(pattern: RegExp, name: string, ...args: string[]): Promise<{ stop(): Promise<{ code: number | null; stdout: string }> }> {
  const main = fileURLToPath(new URL(`../../${name}/src/main.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let stdout = ''
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    return { code: await ended, stdout }
  }
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => {
      stdout += String(data)
      if (pattern.test(stdout)) resolve({ stop })
    })
    void ended.then(() => reject(new Error(`${name} has ended: ${stdout}`)))
  })
}

/** A port of this machine that nobody has. */
const freePort = (): Promise<string> => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(String(port)))
  })
})

test('all of them at once, each with its own end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-examples-'))
  const pcap = join(folder, 'first.pcapng')
  const [first, ping, server, client] = await Promise.all([
    run('first-light', '--pcap', pcap),
    run('ping', '--count', '3', '--interval', '0.05'),
    run('echo-server'),
    run('echo-client', '--count', '3'),
  ])
  assert.equal([first.code, ping.code, server.code, client.code], [0, 0, 0, 0], first.stderr + ping.stderr + server.stderr + client.stderr)
  assert.is(first.stdout.match(/whole, after/g)!.length, 6)
  assert.ok([...packets(readFileSync(pcap))].length > 20)
  assert.match(ping.stdout, /3 sent, 3 received, 0% lost/)
  assert.is(server.stdout.match(/got back: hello$/gm)!.length, 2)
  assert.is(server.stdout.match(/got back: hello, by a stream$/gm)!.length, 2)
  assert.match(server.stdout, /connected to \[2001:db8::2\]:\d+[^]*connected to 192\.0\.2\.2:\d+/)
  for (const protocol of ['UDP', 'TCP']) assert.is(client.stdout.match(new RegExp(`by ${protocol}: 3 of 3 came back whole`, 'g'))!.length, 2)
  rmSync(folder, { recursive: true })
})

test('three of them over the air, where there is IPv6 alone', async () => {
  const [ping, server, client] = await Promise.all([
    run('ping', '--air', '--count', '3', '--interval', '0.05', '--size', '200'),
    run('echo-server', '--air'),
    run('echo-client', '--air', '--count', '3'),
  ])
  assert.equal([ping.code, server.code, client.code], [0, 0, 0], ping.stderr + server.stderr + client.stderr)
  assert.match(ping.stdout, /3 sent, 3 received, 0% lost/)
  assert.is(server.stdout.match(/got back: hello$/gm)!.length, 1)
  assert.is(server.stdout.match(/got back: hello, by a stream$/gm)!.length, 1)
  for (const protocol of ['UDP', 'TCP']) assert.is(client.stdout.match(new RegExp(`by ${protocol}: 3 of 3 came back whole`, 'g'))!.length, 1)
})

test('hidden terminals collide, and those in earshot do not', async () => {
  const { code, stdout, stderr } = await run('hidden-terminal')
  assert.is(code, 0, stderr)
  const shares = (name: string) => [...stdout.matchAll(new RegExp(`${name} +([0-9.]+) %.* ([0-9.]+) %`, 'g'))].map(([, arrive, collide]) => [Number(arrive), Number(collide)] as const)
  const [seen, hidden] = [shares('in earshot'), shares('hidden')]
  assert.equal([seen.length, hidden.length], [4, 4])
  for (const [i, [arrive, collide]] of hidden.entries()) {
    assert.ok(arrive <= seen[i]![0])
    if (i > 0) assert.ok(collide > 2 * seen[i]![1], `${collide} % of ${i} collide`)
  }
})

test('radios between two programs: over UDP, over TCP, and one as the mote of the other', async () => {
  await Promise.all(([['--zep', '[::1]:'], ['--upipe', '127.0.0.1:'], ['--slip-radio', 'localhost:']] as const).map(async ([radio, host]) => {
    const port = await freePort()
    const server = await start(/a radio, with who comes to/, 'echo-server', radio, port)
    const ping = await run('ping', radio, `${host}${port}`, '--count', '5', '--interval', '0.3', '--size', '8')
    const { code, stdout } = await server.stop()
    assert.equal([ping.code, code], [0, 0], `${radio}: ${ping.stderr}${ping.stdout}${stdout}`)
    // In real time, and where a peer is the carrier both look for their addresses at once: the first requests may be too early.
    assert.match(ping.stdout, /PING 2001:db8::1: 8 data bytes[^]*5 sent, [12345] received/)
    assert.match(stdout, /waiting for datagrams and connections at 2001:db8::1, port 4242/)
  }))
})

test('the border router leads to the last node of a row, and the sniffer hears what is on the air', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-examples-'))
  const pcap = join(folder, 'air.pcapng')
  const [router, sniffer] = await Promise.all([run('border-router'), run('sniffer', '--pcap', pcap)])
  assert.equal([router.code, sniffer.code], [0, 0], router.stderr + sniffer.stderr)
  for (const node of [2, 3, 4]) assert.match(router.stdout, new RegExp(`2001:db8:b::${node} +56 +2 +[12] `))
  assert.match(router.stdout, /The router passed \d+ packets on/)
  assert.match(sniffer.stdout, /> everyone, seq \d+, length 41: 6LoWPAN, IPHC :: > ff02::/)
  assert.match(sniffer.stdout, /acknowledgment \(2003\)[^]*6LoWPAN, frag size 248/)
  assert.is([...packets(readFileSync(pcap))].length, Number(/^(\d+) frames$/m.exec(sniffer.stdout)![1]))
  rmSync(folder, { recursive: true })
})

test('names are resolved, by an alias too', async () => {
  const { code, stdout, stderr } = await run('dns-resolve')
  assert.is(code, 0, stderr)
  for (const name of ['www.zephyrproject.org', 'zephyrproject.org']) assert.match(stdout, new RegExp(`^${name} A: 192.0.2.80\n${name} AAAA: 2001:db8::80$`, 'm'))
  assert.match(stdout, /none.zephyrproject.org AAAA: ENOTFOUND\n6 questions were sent, 0 answered from the cache/)
})

test('CoAP: every resource of the sample, over a stack and over the kernel', async () => {
  const [server, client] = await Promise.all([run('coap-server'), run('coap-client', '--drop', '5%')])
  assert.equal([server.code, client.code], [0, 0], server.stderr + client.stderr + client.stdout)
  for (const said of ['GET /test: 2.05', 'PUT /test: 2.04', 'POST /test: 2.01', 'DELETE /test: 2.02']) assert.ok(server.stdout.includes(said))
  assert.match(client.stdout, /the links: 2\.05 \/test \/seg1[^]*those of core1: 2\.05 <\/core1>;title="core1 Link";rt="core1"\n[^]*GET \/large: 2\.05 128 bytes[^]*GET \/large-update: 2\.05 500 bytes/)
  assert.is(client.stdout.match(/Counter: \d+/g)!.length, 3)
})

test('CoAP over the air: every resource of the sample, and asked by a second stack', async () => {
  const [server, client] = await Promise.all([run('coap-server', '--air'), run('coap-client', '--air', '--drop', '5%')])
  assert.equal([server.code, client.code], [0, 0], server.stderr + client.stderr + client.stdout)
  assert.match(server.stdout, /DELETE \/test: 2\.02\n4 messages were received, 4 sent, 0 dropped/)
  assert.match(client.stdout, /wpan0 has 2001:db8::1[^]*GET \/large-update: 2\.05 500 bytes/)
  assert.is(client.stdout.match(/Counter: \d+/g)!.length, 3)
})

test('a host and its service are found on the link', async () => {
  const { code, stdout, stderr } = await run('mdns-responder')
  assert.is(code, 0, stderr)
  assert.match(stdout, /we are zephyr\.local, and offer Zephyr\._zephyr\._tcp\.local/)
  assert.match(stdout, /bob found Zephyr: zephyr\.local port 4242, 192\.0\.2\.1 and 2001:db8::1/)
})

test('the router passes pings, shows itself to traceroute, and says what the far link carries', async () => {
  const { code, stdout, stderr } = await run('router')
  assert.is(code, 0, stderr)
  for (const to of ['2001:db8:b::2', '198.51.100.2']) {
    assert.match(stdout, new RegExp(`${to} +56 +3 +3 `))
    assert.match(stdout, new RegExp(`${to} +0 +${to} takes 1400 bytes`))
    assert.match(stdout, new RegExp(`2 +${to} +port unreachable`))
  }
  assert.match(stdout, /1 +2001:db8:a::1 +hop limit exceeded in transit/)
  assert.match(stdout, /1 +192\.0\.2\.1 +time to live exceeded on the way/)
})

test('dual stack: one socket serves both families, and two share a port', async () => {
  const { code, stdout, stderr } = await run('dual-stack')
  assert.is(code, 0, stderr)
  for (const row of ['4242 +:: +2001:db8::1 +hello by IPv6', '4242 +:: +::ffff:192\\.0\\.2\\.1 +hello by IPv4', '4243 +:: with IPV6_V6ONLY +2001:db8::1 +hello by IPv6', '4243 +0\\.0\\.0\\.0 +192\\.0\\.2\\.1 +hello by IPv4']) {
    assert.match(stdout, new RegExp(row))
  }
})

test('a command line that is wrong ends with 2 and says what is right', async () => {
  const [drop, option, place, two] = await Promise.all([
    run('ping', '--drop', '200%'), run('echo-client', '--nonsense'), run('ping', '--upipe', 'here'), run('ping', '--air', '--zep', '17754'),
  ])
  assert.equal([drop.code, option.code, place.code, two.code], [2, 2, 2, 2])
  assert.match(place.stderr, /--upipe here: give HOST:PORT to go there, or PORT to wait there[^]*usage:/)
  assert.match(two.stderr, /--air and --zep: give one of them[^]*usage:/)
  assert.match(drop.stderr, /--drop 200%: give a share from 0 to 1[^]*usage:/)
  assert.match(option.stderr, /nonsense[^]*usage:/)
})

test('HTTP over a stack, and through bad networks', async () => {
  const [server, fetched] = await Promise.all([run('http-server'), run('fetch')])
  assert.equal([server.code, fetched.code], [0, 0], server.stderr + fetched.stderr)
  assert.match(server.stdout, /got 200: <!doctype html>[^]*got 200: the same again, please[^]*got 404/)
  assert.is(fetched.stdout.match(/: 200, whole, after/g)!.length, 4)
})

test('MQTT.js over a stack, to aedes over another', async () => {
  const { code, stdout, stderr } = await run('mqtt', '--count', '2')
  assert.is(code, 0, stderr)
  assert.match(stdout, /6 of 6 came back by way of 192\.0\.2\.2[^]*6 of 6 came back by way of 2001:db8::2/)
})

test('hosts that nobody has configured', async () => {
  const { code, stdout, stderr } = await run('self-configuring')
  assert.is(code, 0, stderr)
  assert.is(stdout.match(/DHCP bound/g)!.length, 2)
  assert.is(stdout.match(/3 of 3 came back/g)!.length, 4)
  assert.is(stdout.match(/has 0 routers for IPv6/g)!.length, 2)
})

test.run()
