/** Who is who in TLS: in plain types, so that who uses the seams needs no types of Node's. */

/** In PEM, one or more. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/**
 * Of the options of node:tls those that say who is who, and how. For listeners `cert` and `key` are needed; for connections `ca`, unless the peer's certificate is
 * signed by one that Node knows, and `servername`, unless it is made out to the peer's address.
 */
export interface NodeTls {
  /** Authorities that are trusted; those that Node knows unless given. */
  readonly ca?: Pem
  /** Our certificate, with those that lead to its authority. */
  readonly cert?: Pem
  readonly key?: Pem
  /** Of `key`. */
  readonly passphrase?: string
  /** Of connections: whom the peer's certificate must name, and what is asked for by name (SNI, RFC 6066 §3). */
  readonly servername?: string
  /** RFC 7301. Who shares no protocol is refused. */
  readonly ALPNProtocols?: readonly string[]
  /** Of listeners: clients are asked for certificates, which those of `ca` must have signed. */
  readonly requestCert?: boolean
  /** False: whoever the peer is. */
  readonly rejectUnauthorized?: boolean
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** As OpenSSL names them. */
  readonly ciphers?: string
  /** Of listeners: milliseconds for the handshake, 120 000 unless given. */
  readonly handshakeTimeout?: number
}
