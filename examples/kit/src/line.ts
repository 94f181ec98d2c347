/** A frame in one line, as tcpdump -e prints it, by the `show` of each layer. */

import { show as showArp } from '@favonius/ethernet/arp/wire'
import { show as showTag, TAG } from '@favonius/ethernet/vlan/wire'
import { at, HEADER, show as showEthernet } from '@favonius/ethernet/wire'
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, PROTOCOL_UDP } from '@favonius/inet'
import { readHeader, show as showIpv4 } from '@favonius/ipv4'
import { show as showIpv6 } from '@favonius/ipv6/wire'
import { show as showUdp } from '@favonius/udp/wire'

/** `02:… > 02:…, type 0x0806, length 42: ARP, Request who-has 192.0.2.2 tell 192.0.2.1`. */
export function line(frame: Uint8Array<ArrayBuffer>): string {
  const inside = frame.length < HEADER ? '' : packet(frame[at.type]! << 8 | frame[at.type + 1]!, frame.subarray(HEADER))
  return `${showEthernet(frame)}${inside && `: ${inside}`}`
}

function packet(type: number, bytes: Uint8Array<ArrayBuffer>): string {
  switch (type) {
    case ETHERTYPE_ARP: return showArp(bytes)
    case ETHERTYPE_IPV6: return showIpv6(bytes)
    case ETHERTYPE_IPV4: return showDatagram(bytes) ?? showIpv4(bytes)
    case ETHERTYPE_VLAN: return [showTag(bytes), bytes.length < TAG ? '' : packet(bytes[2]! << 8 | bytes[3]!, bytes.subarray(TAG))].filter(Boolean).join(', ')
    default: return ''
  }
}

function showDatagram(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  const header = readHeader(bytes)
  if ('malformed' in header || header.protocol !== PROTOCOL_UDP || header.fragmentOffset > 0 || header.moreFragments) return undefined
  return `${header.source} > ${header.destination}: ${showUdp(bytes.subarray(20 + header.options.length, header.totalLength))}`
}
