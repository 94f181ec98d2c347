import { Arena, netbuf, netbufIn, sharedArena } from '@favonius/netbuf'
import type { BufferPool } from '@favonius/contract'
import type { Context } from '@favonius/kconfig'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'

const test = suite('netbuf: feature')

const context = { env: undefined as never, onStop: () => {} } satisfies Context
const create = (made: { create(parts: never, context: Context): unknown }): BufferPool => made.create({} as never, context) as BufferPool

test('stacks share the arena of the realm, and have pools of their own', () => {
  const before = sharedArena().allocated
  const a = create(netbuf())
  const b = create(netbuf({ quota: 4096 }))
  assert.is(sharedArena().allocated, before, 'an idle stack takes no memory')
  assert.equal([a.quota, b.quota], [16 * 1024 * 1024, 4096])
  const packet = a.alloc(1)!
  assert.ok(sharedArena().allocated > 0)
  assert.equal([a.live, b.live], [1, 0])
  packet.unref()
})

test('an arena of its own', () => {
  const arena = new Arena({ limit: 8 << 20 })
  const made = netbufIn(arena, { debug: true })
  assert.equal([made.name, made.symbol], ['netbuf', 'CONFIG_NET_BUF'])
  const pool = create(made)
  const packet = pool.alloc(1)!
  assert.is(arena.allocated, 8 << 20)
  assert.is(pool.owners().length, 1)
  packet.unref()
})

test('options are checked', () => {
  assert.throws(() => netbuf({ quota: -1 }), /quota .*must be a whole number/)
})

test.run()
