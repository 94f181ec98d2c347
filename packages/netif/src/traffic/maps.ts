/** Which priority goes into which class: IEEE 802.1Q-2022, tables 8-4, 34-1 and 34-2, as Zephyr has them. */

/** NET_TC_MAPPING_STRICT, …_SR_CLASS_A_AND_B, …_SR_CLASS_B_ONLY. */
export type Mapping = 'strict' | 'sr-class-a-and-b' | 'sr-class-b-only'

/** The class of each priority, 0 to 7. */
type Row = readonly [number, number, number, number, number, number, number, number]

const ONE: Row = [0, 0, 0, 0, 0, 0, 0, 0]

/**
 * For each mapping and each number of classes, from 1, the class of each priority; the highest class goes first. Priority 1 is the
 * background, below 0 (table 8-2). Where streams are reserved (SR), their classes, priorities 3 and 2, go before all others.
 */
export const maps: Readonly<Record<Mapping, readonly Row[]>> = {
  // priority                  0  1  2  3  4  5  6  7
  'strict': [
    ONE,
    /* 2 classes */           [0, 0, 0, 0, 1, 1, 1, 1],
    /* 3 */                   [0, 0, 0, 0, 1, 1, 2, 2],
    /* 4 */                   [0, 0, 1, 1, 2, 2, 3, 3],
    /* 5 */                   [0, 0, 1, 1, 2, 2, 3, 4],
    /* 6 */                   [1, 0, 2, 2, 3, 3, 4, 5],
    /* 7 */                   [1, 0, 2, 3, 4, 4, 5, 6],
    /* 8 */                   [1, 0, 2, 3, 4, 5, 6, 7],
  ],
  'sr-class-a-and-b': [
    ONE,
    /* 2 classes */           [0, 0, 1, 1, 0, 0, 0, 0],
    /* 3 */                   [0, 0, 1, 2, 0, 0, 0, 0],
    /* 4 */                   [0, 0, 2, 3, 1, 1, 1, 1],
    /* 5 */                   [0, 0, 3, 4, 1, 1, 2, 2],
    /* 6 */                   [0, 0, 4, 5, 1, 1, 2, 3],
    /* 7 */                   [0, 0, 5, 6, 1, 2, 3, 4],
    /* 8 */                   [1, 0, 6, 7, 2, 3, 4, 5],
  ],
  'sr-class-b-only': [
    ONE,
    /* 2 classes */           [0, 0, 1, 0, 0, 0, 0, 0],
    /* 3 */                   [0, 0, 2, 0, 1, 1, 1, 1],
    /* 4 */                   [0, 0, 3, 0, 1, 1, 2, 2],
    /* 5 */                   [0, 0, 4, 1, 2, 2, 3, 3],
    /* 6 */                   [0, 0, 5, 1, 2, 2, 3, 4],
    /* 7 */                   [1, 0, 6, 2, 3, 3, 4, 5],
    /* 8 */                   [1, 0, 7, 2, 3, 4, 5, 6],
  ],
}

/**
 * Priorities that skip the queues when NET_TC_SKIP_FOR_HIGH_PRIO is set: critical applications and what is above them, or the
 * reserved streams, which are above all. Nothing that has to wait is more urgent than what skips. (Zephyr lets priority 3 alone
 * skip, so that it overtakes 4 to 7.)
 */
export const skipping: Readonly<Record<Mapping, readonly number[]>> = {
  'strict': [3, 4, 5, 6, 7],
  'sr-class-a-and-b': [2, 3],
  'sr-class-b-only': [2],
}
