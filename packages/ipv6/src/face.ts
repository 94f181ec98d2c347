export { ipv6Options } from './options.ts'
export { Ipv6Layer } from './layer.ts'
export { compareSources, labelOf, policyTable, selectSource, type Policy, type SourceCandidate } from './source.ts'
export type {
  DirectRoute, DuplicateDetector, ExtensionHandler, ForwardHandler, IcmpHandler, IdentifierMaker, Ipv6, LinkSettings, NewAddress, NextHop, NextHopProvider, OptionHandler,
  OversizeHandler, PathMtu,
} from './ipv6.ts'
