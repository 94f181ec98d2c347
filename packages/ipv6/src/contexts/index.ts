/**
 * Contexts of 6LoWPAN as routers tell of them (RFC 6775 §4.2, §5.4): prefixes that addresses are compressed by.
 *
 * @packageDocumentation
 */

import type { AddressContexts, Netif } from '@favonius/contract'
import { feature, type } from '@favonius/kconfig'
import { routers } from '../routers/index.ts'
import { LearnedContexts } from './contexts.ts'

export { LearnedContexts, type ContextsParts } from './contexts.ts'

/** Tells 6LoWPAN of the contexts that routers advertise; selects `routers()`, which hears of them. Without it contexts are set by hand. */
export const contexts = /* @__PURE__ */ feature({
  name: 'contexts',
  symbol: 'CONFIG_NET_6LO_CONTEXT',
  selects: [routers()],
  needs: { sixlowpan: type<AddressContexts>(), netif: type<Netif>() },
  create(parts, { onStop }): LearnedContexts {
    const learned = new LearnedContexts(parts)
    onStop(() => learned.stop())
    return learned
  },
})
