/** examples/two-tabs as people open it: twice, in one browser. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { peer, suite } from '@favonius/testing'
import { openBrowser } from './browser.ts'

const test = suite('web: two tabs', { timeout: 60_000 })

if (peer('chromium', { command: 'chromium', package: 'chromium' })) {
  test('two tabs with one page are two hosts that ping each other', async () => {
    const main = new URL('../../../examples/two-tabs/src/main.ts', import.meta.url).pathname
    const server = spawn(process.execPath, ['--import', 'tsx', '--conditions=@favonius/source', main, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = once(server, 'exit')
    let said = ''
    const watchers = new Set<() => void>()
    server.stdout.on('data', (data) => {
      said += String(data)
      for (const watcher of watchers) watcher()
    })
    const printed = (pattern: RegExp): Promise<RegExpExecArray> => new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(said)
        if (match !== null) resolve(match)
      }
      watchers.add(look)
      setTimeout(() => reject(new Error(`it did not print ${pattern}: ${said}`)), 30_000).unref()
      look()
    })
    const browser = await openBrowser()
    try {
      const [url] = await printed(/http:\S+/)
      await browser.tab(url)
      await browser.tab(url)
      const [, one, other] = await printed(/^(fe80::\S+): (fe80::\S+) answers after \d+\.\d\d ms$/m)
      assert.is.not(one, other)
      await printed(new RegExp(`^${other}: ${one} answers after `, 'm'))
      // A third one is met by both.
      await browser.tab(url)
      for (const host of [one, other]) await printed(new RegExp(`^${host}: (?!${one} |${other} )fe80::\\S+ answers after `, 'm'))
    } finally {
      await browser.close()
      server.kill()
      await gone
    }
  })
}

test.run()
