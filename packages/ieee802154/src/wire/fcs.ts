/** The frame check sequence of two bytes (IEEE 802.15.4-2015 §7.2.10): ITU-T's CRC-16, least significant bit first, from zero. CRC-16/Kermit. */

/** Bytes of it, at the end of each frame; a radio adds and checks it. */
export const FCS = 2

/** Of the bytes `from … to`. It goes out low byte first; over a whole frame with it, good ones give 0. */
export function fcs(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = 0
  for (let i = from; i < to; i++) {
    let byte = (bytes[i]! ^ crc) & 0xff
    byte = (byte ^ byte << 4) & 0xff
    crc = (byte << 8 | crc >>> 8) ^ byte >>> 4 ^ byte << 3
  }
  return crc
}
