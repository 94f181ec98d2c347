// What is in the workspace: its packages, what they depend on, and which of them are protocols.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './process.mjs'

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** `{ folder, path, manifest, edge }` of every package under packages/. An edge may touch the platform; the rest are protocols. */
export const packages = readdirSync(join(root, 'packages'))
  .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
  .map((folder) => {
    const path = join(root, 'packages', folder)
    const tsconfig = join(path, 'tsconfig.json')
    return {
      folder,
      path,
      manifest: readJson(join(path, 'package.json')),
      edge: existsSync(tsconfig) && readJson(tsconfig).extends.endsWith('/tsconfig.edge.json'),
    }
  })

/** The packages named, and all workspace packages they depend on. Names without the scope. */
export function withDependencies(folders) {
  const found = new Set()
  const visit = (folder) => {
    if (found.has(folder)) return
    const one = packages.find((p) => p.folder === folder)
    if (!one) throw new Error(`there is no package ${folder} under packages/`)
    found.add(folder)
    for (const name of Object.keys(one.manifest.dependencies ?? {})) {
      if (name.startsWith('@favonius/')) visit(name.slice('@favonius/'.length))
    }
  }
  folders.forEach(visit)
  return [...found].sort()
}

/** Files below `folder` (relative to the root) whose relative path matches; node_modules, dist and hidden folders are left out. */
export function files(folder, pattern) {
  const found = []
  const visit = (path) => {
    if (!existsSync(path)) return
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) continue
      const full = join(path, entry.name)
      if (entry.isDirectory()) visit(full)
      else if (pattern.test(relative(root, full))) found.push(relative(root, full))
    }
  }
  visit(join(root, folder))
  return found.sort()
}

/** Keeps what contains one of the words given, or everything when none is. `packages/udp` and `udp/test/wire` both work. */
export const filtered = (paths, words) =>
  words.length ? paths.filter((path) => words.some((word) => path.includes(word.replace(/^\.\//, '').replace(/\/$/, '')))) : paths
