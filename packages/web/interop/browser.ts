/** Debian's chromium without a window, and tabs in it. */

import { chromium } from 'playwright-core'

/** Where Debian has it. */
const CHROMIUM = '/usr/bin/chromium'

/** A browser that runs. */
export interface Browser {
  /** Opens a tab, beside those that are open; it rejects when the page cannot be had. */
  tab(url: string): Promise<void>
  /** What pages threw and did not catch. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

/** Starts a browser with a profile of its own. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
  const context = await browser.newContext()
  const errors: string[] = []
  return {
    errors,
    async tab(url) {
      const page = await context.newPage()
      page.on('pageerror', (error) => void errors.push(`${url}: ${error.message}`))
      await page.goto(url, { waitUntil: 'commit' })
    },
    close: () => browser.close(),
  }
}
