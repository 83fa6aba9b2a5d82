/* Files of a host, of every kind that may get a number which the library had, and whether anything was
 * done to them. */
#ifndef FILES_H
#define FILES_H

#include "guest.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

enum kind { TCP, UDP, STREAM, DATAGRAM, PIPE, EVENTFD, EPOLL, REGULAR, KINDS };

static const char *const kinds[] = { "tcp",  "udp",     "stream", "datagram",
                                     "pipe", "eventfd", "epoll",  "file" };

/* A file of the host, and where it shows what was written into it. */
struct file {
  enum kind kind;
  int number;
  int other;
  struct stat identity;
};

/* Two sockets of the loopback, connected with each other. */
static void connect_two(int type, int *two)
{
  struct sockaddr_in at;
  socklen_t length = sizeof at;
  int listening = socket(AF_INET, type, 0);

  memset(&at, 0, sizeof at);
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(listening >= 0 && bind(listening, (struct sockaddr *)&at, sizeof at) == 0);
  CHECK(getsockname(listening, (struct sockaddr *)&at, &length) == 0);
  two[0] = socket(AF_INET, type, 0);
  CHECK(two[0] >= 0);
  if (type == SOCK_DGRAM) {
    CHECK(connect(two[0], (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(getsockname(two[0], (struct sockaddr *)&at, &length) == 0);
    CHECK(connect(listening, (struct sockaddr *)&at, sizeof at) == 0);
    two[1] = listening;
    return;
  }
  CHECK(listen(listening, 1) == 0);
  CHECK(connect(two[0], (struct sockaddr *)&at, sizeof at) == 0);
  two[1] = accept(listening, NULL, NULL);
  CHECK(two[1] >= 0);
  leave_no_trace(two[0]);
  leave_no_trace(two[1]);
  close(listening);
}

static struct file open_file(enum kind kind)
{
  struct file file;
  int two[2] = { -1, -1 };
  char name[] = "/tmp/peermon-guest-XXXXXX";
  struct epoll_event interest;

  switch (kind) {
  case TCP: connect_two(SOCK_STREAM, two); break;
  case UDP: connect_two(SOCK_DGRAM, two); break;
  case STREAM: CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, two) == 0); break;
  case DATAGRAM: CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, two) == 0); break;
  case PIPE:
    CHECK(pipe(two) == 0);
    two[0] ^= two[1];
    two[1] ^= two[0];
    two[0] ^= two[1];
    break;
  case EVENTFD: two[0] = eventfd(7, EFD_NONBLOCK); break;
  case EPOLL:
    two[0] = epoll_create1(0);
    two[1] = eventfd(0, EFD_NONBLOCK);
    interest.events = EPOLLIN;
    interest.data.u64 = 1;
    CHECK(epoll_ctl(two[0], EPOLL_CTL_ADD, two[1], &interest) == 0);
    break;
  default:
    two[0] = mkstemp(name);
    unlink(name);
  }
  CHECK(two[0] >= 0);
  file.kind = kind;
  file.number = two[0];
  file.other = two[1];
  if (file.other >= 0) {
    /* out of the way of the numbers that are taken */
    file.other = fcntl(two[1], F_DUPFD_CLOEXEC, 2000);
    CHECK(file.other >= 2000);
    close(two[1]);
  }
  CHECK(fstat(file.number, &file.identity) == 0);
  return file;
}

static void is_untouched(const struct file *file)
{
  struct stat identity;
  struct epoll_event event;
  uint64_t count = 0;
  int waiting = 0;

  CHECK(fstat(file->number, &identity) == 0);
  CHECK(identity.st_ino == file->identity.st_ino && identity.st_dev == file->identity.st_dev);
  switch (file->kind) {
  case TCP:
  case UDP:
  case STREAM:
  case DATAGRAM:
  case PIPE:
    CHECK(ioctl(file->other, FIONREAD, &waiting) == 0);
    CHECK(waiting == 0);
    if (file->kind == PIPE)
      break;
    /* what the host was sent is there for the host to read */
    CHECK(ioctl(file->number, FIONREAD, &waiting) == 0);
    CHECK(waiting == 4);
    break;
  case EVENTFD:
    CHECK(read(file->number, &count, sizeof count) == (ssize_t)sizeof count);
    CHECK(count == 7);
    break;
  case EPOLL:
    /* what the host watches, and nothing else */
    CHECK(epoll_wait(file->number, &event, 1, 0) == 0);
    count = 1;
    CHECK(write(file->other, &count, sizeof count) == (ssize_t)sizeof count);
    CHECK(epoll_wait(file->number, &event, 1, 0) == 1 && event.data.u64 == 1);
    break;
  default: CHECK(lseek(file->number, 0, SEEK_END) == 0);
  }
}

static void close_file(const struct file *file)
{
  CHECK(close(file->number) == 0);
  if (file->other >= 0)
    close(file->other);
}

/* Opens a file of the host under `number`, whatever was there. */
static struct file take(int number, enum kind kind)
{
  struct file file = open_file(kind);

  if (file.number != number) {
    CHECK(dup2(file.number, number) == number);
    close(file.number);
    file.number = number;
  }
  return file;
}

#endif
