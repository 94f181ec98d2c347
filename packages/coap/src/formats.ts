/** Content formats that everybody knows: RFC 7252 §12.3. */

/** text/plain; charset=utf-8 */
export const TEXT = 0
/** application/link-format (RFC 6690) */
export const LINK = 40
/** application/xml */
export const XML = 41
/** application/octet-stream */
export const OCTETS = 42
/** application/exi */
export const EXI = 47
/** application/json */
export const JSON = 50
/** application/cbor */
export const CBOR = 60
