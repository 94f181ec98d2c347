// Law 1: a protocol package touches no global. Its sources are compiled with nothing but ECMAScript and contract's
// platform.d.ts, so that timers, console, process, Buffer do not exist. What stands in an edge package that they import
// (`clock`) is not judged here.
import { relative } from 'node:path'
import ts from 'typescript'
import { root } from '../process.mjs'
import { files, packages } from '../workspace.mjs'

const judged = packages.filter((one) => !one.edge).flatMap((one) => files(`packages/${one.folder}/src`, /\.ts$/))
const { options } = ts.parseJsonConfigFileContent(
  { extends: './tsconfig.protocol.json', compilerOptions: { noEmit: true, customConditions: ['@favonius/source'] }, files: judged }, ts.sys, root)
if (options.types?.length !== 0 || String(options.lib) !== 'lib.es2022.d.ts') {
  console.error('tsconfig.protocol.json must say "lib": ["es2022"], "types": []')
  process.exit(1)
}

const program = ts.createProgram(judged, options)
const troubles = judged.flatMap((path) => {
  const file = program.getSourceFile(path)
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
})

// A `/// <reference types="node" />`, or a dependency that has one, would bring every global back for all of them.
const strangers = program.getSourceFiles().map((file) => relative(root, file.fileName)).filter((path) => /@types\/node|lib\.dom\.d\.ts/.test(path))
if (strangers.length) console.error(`Node's or the DOM's types came into the protocols' program, by way of an import: ${strangers[0]}`)
if (troubles.length) {
  console.error(ts.formatDiagnostics(troubles, { getCurrentDirectory: () => root, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }))
}
console.log(`${judged.length} files of ${packages.filter((one) => !one.edge).length} protocol packages`)
process.exitCode = troubles.length || strangers.length ? 1 : 0
