/** What the compiler makes of a large composition: the types that carry Provides and Needs must not meet its limits. */

import * as assert from 'uvu/assert'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { suite } from '@favonius/testing'
import { compose } from '../src/index.ts'
import { udp } from '@favonius/udp'
import { virtual } from '@favonius/clock'

const test = suite('compositions and the compiler', { timeout: 60_000 })

const folder = dirname(fileURLToPath(import.meta.url))
const options: ts.CompilerOptions = {
  noEmit: true, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true, allowImportingTsExtensions: true,
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts'], types: [], customConditions: ['@favonius/source'],
}
const kept = new Map<string, ts.SourceFile | undefined>()

/** What the compiler says of a file with this text, as if it stood beside this one. */
function diagnose(text: string): readonly string[] {
  const path = join(folder, 'composition.ts')
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.fileExists = (name) => name === path || existsSync(name)
  host.readFile = (name) => (name === path ? text : readFileSync(name, 'utf8'))
  host.getSourceFile = (name, version, ...rest) => {
    if (name === path) return ts.createSourceFile(name, text, version)
    if (!kept.has(name)) kept.set(name, getSourceFile.call(host, name, version, ...rest))
    return kept.get(name)
  }
  const program = ts.createProgram([path], options, host)
  const file = program.getSourceFile(path)!
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    .map(({ code, messageText }) => `TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
}

const COUNT = 66

/** How many features select each the one before: twice what lwm2m → coap → datagrams → … can ever become. */
const CHAIN = 11

/**
 * Features f0 … f65 in six chains of selects. The first of a chain needs the first of the chain before, so that every need passes
 * through eleven selects. The composition lists the last of each chain, but for those `left` out.
 */
function many(left: readonly number[] = []): string {
  const lines = [
    `import type { Env } from '@favonius/contract'`,
    `import { feature, type, type Options } from '@favonius/kconfig'`,
    `import { compose } from '@favonius/stack'`,
    `declare const env: Env`,
    `const rows = { size: { symbol: 'CONFIG_SIZE', type: 'int', default: 3, range: [1, 9], help: 'n' } } as const satisfies Options`,
  ]
  const listed: string[] = []
  for (let n = 0; n < COUNT; n++) {
    const selects = n % CHAIN ? `selects: [f${n - 1}()], ` : ''
    const needs = n && n % CHAIN === 0 ? `needs: { f${n - CHAIN}: type<{ readonly n: ${n - CHAIN} }>() }, ` : ''
    const parts = n % CHAIN ? `{ f${n - 1} }` : ''
    lines.push(`const f${n} = feature({ name: 'f${n}', symbol: 'CONFIG_F${n}', options: rows, ${selects}${needs}create: (${parts}) => ({ n: ${n} as const${parts && `, below: f${n - 1}.n`} }) })`)
    if (n % CHAIN === CHAIN - 1 && !left.includes(n)) listed.push(`f${n}({ size: 4 })`)
  }
  return `${lines.join('\n')}\nexport const stack = compose(env, ${listed.join(', ')})\nexport const last: ${COUNT - 1} = stack.f${COUNT - 1}.n\nexport const below: 63 = stack.f64.below\n`
}

/** A list as long as that, of features that stand each on the one before. */
function line(left?: number): string {
  const names = Array.from({ length: COUNT }, (_, n) => n)
  return [
    `import type { Env } from '@favonius/contract'`,
    `import { feature, type } from '@favonius/kconfig'`,
    `import { compose } from '@favonius/stack'`,
    `declare const env: Env`,
    ...names.map((n) => `const g${n} = feature({ name: 'g${n}', symbol: 'G', ${n ? `needs: { g${n - 1}: type<number>() }, ` : ''}create: () => ${n} })`),
    `export const stack = compose(env, ${names.filter((n) => n !== left).map((n) => `g${n}()`).join(', ')})`,
    `export const sum: number = stack.g0 + stack.g${COUNT - 1}`,
  ].join('\n')
}

test('66 features with chains of selects and needs compile, and each is there under its name', () => {
  const began = performance.now()
  assert.equal(diagnose(many()), [])
  assert.equal(diagnose(line()), [])
  assert.ok(performance.now() - began < 20_000, `it took ${Math.round(performance.now() - began)} ms`)
})

test('with one of them missing the compiler says which one, and for whom', () => {
  const said = diagnose(line(30)).join('\n')
  assert.match(said, /g31 depends on g30/)
  assert.not.match(said, /TS2589/)
  // Without the chain that ends in f32 there is no f22, which f33 needs, at the bottom of the chain that f43 brings.
  assert.match(diagnose(many([32])).join('\n'), /f43 depends on f22/)
})

test('udp() without a network layer does not compile, and says so', () => {
  const said = diagnose(`
    import type { Env } from '@favonius/contract'
    import { compose } from '@favonius/stack'
    import { udp } from '@favonius/udp'
    declare const env: Env
    export const stack = compose(env, udp())`).join('\n')
  assert.match(said, /udp depends on ip/)
})

test('nor does it run', () => {
  // @ts-expect-error udp depends on ip
  assert.throws(() => compose(virtual(), udp()), /udp depends on ip: add a feature that provides ip to compose\(\)/)
})

test('the whole of what there is compiles together, in whatever order', () => {
  assert.equal(diagnose(`
    import { system } from '@favonius/clock'
    import { compose } from '@favonius/stack'
    import { ethernet } from '@favonius/ethernet'
    import { ipv4 } from '@favonius/ipv4'
    import { ipv6 } from '@favonius/ipv6'
    import { bareIp, loopback } from '@favonius/netif'
    import { sockets } from '@favonius/sockets'
    import { udp } from '@favonius/udp'
    export const stack = compose(system, sockets(), udp(), ipv6(), ipv4(), ethernet(), loopback(), bareIp())
    export const open: Promise<unknown> = stack.sockets.open({}, { receive() {} })
    export const size: number = stack.nd.neighbors.length + stack.arp.neighbors.length + stack.netif.interfaces.length`), [])
})

test.run()
