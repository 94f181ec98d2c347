/** Certificates that are made for a test, by openssl. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Identity {
  readonly key: Buffer
  readonly cert: Buffer
}

/** An authority of its own, and who it vouches for. */
export interface Authority extends Identity {
  /** `names` as openssl has them: `IP:127.0.0.1,DNS:server.example`. */
  issue(name: string, names?: string): Identity
}

/** Runs openssl in a folder with these files, and returns the two that it makes. */
function make(files: Readonly<Record<string, Buffer | string>>, ...args: readonly string[]): Identity {
  const folder = mkdtempSync(join(tmpdir(), 'favonius-tls-'))
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem']
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, '-out', 'cert.pem', ...args], { cwd: folder, stdio: 'ignore' })
    return { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export function authority(): Authority {
  const own = make({}, '-subj', '/CN=an authority')
  return {
    ...own,
    issue: (name, names = `DNS:${name}`) => make({ 'ca.pem': own.cert, 'ca.key': own.key },
      '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=critical,CA:FALSE', '-CA', 'ca.pem', '-CAkey', 'ca.key'),
  }
}
