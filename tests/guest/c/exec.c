/* What a program inherits that a child of the host executes: nothing of ours.
 *
 *     exec private|shared
 *
 * By every way to a new program, also while monitors come and go in another thread. */
#include "guest.h"

#include <spawn.h>

extern char **environ;

static monitor_t *restless;
static volatile int stop;
static int shared;

static void *come_and_go(void *unused)
{
  (void)unused;
  while (!stop) {
    int code = monitor_app_start(restless);

    /* in the host's table a child has the socket until it executes */
    CHECK(code == MONITOR_OK || (shared && code == MONITOR_ERR_STATE));
    if (code == MONITOR_OK)
      CHECK_OK(monitor_app_end(restless));
  }
  return NULL;
}

/* The program that is executed: what it has beyond 0, 1 and 2 is too much. */
static int look(void)
{
  int numbers[64];
  int count = open_numbers(numbers, 64);
  int strangers = 0;
  int i;

  for (i = 0; i < count; i++)
    strangers += numbers[i] > 2;
  return strangers == 0 ? 0 : 40 + strangers;
}

static void by_every_way(const char *self)
{
  char *arguments[3];
  char command[PATH_MAX + 16];
  char out[16];
  FILE *stream;
  pid_t child;

  arguments[0] = (char *)self;
  arguments[1] = (char *)"look";
  arguments[2] = NULL;
  child = fork();
  if (child == 0) {
    execv(self, arguments);
    _exit(2);
  }
  CHECK(!child_failed(child));
  CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
  CHECK(!child_failed(child));
  child = vfork();
  if (child == 0) {
    execv(self, arguments);
    _exit(2);
  }
  CHECK(!child_failed(child));
  sprintf(command, "exec %s look", self);
  CHECK(system(command) == 0);
  stream = popen(command, "re");
  CHECK(stream != NULL);
  CHECK(fgets(out, sizeof out, stream) == NULL);
  CHECK(pclose(stream) == 0);
}

int main(int argc, char **argv)
{
  monitor_t *monitor;
  pthread_t thread;
  char self[PATH_MAX];
  ssize_t length;
  int number;
  int i;

  CHECK(argc == 2);
  if (strcmp(argv[1], "look") == 0)
    return look();
  /* what the host itself leaves open is not ours */
  for (number = 3; number < 1024; number++)
    close(number);
  shared = is_shared(argv[1]);
  if (shared)
    refuse_private_table();
  length = readlink("/proc/self/exe", self, sizeof self - 1);
  CHECK(length > 0);
  self[length] = '\0';
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "50ms");
  restless = monitor_at("billing", 1, "orders", 0, "1s", "50ms");
  CHECK(monitor_event_fd(monitor) > 2);
  CHECK_OK(monitor_app_start(monitor));
  by_every_way(self);
  CHECK(pthread_create(&thread, NULL, come_and_go, NULL) == 0);
  for (i = 0; i < 20; i++)
    by_every_way(self);
  stop = 1;
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK_OK(monitor_free(monitor));
  CHECK_OK(monitor_free(restless));
  return 0;
}
