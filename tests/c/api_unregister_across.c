/* Unregistering one callback from inside of another one waits too, so that the host may release
 * what it uses; where both would wait for each other, one of them is refused. */
#include "check.h"

static struct tally interrupted;
static struct tally leave;
static struct tally in_event;
static struct tally done;
static monitor_t *orders;
static volatile int returned;
static int mutual;
static monitor_result_t by_interrupt;
static monitor_result_t by_event;

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
  tally_raise(&interrupted);
  if (mutual) {
    CHECK(tally_wait(&in_event, 1));
    by_interrupt = monitor_on_event(orders, MONITOR_EVENT_ALL, NULL, NULL);
  } else {
    CHECK(tally_wait(&leave, 1));
  }
  returned = 1;
  tally_raise(&done);
}

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  if (event->kind != MONITOR_EVENT_STARTED)
    return;
  tally_raise(&in_event);
  by_event = monitor_on_interrupt(orders, NULL, NULL);
  if (!mutual)
    CHECK(by_event == MONITOR_OK && returned);
  tally_raise(&done);
}

static void *let_it_leave(void *user_data)
{
  (void)user_data;
  CHECK(tally_wait(&in_event, 1));
  /* long enough for the event callback to be waiting, as a rule; right in every case */
  poll(NULL, 0, 50);
  tally_raise(&leave);
  return NULL;
}

static void across(int is_mutual)
{
  monitor_config_t *config;
  monitor_t *billing;
  char address[32];
  pthread_t thread;
  int ports[2];

  mutual = is_mutual;
  returned = 0;
  by_interrupt = by_event = 1;
  tally_init(&interrupted);
  tally_init(&leave);
  tally_init(&in_event);
  tally_init(&done);
  free_ports(ports, 2);
  config = config_of("orders", ports[0]);
  CHECK_OK(monitor_config_set(config, "watchdog_timeout", "50ms"));
  CHECK_OK(monitor_config_add_peer(config, "billing", loopback(address, ports[1])));
  CHECK_OK(monitor_init(&orders, config));
  CHECK_OK(monitor_config_free(config));
  billing = monitor_of("billing", ports[1], "orders", ports[0]);
  CHECK_OK(monitor_on_interrupt(orders, on_interrupt, NULL));
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_app_start(orders));
  CHECK(tally_wait(&interrupted, 1));
  CHECK(pthread_create(&thread, NULL, let_it_leave, NULL) == 0);
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&done, 2));
  CHECK(pthread_join(thread, NULL) == 0);
  if (mutual) {
    /* one waits for the other, which is refused or was too late to be */
    CHECK(by_event == MONITOR_OK || by_event == MONITOR_ERR_IN_CALLBACK);
    CHECK(by_interrupt == MONITOR_OK || by_interrupt == MONITOR_ERR_IN_CALLBACK);
    CHECK(by_event == MONITOR_OK || by_interrupt == MONITOR_OK);
  }
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
}

int main(void)
{
  across(0);
  across(1);
  return 0;
}
