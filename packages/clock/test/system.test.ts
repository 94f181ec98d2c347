import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { deferred, sleep, system } from '@favonius/clock'
import { suite } from '@favonius/testing'
import { nextTurn } from '../src/turn.ts'

const test = suite('clock: the system')

test('wall time is epoch + now()', () => {
  assert.ok(Math.abs(system.clock.epoch + system.clock.now() - Date.now()) < 1000)
})

test('timers fire in order, never early, and never within schedule()', async () => {
  const { clock } = system
  const done = deferred<void>(system)
  const log: string[] = []
  const start = clock.now()
  const record = (name: string, at: number) => clock.timer((now) => {
    assert.ok(now >= at, `${name} came ${at - now} ms early`)
    assert.is(now, clock.now())
    log.push(name)
    if (log.length === 4) done.resolve()
  })
  const third = record('third', start + 4)
  third.schedule(start + 1)
  record('second', start + 2.5).schedule(start + 2.5)
  record('first', start).schedule(start - 100)
  third.schedule(start + 4)
  record('fourth', start + 4).schedule(start + 4)
  assert.equal(log, [])
  await done.promise
  assert.equal(log, ['first', 'second', 'third', 'fourth'])
})

test('what is due at once takes no millisecond', async () => {
  const { clock } = system
  const start = clock.now()
  for (let i = 0; i < 200; i++) await sleep(system, 0)
  const took = clock.now() - start
  assert.ok(took < 150, `200 turns took ${took} ms`)
})

test('timers that schedule for the present do not starve the event loop', async () => {
  let stop = false
  let turns = 0
  const spin = system.clock.timer((now) => {
    turns++
    if (!stop) spin.schedule(now)
  })
  spin.schedule(0)
  await new Promise((resolve) => setTimeout(resolve, 5))
  stop = true
  assert.ok(turns > 1)
  await sleep(system, 2)
})

test('deadlines beyond what setTimeout can hold do not come at once', async () => {
  let fired = false
  const far = system.clock.timer(() => { fired = true })
  far.schedule(system.clock.now() + 2 ** 33)
  await sleep(system, 3)
  assert.not.ok(fired)
  far.cancel()
  assert.is(far.due, undefined)
})

test('randomness: all of the buffer, and not the same twice', () => {
  for (const length of [0, 1, 63, 64, 65, 70_000]) {
    const a = system.random.fill(new Uint8Array(length))
    assert.is(a.length, length)
    if (length > 60) {
      assert.not.equal(a, system.random.fill(new Uint8Array(length)))
      assert.ok(a.subarray(-40).some((byte) => byte !== 0))
    }
  }
  const seen = new Set(Array.from({ length: 3000 }, () => system.random.uint32()))
  assert.ok(seen.size > 2990)
})

test('where there is no setImmediate, messages serve', async () => {
  const real = globalThis.setImmediate
  Reflect.deleteProperty(globalThis, 'setImmediate')
  try {
    const log: number[] = []
    await new Promise<void>((resolve) => {
      nextTurn(() => log.push(1))
      nextTurn(() => {
        log.push(2)
        nextTurn(resolve)
      })
      void Promise.resolve().then(() => log.push(0))
    })
    assert.equal(log, [0, 1, 2])
  } finally {
    globalThis.setImmediate = real
  }
})

test('a process lives as long as a timer is armed, and no longer', async () => {
  const script = `
    import { system } from '@favonius/clock'
    if (process.argv[1] === 'messages') delete globalThis.setImmediate
    const idle = system.clock.timer(() => {})
    idle.schedule(system.clock.now() + 3_600_000)
    system.clock.timer(() => system.clock.timer(() => { console.log('fired'); idle.cancel() }).schedule(0)).schedule(system.clock.now() + 20)`
  for (const way of ['immediate', 'messages']) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@favonius/source', '--import', 'tsx', '--input-type=module', '-e', script, way],
      { timeout: 8000, cwd: fileURLToPath(new URL('..', import.meta.url)), env: { ...process.env, NODE_OPTIONS: '' } })
    assert.is(stdout, 'fired\n', way)
  }
})

test.run()
