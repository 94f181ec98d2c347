/** Errors for callers, under the names that errno and Node give them. */

/** The codes in use, and when each is given. */
export const errors = {
  EACCES: 'the way there is closed by an administrator (ICMP: communication prohibited)',
  EADDRINUSE: 'the address, or the address and port, is taken',
  EADDRNOTAVAIL: 'the address is not one of ours, or not usable yet',
  EAFNOSUPPORT: 'the address family is not composed into this stack',
  EAGAIN: 'nothing to read or no room to write now; try again later',
  EALREADY: 'the same request is under way',
  EBADF: 'the socket is closed',
  EBUSY: 'what was asked for is in use',
  ECANCELED: 'given up because what it waited for was taken down or stopped',
  ECONNABORTED: 'the connection was given up on our side',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the peer gave the connection up',
  EDESTADDRREQ: 'no destination was given, and the socket has no peer',
  EEXIST: 'it is there already',
  EHOSTDOWN: 'the host does not answer on its link',
  EHOSTUNREACH: 'the host cannot be reached',
  EINPROGRESS: 'it has begun, and is not finished',
  EINVAL: 'an argument is not of the form that is expected',
  EISCONN: 'the socket is connected already',
  EMSGSIZE: 'the message is larger than can be sent whole',
  ENETDOWN: 'the interface is down',
  ENETUNREACH: 'there is no route to that network',
  ENOBUFS: 'no packet buffer is free, or a table is full',
  ENODEV: 'there is no such interface',
  ENOENT: 'there is no such entry',
  ENOPROTOOPT: 'there is no such option',
  ENOTCONN: 'the socket has no peer',
  EOPNOTSUPP: 'this kind of socket or interface cannot do that',
  EPERM: 'this is not permitted here',
  EPIPE: 'the writing side is closed',
  EPROTO: 'the peer could not make sense of what it was sent',
  EPROTONOSUPPORT: 'the protocol is not composed into this stack',
  ETIMEDOUT: 'no answer in time',
} as const

/** A code with a row in `errors`. */
export type ErrorCode = keyof typeof errors

/** A TypeError with code EINVAL, for text that is not of the form that is expected. */
export function misformed(message: string): TypeError & { code: string } {
  return Object.assign(new TypeError(message), { code: 'EINVAL' })
}

/** An error whose `code` is errno's name for it. Its message says what happened and what to do. */
export function failure(code: ErrorCode | (string & {}), message: string): Error & { code: string } {
  return Object.assign(new Error(message), { code })
}
