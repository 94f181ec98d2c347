// Starting programs: with their output kept for a report, or shown as it comes.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

// No tool that we start reports home.
process.env.TURBO_TELEMETRY_DISABLED = '1'
process.env.DO_NOT_TRACK = '1'

/** The folder of the repository. */
export const root = join(import.meta.dirname, '..')

/** Flags that make Node run TypeScript, and take workspace packages from their sources. Nothing needs to be built. */
export const fromSource = ['--import', 'tsx', '--conditions=@favonius/source']

/** A program that a devDependency of the root brings. */
export const bin = (name) => join(root, 'node_modules', '.bin', name)

/** The pnpm that package.json pins, whether or not one is installed. */
export const pnpm = (version, ...args) => ['npx', ['--yes', `pnpm@${version}`, ...args]]

/**
 * Runs a program to its end; never rejects. `code` is its exit code, 1 when a signal ended it, 124 when `timeout`
 * (milliseconds) did. With `show` its output is passed on as it comes; it is returned as `output` either way.
 * Its stdin is closed, because none of our tools asks anything.
 */
export function run(program, args, { cwd = root, env = {}, timeout, show = false } = {}) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let late = false
    const timer = timeout && setTimeout(() => { late = true; child.kill('SIGKILL') }, timeout)
    const end = (code) => {
      clearTimeout(timer)
      done({ code: late ? 124 : code ?? 1, output: late ? `${output}\nstopped: still running after ${timeout} ms\n` : output })
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        output += text
        if (show) process.stdout.write(text)
      })
    }
    child.on('error', (error) => { output += `${program}: ${error.message}\n`; end(127) })
    child.on('close', end)
  })
}

/** Runs a program that a person talks to: stdin, stdout and signals are its own. Resolves to its exit code. */
export function runOpenly(program, args, { cwd = root, env = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' })
    // Ctrl-C reaches the child from the terminal; leaving here first would cut off its last words.
    const ignore = () => {}
    process.on('SIGINT', ignore)
    process.on('SIGTERM', () => child.kill('SIGTERM'))
    child.on('error', (error) => { console.error(`${program}: ${error.message}`); done(127) })
    child.on('close', (code) => done(code ?? 1))
  })
}

/** `work(item)` for each item, at most `width` at a time; results in the items' order. */
export async function pool(items, width, work) {
  const results = new Array(items.length)
  let next = 0
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, async () => {
    while (next < items.length) {
      const mine = next++
      results[mine] = await work(items[mine], mine)
    }
  }))
  return results
}

// oxlint-disable-next-line no-control-regex -- an escape character is what colours begin with
export const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, '')

/** `1.4 s`. */
export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`
