/* Nothing is printed, whatever goes wrong, and nothing is written into what the host opened under
 * the numbers of stdout and stderr.
 *
 *     quiet open|closed|taken private|shared
 *
 * With "open" the test looks at what came out of both. */
#include "guest.h"

#include <sys/stat.h>

static struct stat files[3];

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  tally_raise((struct tally *)user_data);
}

/* Closes 0, 1 and 2, and opens files of the host, which get these numbers. */
static void close_standard(int takes)
{
  int number;

  for (number = 0; number < 3; number++)
    close(number);
  for (number = 0; takes && number < 3; number++) {
    char name[] = "/tmp/peermon-guest-XXXXXX";
    int file = mkstemp(name);

    if (file != number)
      _exit(3);
    unlink(name);
    fstat(number, &files[number]);
  }
}

/* Everything that may be wrong. */
static void do_everything_wrong(void)
{
  monitor_config_t *config;
  monitor_t *monitor = NULL;
  char address[32];

  CHECK(monitor_config_new(NULL) == MONITOR_ERR_NULL);
  CHECK_OK(monitor_config_new(&config));
  CHECK(monitor_config_set(config, "nme", "x") == MONITOR_ERR_INVALID);
  CHECK(monitor_config_set(config, "detect_within", "soon") == MONITOR_ERR_INVALID);
  CHECK(monitor_config_set(config, "name", "\xff\xfe") == MONITOR_ERR_INVALID);
  CHECK(monitor_config_load(config, "/nonexistent/peermon.toml") == MONITOR_ERR_IO);
  CHECK(monitor_config_load(config, "/proc/self/maps") != MONITOR_OK);
  CHECK(monitor_config_load(config, "/") == MONITOR_ERR_IO);
  CHECK(monitor_init(&monitor, config) == MONITOR_ERR_CONFIG);
  CHECK_OK(monitor_config_set(config, "name", "another"));
  CHECK_OK(monitor_config_set(config, "key_file", "/nonexistent/key"));
  CHECK(monitor_init(&monitor, config) == MONITOR_ERR_IO);
  CHECK_OK(monitor_config_free(config));
  CHECK(monitor_config_free(config) == MONITOR_ERR_HANDLE);
  CHECK(monitor_app_start((monitor_t *)&monitor) == MONITOR_ERR_HANDLE);

  /* an address that another has, one that is not here, and a peer that is nowhere */
  config = config_at("another", 0);
  CHECK_OK(monitor_config_add_peer(config, "nobody", "127.0.0.1:9"));
  CHECK_OK(monitor_config_add_peer(config, "unknown", "host.invalid:9"));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  CHECK(monitor_app_start(monitor) == MONITOR_ERR_STATE);
  CHECK_OK(monitor_free(monitor));
  config = config_at("another", 3);
  CHECK_OK(monitor_config_set(config, "listen", "192.0.2.1:28170"));
  CHECK_OK(monitor_config_set(config, "allow_unauthenticated", "true"));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  CHECK(monitor_app_start(monitor) == MONITOR_ERR_IO);
  CHECK_OK(monitor_free(monitor));

  /* a port of lifelines that somebody else has */
  {
    struct sockaddr_in at;
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    address_of(address, 4);
    *strchr(address, ':') = '\0';
    CHECK(inet_aton(address, &at.sin_addr) == 1);
    at.sin_port = htons(28170);
    CHECK(taken >= 0 && bind(taken, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(listen(taken, 1) == 0);
    monitor = monitor_at("another", 4, "nobody", 5, "1s", "50ms");
    CHECK_OK(monitor_app_start(monitor));
    CHECK(monitor_dispatch(monitor, 0) == MONITOR_ERR_STATE);
    CHECK(monitor_remove_peer(monitor, "nobody at all") != MONITOR_OK);
    CHECK_OK(monitor_free(monitor));
    close(taken);
  }
}

int main(int argc, char **argv)
{
  monitor_t *orders;
  monitor_t *billing;
  struct tally lines;
  int takes;
  int number;
  int fd;

  CHECK(argc == 3);
  takes = strcmp(argv[1], "taken") == 0;
  /* what a careless administrator leaves set */
  setenv("RUST_LOG", "trace", 1);
  setenv("RUST_BACKTRACE", "full", 1);
  if (is_shared(argv[2]))
    refuse_private_table();
  if (strcmp(argv[1], "open") != 0)
    close_standard(takes);
  tally_init(&lines);
  orders = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  billing = monitor_at("billing", 1, "orders", 0, "1s", "20ms");
  CHECK_OK(monitor_on_log(orders, MONITOR_LOG_TRACE, on_log, &lines));
  fd = monitor_event_fd(billing);
  /* a host that prints must not write into it */
  CHECK(fd > 2);
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  UNTIL(status_of(orders, "billing").state == MONITOR_STATE_UP);
  do_everything_wrong();
  CHECK_OK(monitor_app_end(billing));
  UNTIL(status_of(orders, "billing").state == MONITOR_STATE_ENDED);
  CHECK(tally_wait(&lines, 1));
  if (strcmp(argv[1], "closed") == 0) {
    for (number = 0; number < 3; number++)
      CHECK(fcntl(number, F_GETFD) < 0 && errno == EBADF);
  }
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  for (number = 0; takes && number < 3; number++) {
    struct stat after;

    CHECK(fstat(number, &after) == 0);
    CHECK(after.st_ino == files[number].st_ino && after.st_dev == files[number].st_dev);
    CHECK(after.st_size == 0);
  }
  return 0;
}
