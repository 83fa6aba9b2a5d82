/* User data with a destructor: destroyed exactly once, after the last call, whatever ends the
 * registration: replacing, unregistering from outside and from inside, releasing, a forked child. */
#include "check.h"

struct data {
  monitor_t *monitor;
  int calls;
  int destroyed;
  int leaves;         /* unregisters itself inside of its first call */
  monitor_result_t free_inside;
};

static struct tally called;
static struct tally destroyed;

static void on_event(const monitor_event_t *event, void *user_data)
{
  struct data *data = (struct data *)user_data;

  (void)event;
  CHECK(!data->destroyed);
  data->calls++;
  if (data->leaves) {
    CHECK_OK(monitor_on_event(data->monitor, MONITOR_EVENT_ALL, NULL, NULL));
    CHECK(!data->destroyed);
  }
  tally_raise(&called);
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  struct data *data = (struct data *)user_data;

  (void)level;
  (void)message;
  CHECK(!data->destroyed);
  data->calls++;
}

static void destroy(void *user_data)
{
  struct data *data = (struct data *)user_data;

  data->destroyed++;
  /* what would deadlock, or release what is being released, is refused */
  data->free_inside = monitor_free(data->monitor);
  tally_raise(&destroyed);
}

static struct data fresh(monitor_t *monitor)
{
  struct data data;

  memset(&data, 0, sizeof data);
  data.monitor = monitor;
  return data;
}

static void replaced_and_unregistered(void)
{
  monitor_t *monitor = monitor_of("orders", 28170, "billing", 28171);
  struct data event[2], interrupt, log;

  event[0] = event[1] = interrupt = log = fresh(monitor);
  CHECK_OK(monitor_on_event_full(monitor, MONITOR_EVENT_ALL, on_event, &event[0], destroy));
  CHECK_OK(monitor_on_interrupt_full(monitor, on_interrupt, &interrupt, destroy));
  CHECK_OK(monitor_on_log_full(monitor, MONITOR_LOG_TRACE, on_log, &log, destroy));
  CHECK(!event[0].destroyed && !interrupt.destroyed && !log.destroyed);
  CHECK_OK(monitor_on_event_full(monitor, MONITOR_EVENT_ALL, on_event, &event[1], destroy));
  CHECK(event[0].destroyed == 1 && !event[1].destroyed);
  CHECK(event[0].free_inside == MONITOR_ERR_IN_CALLBACK);
  CHECK_OK(monitor_on_interrupt(monitor, NULL, NULL));
  CHECK(interrupt.destroyed == 1);
  CHECK_OK(monitor_on_log_full(monitor, MONITOR_LOG_OFF, NULL, NULL, destroy));
  CHECK(log.destroyed == 1);
  CHECK_OK(monitor_free(monitor));
  CHECK(event[1].destroyed == 1 && event[1].free_inside == MONITOR_ERR_IN_CALLBACK);
  CHECK(event[0].destroyed == 1 && interrupt.destroyed == 1 && log.destroyed == 1);
}

static void refused(void)
{
  monitor_t *monitor = monitor_of("orders", 28170, "billing", 28171);
  struct data data = fresh(monitor);

  CHECK_RC(monitor_on_log_full(monitor, 77, on_log, &data, destroy), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_on_event_full(NULL, 1, on_event, &data, destroy), MONITOR_ERR_NULL);
  CHECK(!data.destroyed);
  /* a NULL callback registers nothing, so nothing is destroyed */
  CHECK_OK(monitor_on_event_full(monitor, 1, NULL, &data, destroy));
  CHECK(!data.destroyed);
  CHECK_OK(monitor_free(monitor));
  CHECK_RC(monitor_on_event_full(monitor, 1, on_event, &data, destroy), MONITOR_ERR_HANDLE);
  CHECK(!data.destroyed);
}

static void from_inside(void)
{
  monitor_t *orders;
  monitor_t *billing;
  struct data data;

  pair_of(&orders, &billing);
  data = fresh(orders);
  data.leaves = 1;
  CHECK_OK(monitor_on_event_full(orders, MONITOR_EVENT_ALL, on_event, &data, destroy));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&called, 1));
  CHECK(tally_wait(&destroyed, 1));
  CHECK_OK(monitor_free(billing));
  CHECK_OK(monitor_free(orders));
  CHECK(data.calls == 1 && data.destroyed == 1);
}

static void *look_at(void *monitor)
{
  monitor_statistics_t statistics;

  statistics.size = sizeof statistics;
  CHECK_OK(monitor_statistics((monitor_t *)monitor, &statistics));
  return NULL;
}

/* init, register, fork: parent and child each have a copy, with an end of its own */
static void in_a_forked_child(int use)
{
  monitor_t *monitor = monitor_of("orders", 28170, "billing", 28171);
  struct data data = fresh(monitor);
  pid_t child;

  CHECK_OK(monitor_on_event_full(monitor, MONITOR_EVENT_ALL, on_event, &data, destroy));
  child = fork();
  if (child == 0) {
    pthread_t threads[4];
    int i;

    /* the first calls of several threads make one copy */
    for (i = 0; i < use; i++)
      CHECK(pthread_create(&threads[i], NULL, look_at, monitor) == 0);
    for (i = 0; i < use; i++)
      CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(!data.destroyed);
    CHECK_OK(monitor_free(monitor));
    CHECK(data.destroyed == 1);
    leave_child();
  }
  CHECK(!child_failed(child));
  CHECK(!data.destroyed);
  CHECK_OK(monitor_free(monitor));
  CHECK(data.destroyed == 1);
}

/* two threads register and unregister at once: every registration is destroyed once */
enum { EACH = 500 };

static monitor_t *shared;
static struct data many[2][EACH];

static void *register_many(void *row)
{
  struct data *data = (struct data *)row;
  int i;

  for (i = 0; i < EACH; i++)
    CHECK_OK(monitor_on_event_full(shared, MONITOR_EVENT_ALL, on_event, &data[i], destroy));
  return NULL;
}

static void from_several_threads(void)
{
  pthread_t threads[2];
  int i, j;

  shared = monitor_of("orders", 28170, "billing", 28171);
  for (i = 0; i < 2; i++) {
    for (j = 0; j < EACH; j++)
      many[i][j] = fresh(shared);
    CHECK(pthread_create(&threads[i], NULL, register_many, many[i]) == 0);
  }
  for (i = 0; i < 2; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK_OK(monitor_free(shared));
  for (i = 0; i < 2; i++)
    for (j = 0; j < EACH; j++)
      CHECK(many[i][j].destroyed == 1);
}

int main(void)
{
  int i;

  tally_init(&called);
  tally_init(&destroyed);
  replaced_and_unregistered();
  refused();
  from_inside();
  in_a_forked_child(0);
  in_a_forked_child(1);
  for (i = rounds(100); i > 0; i--)
    in_a_forked_child(4);
  from_several_threads();
  return 0;
}
