/*
 * lwIP's 6LoWPAN as a node on ZEP: `node <local port> <remote port> <EUI-64> <short address or 0>`, both ports on ::1.
 *
 * It has fe80:: and 2001:db8:: addresses of its EUI-64, or of its short address when it has one. It answers pings, echoes UDP on port 7, and
 * obeys lines: `ping <address> <bytes>` and `udp <address> <port> <bytes>`. What comes back is a line each: `ping <bytes>`, `udp <bytes>`.
 * lwIP asks for acknowledgements, but neither gives nor awaits any: this program gives them, as a radio would.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip6.h"
#include "lwip/icmp6.h"
#include "lwip/netif.h"
#include "lwip/raw.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/lowpan6.h"

enum { HEADER = 32, FCS = 2, CHANNEL = 26, PAN = 0xabcd };

static int fd;
static struct netif wpan;
static struct raw_pcb *pinger;
static uint32_t number;

u32_t sys_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (u32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* A frame with its FCS goes out as a datagram. */
static void send_frame(const uint8_t *frame, int length) {
  uint8_t datagram[HEADER + 127] = { 'E', 'X', 2, 1, CHANNEL, 0, 1, 1, 255 };
  number++;
  datagram[17] = number >> 24, datagram[18] = number >> 16, datagram[19] = number >> 8, datagram[20] = number;
  datagram[31] = length;
  memcpy(datagram + HEADER, frame, length);
  if (write(fd, datagram, HEADER + length) < 0) perror("write");
}

static err_t link_output(struct netif *netif, struct pbuf *p) {
  uint8_t frame[127];
  (void)netif;
  if (p->tot_len > sizeof frame) return ERR_VAL;
  send_frame(frame, pbuf_copy_partial(p, frame, p->tot_len, 0));
  return ERR_OK;
}

static void receive_frame(const uint8_t *frame, int length) {
  struct pbuf *p;
  if ((frame[0] & 7) != 1) return;
  if (frame[0] & 0x20) {
    uint8_t ack[5] = { 2, 0, frame[2] };
    uint16_t crc = lowpan6_calc_crc(ack, 3);
    ack[3] = crc, ack[4] = crc >> 8;
    send_frame(ack, 5);
  }
  p = pbuf_alloc(PBUF_RAW, length - FCS, PBUF_RAM);
  if (p == NULL) return;
  pbuf_take(p, frame, length - FCS);
  if (wpan.input(p, &wpan) != ERR_OK) pbuf_free(p);
}

static void echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port) {
  (void)arg;
  udp_sendto(pcb, p, from, port);
  pbuf_free(p);
}

static void udp_answer(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port) {
  (void)arg, (void)pcb, (void)from, (void)port;
  printf("udp %d\n", p->tot_len);
  pbuf_free(p);
}

static u8_t ping_answer(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from) {
  (void)arg, (void)pcb, (void)from;
  if (pbuf_get_at(p, 40) != ICMP6_TYPE_EREP) return 0;
  printf("ping %d\n", p->tot_len - 48);
  pbuf_free(p);
  return 1;
}

static void obey(char *line, struct udp_pcb *asker) {
  char text[64];
  ip_addr_t to;
  int size, port = 0, isPing = sscanf(line, "ping %63s %d", text, &size) == 2;
  struct pbuf *p;
  if (!isPing && sscanf(line, "udp %63s %d %d", text, &port, &size) != 3) return;
  if (!ip6addr_aton(text, ip_2_ip6(&to))) return;
  ip6_addr_assign_zone(ip_2_ip6(&to), IP6_UNICAST, &wpan);
  p = pbuf_alloc(isPing ? PBUF_IP : PBUF_TRANSPORT, size + (isPing ? 8 : 0), PBUF_RAM);
  if (p == NULL) return;
  memset(p->payload, 'x', p->len);
  if (isPing) {
    struct icmp6_echo_hdr *echo = p->payload;
    memset(echo, 0, 8);
    echo->type = ICMP6_TYPE_EREQ;
    echo->id = lwip_htons(0xfa);
    raw_sendto(pinger, p, &to);
  } else udp_sendto(asker, p, &to, port);
  pbuf_free(p);
}

static void add_address(uint32_t a, uint32_t b, const uint8_t *iid) {
  ip6_addr_t address;
  s8_t index;
  IP6_ADDR(&address, lwip_htonl(a), lwip_htonl(b), 0, 0);
  memcpy(&address.addr[2], iid, 8);
  netif_add_ip6_address(&wpan, &address, &index);
  netif_ip6_addr_set_state(&wpan, index, IP6_ADDR_PREFERRED);
}

static err_t begin(struct netif *netif) {
  err_t error = lowpan6_if_init(netif);
  netif->linkoutput = link_output;
  netif->hwaddr_len = 8;
  return error;
}

int main(int argc, char **argv) {
  struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  struct udp_pcb *server, *asker;
  uint8_t iid[8];
  unsigned short_address;
  u32_t reassembly;
  int i;
  if (argc != 5) return fprintf(stderr, "node <local port> <remote port> <EUI-64> <short address or 0>\n"), 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  srand(1);
  fd = socket(AF_INET6, SOCK_DGRAM, 0);
  at.sin6_port = htons(atoi(argv[1]));
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) return perror("bind"), 1;
  at.sin6_port = htons(atoi(argv[2]));
  if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) return perror("connect"), 1;

  lwip_init();
  netif_add(&wpan, NULL, begin, ip6_input);
  for (i = 0; i < 8; i++) {
    unsigned byte;
    sscanf(argv[3] + 2 * i, "%2x", &byte);
    wpan.hwaddr[i] = byte;
  }
  wpan.input = lowpan6_input;
  wpan.output_ip6 = lowpan6_output;
  lowpan6_set_pan_id(PAN);
  memcpy(iid, wpan.hwaddr, 8);
  iid[0] ^= 2;
  short_address = strtoul(argv[4], NULL, 16);
  if (short_address != 0) {
    uint8_t of_short[8] = { 0, 0, 0, 0xff, 0xfe, 0, short_address >> 8, short_address };
    lowpan6_set_short_addr(short_address >> 8, short_address);
    memcpy(iid, of_short, 8);
  }
  add_address(0xfe800000, 0, iid);
  add_address(0x20010db8, 0, iid);
  netif_set_default(&wpan);
  netif_set_link_up(&wpan);
  netif_set_up(&wpan);
  server = udp_new_ip_type(IPADDR_TYPE_V6);
  udp_bind(server, IP6_ADDR_ANY, 7);
  udp_recv(server, echo, NULL);
  asker = udp_new_ip_type(IPADDR_TYPE_V6);
  udp_bind(asker, IP6_ADDR_ANY, 4000);
  udp_recv(asker, udp_answer, NULL);
  pinger = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);
  raw_recv(pinger, ping_answer, NULL);
  raw_bind(pinger, IP6_ADDR_ANY);
  pinger->chksum_reqd = 1;
  pinger->chksum_offset = 2;
  printf("ready\n");

  for (reassembly = sys_now();;) {
    fd_set set;
    struct timeval wait = { 0, 20000 };
    uint8_t datagram[256];
    FD_ZERO(&set);
    FD_SET(fd, &set);
    FD_SET(0, &set);
    select(fd + 1, &set, NULL, NULL, &wait);
    if (FD_ISSET(fd, &set)) {
      ssize_t length = read(fd, datagram, sizeof datagram);
      if (length >= HEADER + 3 + FCS && memcmp(datagram, "EX\2\1", 4) == 0) receive_frame(datagram + HEADER, length - HEADER);
    }
    if (FD_ISSET(0, &set)) {
      char line[128];
      if (fgets(line, sizeof line, stdin) == NULL) return 0;
      obey(line, asker);
    }
    sys_check_timeouts();
    if (sys_now() - reassembly >= 1000) {
      lowpan6_tmr();
      reassembly = sys_now();
    }
  }
}
