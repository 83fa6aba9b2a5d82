/* What the hosts of this suite share beyond tests/c/check.h: addresses of their own, a kernel that
 * refuses, a look at threads and descriptors. */
#ifndef GUEST_H
#define GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "../../c/check.h"

#include <dirent.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MILLISECOND 1000000LL
#define SECOND 1000000000LL

static UNUSED int64_t now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

/* Waits for a condition, which is looked at every millisecond, for PATIENCE_SECONDS. */
#define UNTIL(condition)                                                         \
  do {                                                                           \
    int64_t begun_ = now();                                                      \
    while (!(condition)) {                                                       \
      if (now() - begun_ > PATIENCE_SECONDS * SECOND) {                          \
        fprintf(stderr, "%s:%d: never: %s\n", __FILE__, __LINE__, #condition);   \
        _exit(1);                                                                \
      }                                                                          \
      poll(NULL, 0, 1);                                                          \
    }                                                                            \
  } while (0)

/* Addresses that no other program of these tests has: one block of 127/8 per process that asks
 * first. Forked children share it. */
static UNUSED const char *address_of(char *buffer, int number)
{
  static int block;

  if (block == 0)
    block = (int)getpid();
  sprintf(buffer, "127.%d.%d.%d:28170", 20 + block % 200, 1 + block / 200 % 250, 1 + number);
  return buffer;
}

/* Closing this connection resets it: a thousand that linger in TIME_WAIT would keep their ports from
 * the next tests. */
static UNUSED void leave_no_trace(int number)
{
  struct linger linger = { 1, 0 };

  CHECK(setsockopt(number, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
}

static UNUSED monitor_config_t *config_at(const char *name, int number)
{
  monitor_config_t *config = NULL;
  char address[32];

  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_set(config, "name", name));
  CHECK_OK(monitor_config_set(config, "listen", address_of(address, number)));
  return config;
}

/* A monitor at address `number` that watches the server at `peer_number`. */
static UNUSED monitor_t *monitor_at(const char *name, int number, const char *peer, int peer_number,
                                    const char *detect, const char *interval)
{
  monitor_config_t *config = config_at(name, number);
  monitor_t *monitor = NULL;
  char address[32];

  CHECK_OK(monitor_config_set(config, "detect_within", detect));
  CHECK_OK(monitor_config_set(config, "heartbeat_interval", interval));
  CHECK_OK(monitor_config_add_peer(config, peer, address_of(address, peer_number)));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  return monitor;
}

static UNUSED monitor_peer_status_t status_of(monitor_t *monitor, const char *peer)
{
  monitor_peer_status_t status;

  memset(&status, 0, sizeof status);
  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(monitor, peer, &status));
  return status;
}

/* The kernel.
 *
 * From now on a system call fails on this thread and on those that it starts, as under a service
 * manager's filter. There is no way back: a thread for it, or a process. */

static UNUSED void install_filter(struct sock_filter *statements, unsigned short count)
{
  struct sock_fprog program;

  program.len = count;
  program.filter = statements;
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static UNUSED void refuse(long call, int error)
{
  struct sock_filter statements[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };

  install_filter(statements, 4);
}

/* Refuses sockets whose argument `which` (0 family, 1 type) has the value under the mask. */
static UNUSED void refuse_socket(int which, unsigned value, int error)
{
  unsigned offset = (unsigned)(offsetof(struct seccomp_data, args) + 8 * (size_t)which);
  struct sock_filter statements[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };

  install_filter(statements, 7);
}

/* The library has to live in the table of the host. */
static UNUSED void refuse_private_table(void)
{
  refuse(SYS_close_range, EPERM);
  refuse(SYS_unshare, EPERM);
}

/* Programs take "private" or "shared" as their last word. */
static UNUSED int is_shared(const char *word)
{
  CHECK(strcmp(word, "private") == 0 || strcmp(word, "shared") == 0);
  return strcmp(word, "shared") == 0;
}

/* What is there. */

static UNUSED int count_threads(const char *prefix)
{
  DIR *tasks = opendir("/proc/self/task");
  struct dirent *task;
  int count = 0;

  CHECK(tasks != NULL);
  while ((task = readdir(tasks)) != NULL) {
    char path[300];
    char name[32] = "";
    FILE *file;

    if (task->d_name[0] == '.')
      continue;
    sprintf(path, "/proc/self/task/%s/comm", task->d_name);
    file = fopen(path, "re");
    if (file == NULL)
      continue;
    if (fgets(name, sizeof name, file) != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
      count++;
    fclose(file);
  }
  closedir(tasks);
  return count;
}

/* The open descriptors of this thread's table, ascending as far as the kernel lists them so; not
 * the one that lists them. Returns how many. */
static UNUSED int open_numbers(int *numbers, int most)
{
  DIR *folder = opendir("/proc/thread-self/fd");
  struct dirent *entry;
  int count = 0;

  CHECK(folder != NULL);
  while ((entry = readdir(folder)) != NULL) {
    int number = atoi(entry->d_name);

    if (entry->d_name[0] == '.' || number == dirfd(folder))
      continue;
    CHECK(count < most);
    numbers[count++] = number;
  }
  closedir(folder);
  return count;
}

static UNUSED int count_descriptors(void)
{
  static int numbers[8192];

  return open_numbers(numbers, 8192);
}

#endif
