/**
 * Composes features into a stack.
 *
 * @packageDocumentation
 */

export { compose, type Met, type Stack } from './compose.ts'
