/** The system calls that Node has no function for, by koffi. */

import type * as Koffi from 'koffi'
import { TapError } from './error.ts'

/** Loaded once, when the first device is opened. */
export interface Kernel {
  /** `address` is a number, so that neither a view nor a BigInt is made per frame: `addressOf(u8) + offset`. */
  read(fd: number, address: number, size: number): number
  write(fd: number, address: number, size: number): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  /** An ioctl whose argument is a number. */
  ioctlValue(fd: number, request: number, value: number): number
  /** For descriptors that came from here: Deno's `fs.closeSync` knows its own alone. */
  close(fd: number): number
  socket(domain: number, type: number, protocol: number): number
  setns(fd: number, kind: number): number
  eventfd(initial: number, flags: number): number
  /** `poll(2)` in another thread. */
  poll(address: number, count: number, timeout: number, done: () => void): void
  /** Of the call before. */
  errno(): number
  /** `EAGAIN`, of a number. */
  errorName(errno: number): string
  /** Where the first byte of `u8` is in memory. It must not be a small array that the engine may move. */
  addressOf(u8: Uint8Array): number
}

/** Linux's numbers, the same on every architecture that Node runs on. */
export const errors = { EIO: 5, EAGAIN: 11, EINVAL: 22, EINTR: 4 } as const

let loaded: Promise<Kernel> | undefined

/** Loads koffi. Rejects with `ERR_TAP_PLATFORM` or `ERR_TAP_FFI`. */
export function loadKernel(platform: string = process.platform): Promise<Kernel> {
  if (platform !== 'linux') {
    return Promise.reject(new TapError('ERR_TAP_PLATFORM', `TUN and TAP devices are Linux's; this is ${platform}. Use a virtual machine or WSL 2, or a simulated network (@favonius/sim)`))
  }
  return (loaded ??= load())
}

async function load(): Promise<Kernel> {
  let koffi: typeof Koffi
  try {
    koffi = await import('koffi')
  } catch (cause) {
    loaded = undefined
    throw new TapError('ERR_TAP_FFI', `koffi cannot be loaded: run \`npm install koffi\`; its prebuilt binaries are optional dependencies, so not with \`--omit=optional\` (${(cause as Error).message})`, { cause })
  }
  // What the process has loaded already: glibc or musl.
  const libc = koffi.load(null)
  const poll = libc.func('int poll(uintptr_t fds, unsigned long count, int timeout)')
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]))
  return {
    read: libc.func('long read(int fd, uintptr_t buffer, size_t size)'),
    write: libc.func('long write(int fd, uintptr_t buffer, size_t size)'),
    ioctl: libc.func('int ioctl(int fd, unsigned long request, uint8_t *argument)'),
    ioctlValue: libc.func('int ioctl(int fd, unsigned long request, unsigned long argument)'),
    close: libc.func('int close(int fd)'),
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    setns: libc.func('int setns(int fd, int kind)'),
    eventfd: libc.func('int eventfd(unsigned int initial, int flags)'),
    poll: (address, count, timeout, done) => poll.async(address, count, timeout, done),
    errno: () => koffi.errno(),
    errorName: (errno) => names.get(errno) ?? `errno ${errno}`,
    addressOf: (u8) => Number(koffi.address(u8)),
  }
}
