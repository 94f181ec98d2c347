import { suite } from '@favonius/testing'
import { build } from 'esbuild'
import * as assert from 'uvu/assert'

const test = suite('ipv6: bundles', { timeout: 60_000 })

async function files(source: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname ?? new URL('.', import.meta.url).pathname, loader: 'ts' },
    bundle: true, write: false, metafile: true, minify: true, format: 'esm', platform: 'neutral', conditions: ['@favonius/source'], logLevel: 'silent',
  })
  const [output] = Object.values(metafile.outputs)
  return Object.entries(output!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([name]) => name.replace(/.*packages\//, ''))
}

test('a part that is not composed is not bundled: bare IPv6 holds no neighbour discovery', async () => {
  const bare = await files(`import { ipv6 } from '@favonius/ipv6/bare'; console.log(ipv6())`)
  assert.ok(bare.includes('ipv6/src/receive.ts'))
  assert.equal(bare.filter((name) => /ipv6\/src\/(nd|dad)\/|wire\/(nd|show)/.test(name)), [])
  const whole = await files(`import { ipv6 } from '@favonius/ipv6'; console.log(ipv6())`)
  assert.ok(whole.includes('ipv6/src/nd/cache.ts') && whole.includes('ipv6/src/dad/trials.ts'))
})

test('fragments and path MTU discovery come only when they are imported', async () => {
  const asked = /(fragments|pmtu)\/|ip\/src\/(reassembly|datagram|cut|pathmtu)/
  const whole = await files(`import { ipv6 } from '@favonius/ipv6'; console.log(ipv6())`)
  assert.equal(whole.filter((name) => asked.test(name)), [])
  const fragments = await files(`import { ipv6Fragments } from '@favonius/ipv6/fragments'; console.log(ipv6Fragments())`)
  assert.ok(fragments.includes('ip/src/reassembly.ts') && !fragments.includes('ipv6/src/layer.ts') && !fragments.includes('ip/src/pathmtu.ts'))
})

test('importing does nothing: what is not used is not bundled', async () => {
  assert.equal(await files(`import '@favonius/ipv6'`), [])
  assert.equal((await files(`import { selectSource } from '@favonius/ipv6/source'; console.log(selectSource)`)).filter((name) => name.startsWith('ipv6/')), ['ipv6/src/source.ts'])
})

test.run()
