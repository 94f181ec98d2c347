/* lwIP as a peer on 6LoWPAN: IPv6 alone, no operating system, addresses of eight bytes. */
#define NO_SYS 1
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_IPV4 0
#define LWIP_IPV6 1
#define LWIP_TCP 0
#define LWIP_UDP 1
#define LWIP_RAW 1
#define LWIP_6LOWPAN 1
#define NETIF_MAX_HWADDR_LEN 8
#define MEM_ALIGNMENT 8
#define MEM_SIZE (256 * 1024)
#define PBUF_POOL_SIZE 64
#define MEMP_NUM_REASSDATA 8
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
/* Without MLD it hears every solicited-node group of an address that it has. */
#define LWIP_IPV6_MLD 0
#define LWIP_ND6_QUEUEING 1
#define CHECKSUM_GEN_ICMP6 1
#define LWIP_ARP 0
/* The system's htons and its like are good. */
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
