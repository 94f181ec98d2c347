/**
 * Composes features into a stack.
 *
 * @packageDocumentation
 */

export { compose, type Stack } from './compose.ts'
