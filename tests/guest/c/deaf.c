/* Which signals the library's threads block: all but those of a crash, and the two with which libc
 * itself interrupts threads (32, 33: without 33 the host's setuid would never return).
 *
 *     deaf private|shared */
#include "guest.h"

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
}

static int must_be_open(int signal)
{
  static const int open[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS,
                              SIGKILL, SIGSTOP, 32, 33 };
  size_t i;

  for (i = 0; i < sizeof open / sizeof open[0]; i++) {
    if (open[i] == signal)
      return 1;
  }
  return 0;
}

/* The mask of blocked signals of thread `task`, if it is one of the library's; 0 if not. */
static unsigned long long mask_of(const char *task)
{
  unsigned long long mask = 0;
  char path[300];
  char line[256];
  FILE *file;
  int ours = 0;

  sprintf(path, "/proc/self/task/%s/status", task);
  file = fopen(path, "re");
  if (file == NULL)
    return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "Name:\tpeermon-", 14) == 0)
      ours = 1;
    if (strncmp(line, "SigBlk:", 7) == 0)
      mask = strtoull(line + 7, NULL, 16);
  }
  fclose(file);
  return ours ? mask : 0;
}

static int is_right(unsigned long long mask)
{
  int signal;

  for (signal = 1; signal <= 64; signal++) {
    if (((mask >> (signal - 1)) & 1) != (unsigned)!must_be_open(signal))
      return 0;
  }
  return 1;
}

/* How many of the library's threads have the right mask. */
static int count_right(void)
{
  DIR *tasks = opendir("/proc/self/task");
  struct dirent *task;
  int count = 0;

  CHECK(tasks != NULL);
  while ((task = readdir(tasks)) != NULL) {
    if (task->d_name[0] != '.' && is_right(mask_of(task->d_name)))
      count++;
  }
  closedir(tasks);
  return count;
}

int main(int argc, char **argv)
{
  monitor_t *monitor;
  int threads;

  CHECK(argc == 2);
  threads = is_shared(argv[1]) ? 5 : 6;
  if (threads == 5)
    refuse_private_table();
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "50ms");
  CHECK_OK(monitor_on_interrupt(monitor, on_interrupt, NULL));
  CHECK_OK(monitor_app_start(monitor));
  UNTIL(count_threads("peermon-") == threads);
  /* while a thread starts another one, libc blocks everything for it */
  UNTIL(count_right() == threads);
  CHECK_OK(monitor_free(monitor));
  return 0;
}
