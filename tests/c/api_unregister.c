/* Unregistering, replacing and releasing wait for a callback that is running on another thread, so
 * that the host may release what the callback uses. */
#include "check.h"

struct data {
  struct tally entered;
  struct tally leave;
  int alive;
  volatile int left;
};

static void on_event(const monitor_event_t *event, void *user_data)
{
  struct data *data = (struct data *)user_data;

  (void)event;
  CHECK(data->alive == 0x600d);
  tally_raise(&data->entered);
  CHECK(tally_wait(&data->leave, 1));
  CHECK(data->alive == 0x600d);
  data->left = 1;
}

static void other(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
}

static void *let_it_leave(void *user_data)
{
  struct data *data = (struct data *)user_data;
  struct timespec moment;

  /* long enough for the main thread to be waiting, as a rule; right in every case */
  moment.tv_sec = 0;
  moment.tv_nsec = 50 * 1000 * 1000;
  nanosleep(&moment, NULL);
  tally_raise(&data->leave);
  return NULL;
}

static void stop_by(int way)
{
  struct data *data = (struct data *)malloc(sizeof *data);
  monitor_t *orders;
  monitor_t *billing;
  pthread_t thread;

  CHECK(data != NULL);
  tally_init(&data->entered);
  tally_init(&data->leave);
  data->alive = 0x600d;
  data->left = 0;
  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_STARTED, on_event, data));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&data->entered, 1));
  CHECK(pthread_create(&thread, NULL, let_it_leave, data) == 0);
  if (way == 0)
    CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, NULL, NULL));
  else if (way == 1)
    CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, other, NULL));
  else
    CHECK_OK(monitor_free(orders));
  CHECK(data->left == 1);
  CHECK(pthread_join(thread, NULL) == 0);
  tally_destroy(&data->entered);
  tally_destroy(&data->leave);
  memset(data, 0, sizeof *data);
  free(data);
  if (way != 2)
    CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
}

int main(void)
{
  stop_by(0);
  stop_by(1);
  stop_by(2);
  return 0;
}
