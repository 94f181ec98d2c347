// The house: which package may import which. A floor imports what is below it; what stands on one floor does not know its
// neighbours at run time, except what it selects. Types may also come from the same floor. Nothing imports upward.

const floors = [
  ['contract'],
  ['kconfig', 'inet', 'clock'],
  ['netbuf'],
  ['netif'],
  ['sixlowpan'],
  ['ethernet', 'ieee802154', 'bluetooth', 'slip', 'canbus'],
  ['ip'], // NET_IP, the hidden base of the network floor
  ['ipv4', 'ipv6', 'rpl'],
  ['sockets'], // below the transports, which it knows by contract's types: TCP brings its stream sockets along
  ['udp', 'tcp'],
  ['dhcpv4', 'dns', 'coap', 'mqtt', 'lwm2m', 'http', 'tls', 'dtls'],
  ['stack'],
  ['tap', 'node', 'web', 'pcap', 'zep', 'serial', 'qemu'], // edges
  ['sim', 'testing'], // tools
  ['cli', 'lab'],
]

/** Neighbours that one may import at run time: Kconfig's `select` on the same floor. */
const selects = { lwm2m: ['coap'], node: ['web'] } // the server's end of a WebSocket is the same device as the client's

/** `packages/udp/` of any of these; what the sources of another package are, whether reached by name or by a path. */
const inside = (names) => `^packages/(?:${names.join('|')})/`
const source = (name) => `^packages/${name}/src/`

const upward = floors.slice(0, -1).flatMap((floor, level) => floor.map((name) => ({
  name: `floor-of-${name}`,
  comment: `${name} may import only what is on the floors below it`,
  severity: 'error',
  from: { path: source(name) },
  to: { path: inside(floors.slice(level + 1).flat()) },
})))

const sideways = floors.flatMap((floor) => floor.map((name) => ({ name, others: floor.filter((other) => other !== name && !selects[name]?.includes(other)) })))
  .filter(({ others }) => others.length > 0)
  .map(({ name, others }) => ({
    name: `neighbours-of-${name}`,
    comment: `${name} must not import its neighbours at run time: import their types, or select them (law 2, .dependency-cruiser.cjs)`,
    severity: 'error',
    from: { path: source(name) },
    to: { path: inside(others), dependencyTypesNot: ['type-only'] },
  }))

module.exports = {
  forbidden: [
    ...upward,
    ...sideways,
    {
      name: 'unknown-package',
      comment: 'a package that is on no floor: add it to `floors` in .dependency-cruiser.cjs',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: inside(floors.flat()) },
      to: {},
    },
    {
      name: 'contract-has-no-code',
      comment: 'contract is types only: import it by `import type`',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: source('contract') },
      to: { path: inside(['contract']), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'contract-imports-types',
      comment: 'contract is types only, its own files too',
      severity: 'error',
      from: { path: source('contract') },
      to: { dependencyTypesNot: ['type-only', 'export'] },
    },
    {
      name: 'by-name',
      comment: "another package's files are its own business: import it by name, as what its exports offer",
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-circles',
      comment: 'two files that import each other are one file, or three; a circle of types alone is harmless',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-tools-in-src',
      comment: 'src must not import what only development needs',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'not-found',
      comment: 'this import leads nowhere',
      severity: 'error',
      from: { path: '^(packages|examples|bench)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'sources-know-no-tests',
      comment: 'src must not import tests, benchmarks or examples',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(packages/[^/]+/(test|interop|soak|bench)|bench|examples)/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    tsPreCompilationDeps: 'specify', // tells type-only imports from others
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['es6'],
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@favonius/source', 'types', 'import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.d.ts'],
    },
  },
}
