/**
 * What it is, in one sentence.
 *
 * @packageDocumentation
 */
