/* The text of the last error: length, truncation, one per thread, kept until the next error, and
 * readable while a thread's locals are destroyed. */
#include "check.h"

static pthread_key_t key;
static size_t length_in_destructor;

static void *on_another_thread(void *unused)
{
  char text[16] = "untouched";

  (void)unused;
  CHECK(monitor_last_error(text, sizeof text) == 0);
  CHECK(text[0] == '\0');
  CHECK_RC(monitor_free(NULL), MONITOR_ERR_NULL);
  CHECK(monitor_last_error(NULL, 0) > 0);
  CHECK(pthread_setspecific(key, text) == 0);
  return NULL;
}

static void while_the_thread_ends(void *unused)
{
  char text[256];

  (void)unused;
  length_in_destructor = monitor_last_error(text, sizeof text);
  CHECK(strlen(text) == length_in_destructor);
  /* a new error can still be made */
  CHECK_RC(monitor_config_free(NULL), MONITOR_ERR_NULL);
}

int main(void)
{
  char whole[256];
  char part[16];
  char again[256];
  monitor_config_t *config;
  pthread_t thread;
  size_t length;
  size_t i;

  CHECK(monitor_last_error(whole, sizeof whole) == 0);
  CHECK(whole[0] == '\0');
  CHECK_RC(monitor_free(NULL), MONITOR_ERR_NULL);
  length = monitor_last_error(whole, sizeof whole);
  CHECK(length > 4 && length < sizeof whole);
  CHECK(strlen(whole) == length);

  /* a pulse, which signal handlers may call, and calls that succeed leave it alone */
  CHECK_RC(monitor_app_alive((monitor_t *)1), MONITOR_ERR_HANDLE);
  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_free(config));
  CHECK(monitor_last_error(again, sizeof again) == length);
  CHECK(strcmp(whole, again) == 0);

  /* asking for the length alone */
  CHECK(monitor_last_error(NULL, 0) == length);
  memset(part, 'z', sizeof part);
  CHECK(monitor_last_error(part, 0) == length);
  CHECK(part[0] == 'z');
  CHECK(monitor_last_error(NULL, 5) == 0);

  /* every buffer that is too small gets a beginning and a NUL, and not a byte more */
  for (i = 1; i < sizeof part; i++) {
    memset(part, 'z', sizeof part);
    CHECK(monitor_last_error(part, i) == length);
    CHECK(strlen(part) == i - 1);
    CHECK(memcmp(part, whole, i - 1) == 0);
    CHECK(part[i] == 'z');
  }
  memset(again, 'z', sizeof again);
  CHECK(monitor_last_error(again, length) == length);
  CHECK(strlen(again) == length - 1);
  CHECK(monitor_last_error(again, length + 1) == length);
  CHECK(strcmp(again, whole) == 0);

  CHECK(pthread_key_create(&key, while_the_thread_ends) == 0);
  CHECK(pthread_create(&thread, NULL, on_another_thread, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(length_in_destructor > 0);
  CHECK(monitor_last_error(again, sizeof again) == length);
  CHECK(strcmp(again, whole) == 0);
  return 0;
}
