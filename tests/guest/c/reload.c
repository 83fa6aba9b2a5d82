/* dlopen and dlclose, a thousand times, with a life in between now and then.
 *
 *     reload LIBRARY COUNT
 *
 * The library stays (nodelete): unloading code that threads run would crash them. What may not be is
 * that anything grows with it. */
#include "guest.h"

#include <dlfcn.h>

static monitor_result_t (*config_new)(monitor_config_t **);
static monitor_result_t (*config_set)(monitor_config_t *, const char *, const char *);
static monitor_result_t (*config_free)(monitor_config_t *);
static monitor_result_t (*init)(monitor_t **, const monitor_config_t *);
static monitor_result_t (*app_start)(monitor_t *);
static monitor_result_t (*app_alive)(monitor_t *);
static monitor_result_t (*app_end)(monitor_t *);
static monitor_result_t (*release)(monitor_t *);

static void *open_library(const char *library)
{
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

  CHECK(handle != NULL);
  *(void **)&config_new = dlsym(handle, "monitor_config_new");
  *(void **)&config_set = dlsym(handle, "monitor_config_set");
  *(void **)&config_free = dlsym(handle, "monitor_config_free");
  *(void **)&init = dlsym(handle, "monitor_init");
  *(void **)&app_start = dlsym(handle, "monitor_app_start");
  *(void **)&app_alive = dlsym(handle, "monitor_app_alive");
  *(void **)&app_end = dlsym(handle, "monitor_app_end");
  *(void **)&release = dlsym(handle, "monitor_free");
  CHECK(config_new && config_set && config_free && init && app_start && app_end && release);
  return handle;
}

static monitor_t *make(void)
{
  monitor_config_t *config = NULL;
  monitor_t *monitor = NULL;
  char address[32];

  CHECK(config_new(&config) == MONITOR_OK);
  CHECK(config_set(config, "name", "orders") == MONITOR_OK);
  CHECK(config_set(config, "listen", address_of(address, 0)) == MONITOR_OK);
  CHECK(init(&monitor, config) == MONITOR_OK);
  CHECK(config_free(config) == MONITOR_OK);
  return monitor;
}

/* Kilobytes of address space, and in how many pieces the library is mapped. */
static void measure(long *size, int *pieces)
{
  FILE *maps = fopen("/proc/self/maps", "re");
  char line[PATH_MAX + 128];

  *size = 0;
  *pieces = 0;
  CHECK(maps != NULL);
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from;
    unsigned long to;

    CHECK(sscanf(line, "%lx-%lx", &from, &to) == 2);
    *size += (long)((to - from) / 1024);
    *pieces += strstr(line, "libpeermon") != NULL;
  }
  fclose(maps);
}

int main(int argc, char **argv)
{
  monitor_t *living = NULL;
  int descriptors = count_descriptors();
  int pieces = 0;
  int pieces_now;
  long size = 0;
  long size_now;
  int count;
  int i;

  CHECK(argc == 3);
  count = atoi(argv[2]);
  for (i = 0; i < count; i++) {
    void *handle = open_library(argv[1]);

    if (i % 50 == 0) {
      monitor_t *monitor = make();

      CHECK(app_start(monitor) == MONITOR_OK);
      CHECK(app_end(monitor) == MONITOR_OK);
      CHECK(release(monitor) == MONITOR_OK);
      UNTIL(count_threads("") == 1);
    }
    CHECK(dlclose(handle) == 0);
    if (i == count / 5)
      measure(&size, &pieces);
  }
  measure(&size_now, &pieces_now);
  CHECK(count_descriptors() == descriptors);
  CHECK(pieces_now == pieces);
  /* arenas of the allocator and stacks come and go; a megabyte per reload would not */
  CHECK(count < 400 || size_now < size + 128 * 1024);

  /* closed while it runs: its threads go on in code that is still there */
  {
    void *handle = open_library(argv[1]);

    living = make();
    CHECK(app_start(living) == MONITOR_OK);
    CHECK(dlclose(handle) == 0);
  }
  UNTIL(count_threads("peermon-") >= 4);
  poll(NULL, 0, 100);
  CHECK(app_alive(living) == MONITOR_OK);
  CHECK(release(living) == MONITOR_OK);
  UNTIL(count_threads("") == 1);
  return 0;
}
