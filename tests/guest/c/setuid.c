/* setuid of a host while the library runs: libc interrupts every thread for it and waits for each.
 *
 *     setuid UID
 *
 * It returns, every thread has the new user, and the peer is watched as before. */
#include "watcher.h"

static void all_threads_are(unsigned user)
{
  DIR *tasks = opendir("/proc/self/task");
  struct dirent *task;

  CHECK(tasks != NULL);
  while ((task = readdir(tasks)) != NULL) {
    char path[300];
    char line[256];
    unsigned ids[4] = { 0, 0, 0, 0 };
    FILE *file;

    if (task->d_name[0] == '.')
      continue;
    sprintf(path, "/proc/self/task/%s/status", task->d_name);
    file = fopen(path, "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
      if (sscanf(line, "Uid: %u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) == 4)
        CHECK(ids[0] == user && ids[1] == user && ids[2] == user && ids[3] == user);
    }
    fclose(file);
  }
  closedir(tasks);
}

int main(int argc, char **argv)
{
  struct watcher watcher;
  monitor_t *monitor;
  uint64_t beat;
  unsigned user;

  CHECK(argc == 2);
  user = (unsigned)atoi(argv[1]);
  watcher_start(&watcher, "billing", 1, "orders", 0, "60s", "50ms");
  monitor = monitor_at("orders", 0, "billing", 1, "60s", "50ms");
  CHECK_OK(monitor_app_start(monitor));
  UNTIL(status_of(monitor, "billing").lifelines == 2);
  /* ends a host that hangs in it */
  alarm(PATIENCE_SECONDS);
  CHECK(setgid(user) == 0 || getuid() != 0);
  CHECK(setuid(user) == 0);
  alarm(0);
  CHECK(getuid() == user);
  all_threads_are(user);
  beat = watcher_account(&watcher).beat;
  UNTIL_ACCOUNT(&watcher, account.beat != beat);
  beat = status_of(monitor, "billing").running_a;
  UNTIL(status_of(monitor, "billing").running_a != beat);
  /* a life after the drop of privileges */
  CHECK_OK(monitor_app_end(monitor));
  CHECK_OK(monitor_app_start(monitor));
  UNTIL(status_of(monitor, "billing").lifelines == 2);
  CHECK(watcher_account(&watcher).downs == 0);
  CHECK_OK(monitor_free(monitor));
  watcher_stop(&watcher);
  return 0;
}
