/** Assigned numbers that more than one package needs (IANA: IEEE 802 Numbers, Assigned Internet Protocol Numbers). */

/** IPv4 (RFC 894). */
export const ETHERTYPE_IPV4 = 0x0800
/** ARP (RFC 826). */
export const ETHERTYPE_ARP = 0x0806
/** A customer VLAN tag (IEEE 802.1Q §9.6). */
export const ETHERTYPE_VLAN = 0x8100
/** IPv6 (RFC 2464 §3). */
export const ETHERTYPE_IPV6 = 0x86dd
/** LoWPAN encapsulation (RFC 7973 §2). */
export const ETHERTYPE_LOWPAN = 0xa0ed

/** Hop-by-Hop options header (RFC 8200 §4.3). */
export const PROTOCOL_HOP_BY_HOP = 0
/** ICMP for IPv4 (RFC 792). */
export const PROTOCOL_ICMP = 1
/** IGMP (RFC 3376). */
export const PROTOCOL_IGMP = 2
/** IPv4 in IP (RFC 2003 §3.1). */
export const PROTOCOL_IPV4 = 4
/** TCP (RFC 9293). */
export const PROTOCOL_TCP = 6
/** UDP (RFC 768). */
export const PROTOCOL_UDP = 17
/** IPv6 in IP (RFC 2473 §3). */
export const PROTOCOL_IPV6 = 41
/** Routing header (RFC 8200 §4.4). */
export const PROTOCOL_ROUTING = 43
/** Fragment header (RFC 8200 §4.5). */
export const PROTOCOL_FRAGMENT = 44
/** Encapsulating Security Payload (RFC 4303). */
export const PROTOCOL_ESP = 50
/** Authentication Header (RFC 4302). */
export const PROTOCOL_AH = 51
/** ICMPv6 (RFC 4443). */
export const PROTOCOL_ICMPV6 = 58
/** No next header (RFC 8200 §4.7). */
export const PROTOCOL_NO_NEXT = 59
/** Destination options header (RFC 8200 §4.6). */
export const PROTOCOL_DESTINATION_OPTIONS = 60
