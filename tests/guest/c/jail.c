/* Started where a service manager puts servers: in an empty root, as nobody.
 *
 *     jail FOLDER private|shared */
#include "watcher.h"

#include <grp.h>

int main(int argc, char **argv)
{
  struct watcher watcher;
  monitor_t *monitor;
  int life;

  CHECK(argc == 3);
  watcher_start(&watcher, "billing", 1, "orders", 0, "60s", "50ms");
  monitor = monitor_at("orders", 0, "billing", 1, "60s", "50ms");
  CHECK(chdir(argv[1]) == 0 && chroot(".") == 0);
  CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
  CHECK(open("/dev/null", O_RDONLY) < 0 && open("/proc/self/comm", O_RDONLY) < 0);
  if (is_shared(argv[2]))
    refuse_private_table();
  for (life = 1; life <= 2; life++) {
    CHECK_OK(monitor_app_start(monitor));
    UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
    UNTIL_ACCOUNT(&watcher, account.state == MONITOR_STATE_UP && account.started == life);
    CHECK_OK(monitor_add_peer(monitor, "third", "127.0.0.1:9"));
    CHECK_OK(monitor_remove_peer(monitor, "third"));
    CHECK_OK(monitor_app_end(monitor));
    UNTIL_ACCOUNT(&watcher, account.ends == life);
  }
  CHECK(watcher_account(&watcher).downs == 0);
  CHECK_OK(monitor_free(monitor));
  watcher_stop(&watcher);
  return 0;
}
