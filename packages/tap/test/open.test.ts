import { openTap, type TapError, type TapOptions } from '@favonius/tap'
import { suite } from '@favonius/testing'
import * as assert from 'uvu/assert'
import { refusedAttach, refusedNamespace, refusedOpen } from '../src/error.ts'
import { loadKernel } from '../src/kernel.ts'
import { interfaceName, linkAddress } from '../src/open.ts'

const test = suite('tap: opening')

const rejection = async (options: TapOptions): Promise<TapError> => openTap(options).then(
  async (device) => { await device.stop(); throw new Error('it was opened') },
  (error: unknown) => error as TapError,
)

test('options that cannot be are refused before the kernel is asked', async () => {
  for (const [options, message] of [
    [{ name: 'a-name-that-is-too-long' }, /1 to 15 bytes/],
    [{ name: '' }, /no name/],
    [{ name: 'a/b' }, /no name/],
    [{ name: 'fav%s' }, /no name/],
    [{ mtu: 67 }, /from 68 to 65521/],
    [{ mtu: 1.5 }, /whole number/],
    [{ address: '01:00:5e:00:00:01' }, /not a group/],
    [{ address: '02:00:5e' }, /six bytes/],
    [{ mode: 'tip' as 'tap' }, /'tap' or 'tun'/],
  ] as const) {
    const error = await rejection(options)
    assert.is(error.code, 'ERR_TAP_OPTION', JSON.stringify(options))
    assert.is(error.name, 'TapError')
    assert.match(error.message, message)
  }
})

test('names that the kernel takes', () => {
  for (const name of ['fav0', 'fav%d', 'a', 'fifteen-letters', 'été']) assert.is(interfaceName(name), name)
  for (const name of ['.', '..', 'sixteen-letters!', 'a b', 'a:b', 'éééééééé', '%d%d']) assert.throws(() => interfaceName(name), /no name/)
})

test('addresses: given, or random and locally administered', () => {
  const given = linkAddress('02:00:5E:00:53:ff')
  assert.equal([given.length, given.hi, given.lo, String(given)], [6, 0x0200, 0x5e0053ff, '02:00:5e:00:53:ff'])
  assert.is(linkAddress('02-ff-80-00-00-01').lo, 0x8000_0001 | 0)
  assert.is(linkAddress(given), given)
  assert.throws(() => linkAddress({ length: 8, hi: 0, lo: 0 }), /has 8/)
  const seen = new Set<string>()
  for (let i = 0; i < 50; i++) {
    const made = linkAddress(undefined)
    assert.is((made.hi >>> 8) & 3, 2)
    seen.add(String(made))
  }
  assert.is(seen.size, 50)
})

test('elsewhere than on Linux it says so', async () => {
  const error = await loadKernel('darwin').then(() => undefined, (reason: unknown) => reason as TapError)
  assert.is(error?.code, 'ERR_TAP_PLATFORM')
  assert.match(error!.message, /this is darwin/)
})

test('every refusal says what to do', () => {
  const attempt = { name: 'fav0', mode: 'tap' } as const
  assert.match(refusedOpen('ENOENT').message, /modprobe tun/)
  assert.match(refusedOpen('EACCES').message, /chmod 666/)
  const denied = refusedAttach('EPERM', attempt)
  assert.is(denied.code, 'EPERM')
  assert.match(denied.message, /sudo ip tuntap add dev fav0 mode tap user \$USER/)
  assert.match(denied.message, /unshare -Urn/)
  assert.match(refusedAttach('EPERM', { ...attempt, namespace: 'lab' }).message, /ip -n lab tuntap/)
  assert.match(refusedAttach('EPERM', { ...attempt, name: 'fav%d' }).message, /^a tap device may not .* add dev fav0 /)
  assert.match(refusedAttach('EBUSY', attempt).message, /fav0 is in use/)
  assert.match(refusedAttach('EINVAL', attempt).message, /another kind/)
  assert.match(refusedAttach('ENOMEM', attempt).message, /ENOMEM/)
  assert.match(refusedNamespace('ENOENT', 'lab').message, /ip netns add lab/)
  assert.match(refusedNamespace('EPERM', 'lab').message, /CAP_SYS_ADMIN/)
})

test.run()
