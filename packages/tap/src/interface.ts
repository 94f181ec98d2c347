/** The host's side of a device: making it, and asking it things, by ioctl. `if_tun.h`, `netdevice(7)`. */

import { closeSync, constants, openSync } from 'node:fs'
import { refusedAttach, refusedNamespace, refusedOpen } from './error.ts'
import type { Kernel } from './kernel.ts'
import { HEADER } from './wire.ts'

/** Requests of `ioctl`. */
const TUNSETIFF = 0x4004_54ca
const TUNSETOFFLOAD = 0x4004_54d0
const TUNSETVNETHDRSZ = 0x4004_54d8
const TUNSETVNETLE = 0x4004_54dc
const SIOCGIFFLAGS = 0x8913
const SIOCSIFFLAGS = 0x8914
const SIOCGIFMTU = 0x8921
const SIOCSIFMTU = 0x8922

/** Flags of TUNSETIFF. */
const IFF_TUN = 0x0001
const IFF_TAP = 0x0002
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000
/** What we take from the kernel unfinished. TUN_F_TSO4 (2) and TUN_F_TSO6 (4) join it once the layers above take large segments. */
const TUN_F_CSUM = 1
const TUN_F_TSO4 = 2
const TUN_F_TSO6 = 4

const IFF_UP = 0x1

const AF_INET = 2
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const CLONE_NEWNET = 0x4000_0000

/** `struct ifreq`: a name of 16 bytes, and a union. */
const IFREQ = { size: 40, name: 0, nameSize: 16, value: 16 } as const

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** A device's descriptor, and the host's interface that goes with it. */
export class HostInterface {
  /** The descriptor that frames are read from and written to, non-blocking. */
  readonly fd: number
  /** The kernel's name of it: `fav0`. */
  readonly name: string
  readonly #kernel: Kernel
  /** A socket in the interface's namespace, to ask of it. */
  readonly #socket: number
  readonly #request = new DataView(new ArrayBuffer(IFREQ.size))

  private constructor(kernel: Kernel, fd: number, socket: number, name: string) {
    this.#kernel = kernel
    this.fd = fd
    this.#socket = socket
    this.name = name
    new Uint8Array(this.#request.buffer).set(new TextEncoder().encode(name).subarray(0, IFREQ.nameSize - 1))
  }

  /** Makes the interface, or attaches to one that is there. Throws a TapError. */
  static open(kernel: Kernel, { name, mode, offload, namespace }: {
    readonly name: string; readonly mode: 'tap' | 'tun'; readonly offload: boolean; readonly namespace: string | undefined
  }): HostInterface {
    return within(kernel, namespace, () => {
      let fd: number
      try {
        fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK)
      } catch (cause) {
        throw refusedOpen((cause as NodeJS.ErrnoException).code ?? 'EIO', cause)
      }
      try {
        const request = new Uint8Array(IFREQ.size)
        request.set(new TextEncoder().encode(name))
        const flags = (mode === 'tap' ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0)
        new DataView(request.buffer).setUint16(IFREQ.value, flags, littleEndian)
        const attempt = { name, mode, namespace }
        const check = (result: number): void => {
          if (result < 0) throw refusedAttach(kernel.errorName(kernel.errno()), attempt)
        }
        check(kernel.ioctl(fd, TUNSETIFF, request))
        if (offload) {
          const word = new DataView(new ArrayBuffer(4))
          const value = (number: number): Uint8Array => (word.setUint32(0, number, littleEndian), new Uint8Array(word.buffer))
          check(kernel.ioctl(fd, TUNSETVNETHDRSZ, value(HEADER)))
          check(kernel.ioctl(fd, TUNSETVNETLE, value(1)))
        }
        // A persistent interface remembers what its last user took.
        check(kernel.ioctlValue(fd, TUNSETOFFLOAD, offload ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0))
        const socket = kernel.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0)
        check(socket)
        const end = request.indexOf(0)
        return new HostInterface(kernel, fd, socket, new TextDecoder().decode(request.subarray(0, Math.min(end, IFREQ.nameSize))))
      } catch (error) {
        closeSync(fd)
        throw error
      }
    })
  }

  /** Whether the host has the interface up: what our side calls carrier. The kernel takes and gives no frames while it is down. */
  get up(): boolean {
    return this.#ask(SIOCGIFFLAGS) && (this.#request.getUint16(IFREQ.value, littleEndian) & IFF_UP) !== 0
  }

  /** Brings it up. False where this user may not, as with an interface that root has made for them. */
  raise(): boolean {
    if (!this.#ask(SIOCGIFFLAGS)) return false
    this.#request.setUint16(IFREQ.value, this.#request.getUint16(IFREQ.value, littleEndian) | IFF_UP, littleEndian)
    return this.#ask(SIOCSIFFLAGS)
  }

  /** Bytes of the largest IP packet. */
  get mtu(): number {
    return this.#ask(SIOCGIFMTU) ? this.#request.getInt32(IFREQ.value, littleEndian) : 1500
  }

  /** False where this user may not. */
  setMtu(mtu: number): boolean {
    this.#request.setInt32(IFREQ.value, mtu, littleEndian)
    return this.#ask(SIOCSIFMTU)
  }

  /** Gives the socket back; the descriptor belongs to who reads it. */
  close(): void {
    this.#kernel.close(this.#socket)
  }

  #ask(request: number): boolean {
    return this.#kernel.ioctl(this.#socket, request, new Uint8Array(this.#request.buffer)) >= 0
  }
}

/**
 * Runs `body` in a network namespace. What is opened there stays there. All of it is synchronous, so the thread is back in
 * its own namespace before anything else can run on it.
 */
function within<T>(kernel: Kernel, namespace: string | undefined, body: () => T): T {
  if (namespace === undefined) return body()
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    let there: number
    try {
      there = openSync(namespace.includes('/') ? namespace : `/var/run/netns/${namespace}`, 'r')
    } catch (cause) {
      throw refusedNamespace((cause as NodeJS.ErrnoException).code ?? 'EIO', namespace)
    }
    try {
      if (kernel.setns(there, CLONE_NEWNET) < 0) throw refusedNamespace(kernel.errorName(kernel.errno()), namespace)
    } finally {
      closeSync(there)
    }
    let outcome: { readonly value: T } | { readonly error: unknown }
    try {
      outcome = { value: body() }
    } catch (error) {
      outcome = { error }
    }
    if (kernel.setns(home, CLONE_NEWNET) < 0) throw refusedNamespace(kernel.errorName(kernel.errno()), 'that this program came from')
    if ('error' in outcome) throw outcome.error
    return outcome.value
  } finally {
    closeSync(home)
  }
}
