/** Node's bytes as everyone else knows them: `slice` of a Buffer is a view, of a Uint8Array a copy, and whoever keeps what is borrowed relies on that. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: Buffer): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)
