/* A system that refuses: a code, the host lives, and a later start works.
 *
 *     refusals threads|sockets|descriptors|processes|families ... */
#include "guest.h"

#include <grp.h>

static monitor_t *monitor;
static monitor_t *billing;

/* What is refused, on a thread of its own: a filter cannot be taken away again. */
struct attempt {
  long call;
  int error;
  int family;
  int type;
  int code;
};

static void *start_refused(void *user_data)
{
  struct attempt *attempt = (struct attempt *)user_data;

  if (attempt->family >= 0)
    refuse_socket(0, (unsigned)attempt->family, attempt->error);
  else if (attempt->type >= 0)
    refuse_socket(1, (unsigned)attempt->type, attempt->error);
  else
    refuse(attempt->call, attempt->error);
  attempt->code = monitor_app_start(monitor);
  return NULL;
}

static int code_of(struct attempt attempt)
{
  pthread_t thread;

  CHECK(pthread_create(&thread, NULL, start_refused, &attempt) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  return attempt.code;
}

static struct attempt refusing(long call, int error)
{
  struct attempt attempt = { call, error, -1, -1, 0 };

  return attempt;
}

static struct attempt refusing_family(int family, int error)
{
  struct attempt attempt = { 0, error, family, -1, 0 };

  return attempt;
}

static struct attempt refusing_type(int type, int error)
{
  struct attempt attempt = { 0, error, -1, type, 0 };

  return attempt;
}

/* It runs, is watched, and ends. */
static void works(void)
{
  CHECK_RC(monitor_app_start(monitor), MONITOR_ERR_STATE);
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  UNTIL(status_of(billing, "orders").state == MONITOR_STATE_UP);
  CHECK_OK(monitor_app_end(monitor));
}

static void start_and_work(void)
{
  CHECK_OK(monitor_app_start(monitor));
  works();
}

/* What the refused start said, and that it left nothing behind. */
static void failed_well(int code, int descriptors)
{
  char text[256];

  CHECK(code == MONITOR_ERR_IO);
  CHECK(monitor_last_error(text, sizeof text) < sizeof text);
  CHECK_RC(monitor_app_end(monitor), MONITOR_ERR_STATE);
  CHECK_OK(monitor_app_alive(monitor));
  CHECK(count_descriptors() == descriptors);
}

static void refused_threads(void)
{
  int descriptors = count_descriptors();

  failed_well(code_of(refusing(SYS_clone3, EPERM)), descriptors);
  start_and_work();
  failed_well(code_of(refusing(SYS_clone3, EAGAIN)), descriptors);
  start_and_work();
  /* libc falls back to clone, as on kernels before 5.3 */
  CHECK(code_of(refusing(SYS_clone3, ENOSYS)) == MONITOR_OK);
  works();
}

static void refused_sockets(void)
{
  int descriptors = count_descriptors();

  failed_well(code_of(refusing(SYS_socket, EAFNOSUPPORT)), descriptors);
  start_and_work();
  failed_well(code_of(refusing_family(AF_INET, EAFNOSUPPORT)), descriptors);
  start_and_work();
  failed_well(code_of(refusing(SYS_epoll_create1, EMFILE)), descriptors);
  start_and_work();
}

/* What only costs comfort. */
static void refused_families(void)
{
  CHECK(code_of(refusing_family(AF_NETLINK, EAFNOSUPPORT)) == MONITOR_OK);
  works();
  /* no lifelines then */
  CHECK(code_of(refusing_type(SOCK_STREAM, EPERM)) == MONITOR_OK);
  works();
  CHECK(code_of(refusing(SYS_timerfd_create, EPERM)) == MONITOR_OK);
  works();
}

static void set_limit(int which, rlim_t most)
{
  struct rlimit limit;

  CHECK(getrlimit((__rlimit_resource_t)which, &limit) == 0);
  limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
  CHECK(setrlimit((__rlimit_resource_t)which, &limit) == 0);
}

static void refused_descriptors(void)
{
  monitor_config_t *config;
  monitor_t *second;
  int taken[64];
  int count = 0;
  int i;
  rlim_t most;

  /* room for nothing but the standard ones: no socket at all */
  set_limit(RLIMIT_NOFILE, 3);
  CHECK_RC(monitor_app_start(monitor), MONITOR_ERR_IO);
  CHECK_OK(monitor_app_alive(monitor));
  set_limit(RLIMIT_NOFILE, 4096);
  start_and_work();

  /* a host that has used up its own */
  set_limit(RLIMIT_NOFILE, 64);
  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_set(config, "name", "second"));
  CHECK_OK(monitor_init(&second, config));
  while (count < 64 && (taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    count++;
  CHECK(errno == EMFILE);
  CHECK_RC(monitor_event_fd(second), MONITOR_ERR_IO);
  CHECK_RC(monitor_config_load(config, "/etc/passwd"), MONITOR_ERR_IO);
  /* the private table has numbers of its own */
  CHECK_OK(monitor_app_start(monitor));
  works();
  for (i = 0; i < count; i++)
    close(taken[i]);
  CHECK(monitor_event_fd(second) >= 0);
  CHECK_OK(monitor_config_free(config));
  CHECK_OK(monitor_free(second));

  /* from nothing to enough: a code or a monitor that works, and nothing in between */
  for (most = 3; most < 24; most++) {
    int code;

    set_limit(RLIMIT_NOFILE, most);
    code = monitor_app_start(monitor);
    CHECK(code == MONITOR_OK || code == MONITOR_ERR_IO);
    set_limit(RLIMIT_NOFILE, 4096);
    if (code == MONITOR_OK)
      works();
  }
  CHECK_OK(monitor_app_start(monitor));
  works();
}

/* As a user of its own, whose threads nobody else counts. */
static void refused_processes(void)
{
  unsigned user = 50000 + (unsigned)getpid() % 10000;
  int failures = 0;
  int limit;

  CHECK(setgroups(0, NULL) == 0 && setgid(user) == 0 && setuid(user) == 0);
  /* billing runs in this process; no thread more, then one more, two more, until it suffices */
  for (limit = count_threads(""); ; limit++) {
    int code;

    set_limit(RLIMIT_NPROC, (rlim_t)limit);
    code = monitor_app_start(monitor);
    if (code == MONITOR_OK)
      break;
    CHECK(code == MONITOR_ERR_IO);
    CHECK(++failures < 64);
    CHECK_OK(monitor_app_alive(monitor));
  }
  /* with one thread of five there is no monitor */
  CHECK(failures >= 4);
  works();
}

int main(int argc, char **argv)
{
  CHECK(argc == 2);
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  billing = monitor_at("billing", 1, "orders", 0, "1s", "20ms");
  CHECK_OK(monitor_app_start(billing));
  if (strcmp(argv[1], "threads") == 0)
    refused_threads();
  else if (strcmp(argv[1], "sockets") == 0)
    refused_sockets();
  else if (strcmp(argv[1], "families") == 0)
    refused_families();
  else if (strcmp(argv[1], "descriptors") == 0)
    refused_descriptors();
  else if (strcmp(argv[1], "processes") == 0)
    refused_processes();
  else
    return 2;
  CHECK_OK(monitor_free(monitor));
  CHECK_OK(monitor_free(billing));
  return 0;
}
