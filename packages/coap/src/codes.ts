/** Codes, class times 32 and detail: RFC 7252 §12.1, RFC 7959 §6, RFC 8132 §6, RFC 8516 §3. */

/** 0.00 */
export const EMPTY = 0
/** 0.01 */
export const GET = 1
/** 0.02 */
export const POST = 2
/** 0.03 */
export const PUT = 3
/** 0.04 */
export const DELETE = 4
/** 0.05 */
export const FETCH = 5
/** 0.06 */
export const PATCH = 6
/** 0.07 */
export const IPATCH = 7
/** 2.01 */
export const CREATED = 0x41
/** 2.02 */
export const DELETED = 0x42
/** 2.03 */
export const VALID = 0x43
/** 2.04 */
export const CHANGED = 0x44
/** 2.05 */
export const CONTENT = 0x45
/** 2.31 */
export const CONTINUE = 0x5f
/** 4.00 */
export const BAD_REQUEST = 0x80
/** 4.01 */
export const UNAUTHORIZED = 0x81
/** 4.02 */
export const BAD_OPTION = 0x82
/** 4.03 */
export const FORBIDDEN = 0x83
/** 4.04 */
export const NOT_FOUND = 0x84
/** 4.05 */
export const METHOD_NOT_ALLOWED = 0x85
/** 4.06 */
export const NOT_ACCEPTABLE = 0x86
/** 4.08 */
export const REQUEST_ENTITY_INCOMPLETE = 0x88
/** 4.09 */
export const CONFLICT = 0x89
/** 4.12 */
export const PRECONDITION_FAILED = 0x8c
/** 4.13 */
export const REQUEST_ENTITY_TOO_LARGE = 0x8d
/** 4.15 */
export const UNSUPPORTED_CONTENT_FORMAT = 0x8f
/** 4.22 */
export const UNPROCESSABLE_ENTITY = 0x96
/** 4.29 */
export const TOO_MANY_REQUESTS = 0x9d
/** 5.00 */
export const INTERNAL_SERVER_ERROR = 0xa0
/** 5.01 */
export const NOT_IMPLEMENTED = 0xa1
/** 5.02 */
export const BAD_GATEWAY = 0xa2
/** 5.03 */
export const SERVICE_UNAVAILABLE = 0xa3
/** 5.04 */
export const GATEWAY_TIMEOUT = 0xa4
/** 5.05 */
export const PROXYING_NOT_SUPPORTED = 0xa5
