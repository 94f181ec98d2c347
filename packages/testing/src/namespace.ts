/** A network namespace of the test's own, and programs that run in it. Linux, as root. */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'

/** What became of a program. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs on. */
export interface Running {
  /** Resolves when it has printed something that matches; rejects when it ends without. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** Ends it. */
  stop(): Promise<void>
}

/** A network namespace; `lo` is up in it. */
export interface Namespace {
  readonly name: string
  /** Runs a program to its end, without blocking this process: the stack in it must answer. */
  run(command: string, ...args: readonly string[]): Promise<Ran>
  /** As `run`, and throws when it does not exit with 0. Returns what it printed. */
  must(command: string, ...args: readonly string[]): Promise<string>
  start(command: string, ...args: readonly string[]): Running
  /** Ends what runs in it, and removes it. */
  remove(): Promise<void>
}

let made = 0

/** Makes a namespace with a name that no other process has. */
export function makeNamespace(): Namespace {
  const name = `fav-${process.pid}-${made++}`
  execFileSync('ip', ['netns', 'add', name])
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  const running = new Set<Running>()
  const begin = (command: string, args: readonly string[]): ChildProcess =>
    spawn('ip', ['netns', 'exec', name, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })

  const namespace: Namespace = {
    name,
    run: (command, ...args) => new Promise((resolve, reject) => {
      const child = begin(command, args)
      let [stdout, stderr] = ['', '']
      child.stdout!.on('data', (data) => { stdout += data })
      child.stderr!.on('data', (data) => { stderr += data })
      child.once('error', reject)
      child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
    }),
    async must(command, ...args) {
      const { code, stdout, stderr } = await namespace.run(command, ...args)
      if (code !== 0) throw new Error(`${[command, ...args].join(' ')} exited with ${code}: ${stderr}${stdout}`)
      return stdout
    },
    start(command, ...args) {
      const child = begin(command, args)
      let output = ''
      let ended = false
      const watchers = new Set<() => void>()
      const heard = (data: unknown): void => {
        output += String(data)
        for (const watcher of watchers) watcher()
      }
      child.stdout!.on('data', heard)
      child.stderr!.on('data', heard)
      const end = new Promise<void>((resolve) => child.once('close', () => {
        ended = true
        for (const watcher of watchers) watcher()
        resolve()
      }))
      const one: Running = {
        printed: (pattern) => new Promise((resolve, reject) => {
          const look = (): void => {
            const match = pattern.exec(output)
            if (match === null && !ended) return
            watchers.delete(look)
            if (match !== null) resolve(match)
            else reject(new Error(`${command} ended without printing ${pattern}: ${output}`))
          }
          watchers.add(look)
          look()
        }),
        async stop() {
          running.delete(one)
          child.kill('SIGTERM')
          await end
        },
      }
      running.add(one)
      return one
    },
    async remove() {
      for (const one of [...running]) await one.stop()
      execFileSync('ip', ['netns', 'del', name])
    },
  }
  return namespace
}
