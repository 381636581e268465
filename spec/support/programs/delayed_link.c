/* A link between two network namespaces that takes its time, and may lose packets: for machines
 * whose kernel has no netem. Owns one TUN device in each namespace and the packets under way
 * between them. It must not know what they carry, but for the one thing that it counts:
 * connections, by their SYN.
 *
 *   delayed_link NAMESPACE NAMESPACE DEVICE MILLISECONDS LOST_IN_1000 COUNTER
 *
 * MILLISECONDS is one way. COUNTER is a file whose first 8 bytes become the number of TCP
 * connections that were begun. It prints "ready" when both devices are there, and ends by a signal,
 * or with its stdin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, UNDER_WAY = 8192, PORTS = 65536 };

struct packet {
  int64_t due_us;
  size_t length;
  unsigned char bytes[MTU];
};

/* One direction: what waits stands in the order in which it is due. */
struct direction {
  int from, to;
  size_t first, count;
  struct packet waiting[UNDER_WAY];
};

static struct direction directions[2];
static uint64_t begun[PORTS]; /* the sequence number of each port's last SYN, plus one: a repeated
                                 SYN begins nothing */

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_tun(const char *name_space, const char *device) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", name_space);
  int entry = open(path, O_RDONLY | O_CLOEXEC);
  if (entry < 0 || setns(entry, CLONE_NEWNET) != 0) {
    fail(path);
  }
  close(entry);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0) {
    fail("/dev/net/tun");
  }
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
  if (ioctl(tun, TUNSETIFF, &request) != 0) {
    fail("TUNSETIFF");
  }
  return tun;
}

static uint64_t *map_counter(const char *path) {
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || ftruncate(file, sizeof(uint64_t)) != 0) {
    fail(path);
  }
  uint64_t *counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (counter == MAP_FAILED) {
    fail("mmap");
  }
  close(file);
  return counter;
}

/* Begins this IPv4 packet a TCP connection that no other has begun? */
static int begins_connection(const unsigned char *bytes, size_t length) {
  size_t header = (size_t)(bytes[0] & 15) * 4;
  if (length < header + 20 || bytes[0] >> 4 != 4 || bytes[9] != 6) {
    return 0;
  }
  const unsigned char *tcp = bytes + header;
  if ((tcp[13] & 0x12) != 0x02) { /* SYN, and no ACK */
    return 0;
  }
  unsigned port = (unsigned)tcp[0] << 8 | tcp[1];
  uint64_t sequence =
      ((uint64_t)tcp[4] << 24 | (uint64_t)tcp[5] << 16 | (uint64_t)tcp[6] << 8 | tcp[7]) + 1;
  int is_new = begun[port] != sequence;
  begun[port] = sequence;
  return is_new;
}

static void take_in(struct direction *one, int64_t delay_us, long lost_in_1000, uint64_t *counter) {
  while (one->count < UNDER_WAY) {
    struct packet *packet = &one->waiting[(one->first + one->count) % UNDER_WAY];
    ssize_t length = read(one->from, packet->bytes, sizeof packet->bytes);
    if (length <= 0) {
      return;
    }
    *counter += (uint64_t)begins_connection(packet->bytes, (size_t)length);
    if (random() % 1000 >= lost_in_1000) {
      packet->length = (size_t)length;
      packet->due_us = now_us() + delay_us;
      one->count++;
    }
  }
}

/* Gives on what is due; returns when the next one is, or INT64_MAX. */
static int64_t give_on(struct direction *one) {
  while (one->count > 0) {
    struct packet *packet = &one->waiting[one->first];
    if (packet->due_us > now_us()) {
      return packet->due_us;
    }
    if (write(one->to, packet->bytes, packet->length) < 0 && errno != EINVAL && errno != EIO) {
      fail("write"); /* EINVAL and EIO: the device is not up */
    }
    one->first = (one->first + 1) % UNDER_WAY;
    one->count--;
  }
  return INT64_MAX;
}

static void forward(int64_t delay_us, long lost_in_1000, uint64_t *counter) {
  for (;;) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < 2; i++) {
      take_in(&directions[i], delay_us, lost_in_1000, counter);
      int64_t due = give_on(&directions[i]);
      next = due < next ? due : next;
    }
    struct pollfd polled[3] = {{directions[0].from, POLLIN, 0},
                               {directions[1].from, POLLIN, 0},
                               {STDIN_FILENO, POLLIN, 0}};
    int64_t left = next == INT64_MAX ? 1000000 : next - now_us();
    left = left > 0 ? left : 0;
    struct timespec wait = {left / 1000000, left % 1000000 * 1000};
    ppoll(polled, 3, &wait, NULL);
    if (polled[2].revents != 0) {
      return;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr,
            "usage: delayed_link NAMESPACE NAMESPACE DEVICE MILLISECONDS LOST_IN_1000 COUNTER\n");
    return 2;
  }
  uint64_t *counter = map_counter(argv[6]);
  int first = open_tun(argv[1], argv[3]), second = open_tun(argv[2], argv[3]);
  directions[0].from = directions[1].to = first;
  directions[1].from = directions[0].to = second;
  srandom((unsigned)now_us());
  puts("ready");
  fflush(stdout);
  forward((int64_t)(strtod(argv[4], NULL) * 1000), strtol(argv[5], NULL, 10), counter);
  return 0;
}
