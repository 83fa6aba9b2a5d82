/* peermon.hpp: callables are destroyed after their last call, exceptions stay inside, activities end
 * with their scope. C++98. */
#include "check.h"

#include <peermon.hpp>

namespace {

int alive = 0;
struct tally called;
struct tally thrown;

/* A callable with a state, of which copies are counted. */
class Counted {
public:
  explicit Counted(bool throws) : throws_(throws) { alive++; }
  Counted(const Counted &other) : throws_(other.throws_) { alive++; }
  ~Counted() { alive--; }

  void operator()(const monitor_event_t &event) const
  {
    if (event.kind != MONITOR_EVENT_STARTED)
      return;
    tally_raise(&called);
    if (throws_)
      throw std::runtime_error("by the callback");
  }
  void operator()(const monitor_interrupt_t &) const {}
  void operator()(int32_t, const char *) const {}

private:
  Counted &operator=(const Counted &);

  bool throws_;
};

void on_exception(const char *what, void *)
{
  CHECK(strcmp(what, "by the callback") == 0);
  tally_raise(&thrown);
}

std::string at(int port)
{
  char buffer[32];
  return loopback(buffer, port);
}

void configure(peermon::Config &config, const char *name, int port, const char *peer, int peer_port)
{
  config.set("name", name).set("listen", at(port)).set("detect_within", "1s");
  config.add_peer(peer, at(peer_port));
}

void callables()
{
  int ports[2];
  free_ports(ports, 2);
  peermon::Config orders_config, billing_config;
  configure(orders_config, "orders", ports[0], "billing", ports[1]);
  configure(billing_config, "billing", ports[1], "orders", ports[0]);
  {
    peermon::Monitor orders(orders_config);
    peermon::Monitor billing(billing_config);

    orders.on_exception(on_exception);
    for (int i = 0; i < 10; i++) {
      orders.on_event(MONITOR_EVENT_ALL, Counted(i == 9));
      orders.on_interrupt(Counted(false));
      orders.on_log(MONITOR_LOG_INFO, Counted(false));
      CHECK(alive == 3); /* those before are gone */
    }
    orders.no_interrupts();
    CHECK(alive == 2);
    try {
      orders.on_log(99, Counted(false));
      CHECK(!"accepted");
    } catch (const peermon::Error &error) {
      CHECK(error.code() == MONITOR_ERR_INVALID);
    }
    CHECK(alive == 2); /* what was refused is gone, what was there is not */

    orders.start();
    billing.start();
    CHECK(tally_wait(&called, 1));
    CHECK(tally_wait(&thrown, 1));
    CHECK(orders.peer("billing").state == MONITOR_STATE_UP);
    CHECK(orders.statistics().flags & MONITOR_STATISTICS_RUNNING);
    {
      peermon::Activity activity(orders, "batch", 60000);
      CHECK(activity.alive() == MONITOR_OK);
    }
    try {
      peermon::Activity activity(orders, "", 60000);
      CHECK(!"accepted");
    } catch (const peermon::Error &error) {
      CHECK(error.code() == MONITOR_ERR_INVALID);
    }
  }
  CHECK(alive == 0);
}

} /* namespace */

int main()
{
  tally_init(&called);
  tally_init(&thrown);
  callables();
  return 0;
}
