/**
 * Captures to a file. For Node; the rest of the package is bytes alone.
 *
 * @packageDocumentation
 */

import { closeSync, openSync, writeSync } from 'node:fs'
import type { Clock, Netif } from '@favonius/contract'
import { capture, type Capture, type CaptureOptions } from './capture.ts'
import type { WriteBlock } from './writer.ts'

/** A file that takes blocks. */
export interface BlockFile {
  /** Writes a block before it returns, so that a crash loses none. Nothing once the file is closed. */
  readonly write: WriteBlock
  close(): void
}

/** Opens `path` for writing, empty. A named pipe is fine: `mkfifo p; wireshark -k -i p`. Throws what `fs.openSync` throws. */
export function blockFile(path: string): BlockFile {
  let fd: number | undefined = openSync(path, 'w')
  return {
    write(block) {
      for (let done = 0; fd !== undefined && done < block.length;) done += writeSync(fd, block, done)
    },
    close() {
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}

/** Captures a stack to the file `path`, as `capture` does; `close` closes the file. */
export function captureFile(netif: Pick<Netif, 'tap'>, clock: Clock, path: string, options: CaptureOptions = {}): Capture {
  const file = blockFile(path)
  const under = capture(netif, clock, file.write, options)
  return {
    flush: () => under.flush(),
    close() {
      under.close()
      file.close()
    },
  }
}
