/* What the C programs of the tests share. They are silent unless something is wrong, so that the
 * test that runs them sees whether the library prints. C89 and C++98. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <peermon.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__GNUC__)
#define UNUSED __attribute__((unused))
#else
#define UNUSED
#endif

/* Nothing in these programs takes long; a deadlock ends here. */
#define PATIENCE_SECONDS 30

#define CHECK(truth)                                                             \
  do {                                                                           \
    if (!(truth)) {                                                              \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #truth);      \
      _exit(1);                                                                  \
    }                                                                            \
  } while (0)

#define CHECK_RC(call, wanted) check_rc((call), (wanted), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_RC(call, MONITOR_OK)

static UNUSED void check_rc(monitor_result_t rc, monitor_result_t wanted, const char *call,
                            const char *file, int line)
{
  char text[1100];

  if (rc == wanted)
    return;
  monitor_last_error(text, sizeof text);
  fprintf(stderr, "%s:%d: %s\n  is %d (%s) and not %d (%s)\n  last error: %s\n", file, line, call,
          (int)rc, monitor_strerror(rc), (int)wanted, monitor_strerror(wanted), text);
  _exit(1);
}

/* Two free UDP ports on the loopback: both are bound before either is given up. */
static UNUSED void free_ports(int *ports, int count)
{
  int sockets[8];
  int i;

  CHECK(count <= 8);
  for (i = 0; i < count; i++) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(sockets[i] >= 0);
    CHECK(bind(sockets[i], (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(sockets[i], (struct sockaddr *)&address, &length) == 0);
    ports[i] = ntohs(address.sin_port);
  }
  for (i = 0; i < count; i++)
    close(sockets[i]);
}

static UNUSED const char *loopback(char *buffer, int port)
{
  sprintf(buffer, "127.0.0.1:%d", port);
  return buffer;
}

/* The configuration of a server on the loopback that detects within a second. */
static UNUSED monitor_config_t *config_of(const char *name, int port)
{
  monitor_config_t *config = NULL;
  char listen_address[32];

  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_set(config, "name", name));
  CHECK_OK(monitor_config_set(config, "listen", loopback(listen_address, port)));
  CHECK_OK(monitor_config_set(config, "detect_within", "1s"));
  return config;
}

/* A monitor of a server on the loopback that watches one other, which need not exist. */
static UNUSED monitor_t *monitor_of(const char *name, int port, const char *peer, int peer_port)
{
  monitor_config_t *config = config_of(name, port);
  monitor_t *monitor = NULL;
  char peer_address[32];

  CHECK_OK(monitor_config_add_peer(config, peer, loopback(peer_address, peer_port)));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  CHECK(monitor != NULL);
  return monitor;
}

/* Two monitors that watch each other. */
static UNUSED void pair_of(monitor_t **orders, monitor_t **billing)
{
  int ports[2];

  free_ports(ports, 2);
  *orders = monitor_of("orders", ports[0], "billing", ports[1]);
  *billing = monitor_of("billing", ports[1], "orders", ports[0]);
}

/* A count that callbacks raise and the main thread waits for. */
struct tally {
  pthread_mutex_t lock;
  pthread_cond_t raised;
  int count;
};

static UNUSED void tally_init(struct tally *tally)
{
  pthread_mutex_init(&tally->lock, NULL);
  pthread_cond_init(&tally->raised, NULL);
  tally->count = 0;
}

static UNUSED void tally_raise(struct tally *tally)
{
  pthread_mutex_lock(&tally->lock);
  tally->count++;
  pthread_cond_broadcast(&tally->raised);
  pthread_mutex_unlock(&tally->lock);
}

static UNUSED int tally_read(struct tally *tally)
{
  int count;

  pthread_mutex_lock(&tally->lock);
  count = tally->count;
  pthread_mutex_unlock(&tally->lock);
  return count;
}

/* 1 as soon as the count is at least `wanted`, 0 after PATIENCE_SECONDS. */
static UNUSED int tally_wait(struct tally *tally, int wanted)
{
  struct timespec until;
  int reached;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_SECONDS;
  pthread_mutex_lock(&tally->lock);
  while (tally->count < wanted) {
    if (pthread_cond_timedwait(&tally->raised, &tally->lock, &until) != 0)
      break;
  }
  reached = tally->count >= wanted;
  pthread_mutex_unlock(&tally->lock);
  return reached;
}

static UNUSED void tally_destroy(struct tally *tally)
{
  pthread_cond_destroy(&tally->raised);
  pthread_mutex_destroy(&tally->lock);
}

/* Ends a forked child well. By exec, because valgrind would look for leaks in a copy of the
 * parent's memory, whose threads are gone. */
static UNUSED void leave_child(void)
{
  execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
  _exit(2);
}

/* How often a program repeats what may go wrong by chance; less under valgrind. */
static UNUSED int rounds(int usual)
{
  const char *share = getenv("PEERMON_TEST_SHARE");
  int rounds = share == NULL ? usual : usual / atoi(share);

  return rounds > 0 ? rounds : 1;
}

/* Waits for a child; 0 if it ended by itself with status 0. */
static UNUSED int child_failed(pid_t child)
{
  int status = 0;

  CHECK(child > 0);
  while (waitpid(child, &status, 0) < 0)
    CHECK(errno == EINTR);
  return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
