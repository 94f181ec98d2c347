/** A mistake in how a stack is composed or configured; the message says what to do. */
export class ConfigError extends Error {
  /** Tells it apart without `instanceof`, which fails between two copies of this package. */
  readonly code = 'ERR_CONFIG'
  override readonly name = 'ConfigError'
}
