/** Debian's chromium without a window, and tabs in it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A browser that runs. */
export interface Browser {
  /** Opens a tab, beside those that are open. */
  tab(url: string): Promise<void>
  close(): Promise<void>
}

/** Starts a browser with a profile of its own. */
export async function openBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'favonius-web-'))
  const browser = spawn('chromium', [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank',
  ], { stdio: ['ignore', 'ignore', 'pipe'] })
  // Its other processes hold the pipe too, and write to the profile until they end.
  const gone = once(browser, 'close')
  const debugging = await new Promise<string>((resolve, reject) => {
    let said = ''
    browser.stderr.on('data', (data) => {
      said += String(data)
      const [, host] = /DevTools listening on ws:\/\/([^/]+)\//.exec(said) ?? []
      if (host !== undefined) resolve(host)
    })
    void gone.then(() => reject(new Error(`chromium ended: ${said}`)))
  })
  return {
    async tab(url) {
      const { ok, status } = await fetch(`http://${debugging}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' })
      if (!ok) throw new Error(`chromium opens no tab: ${status}`)
    },
    async close() {
      browser.kill()
      await gone
      rmSync(profile, { recursive: true, force: true, maxRetries: 20 })
    },
  }
}
