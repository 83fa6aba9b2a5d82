/* Peers that reset their connections, and strangers that do, while SIGPIPE does what it does by
 * default: it would end this process.
 *
 *     pipe private|shared */
#include "watcher.h"

/* Connects to the library's TCP port and cuts it in the rudest way, after `length` bytes. */
static void connect_and_reset(int length)
{
  struct sockaddr_in to;
  char address[32];
  char bytes[64];
  int number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  CHECK(number >= 0);
  memset(&to, 0, sizeof to);
  memset(bytes, 'x', sizeof bytes);
  to.sin_family = AF_INET;
  address_of(address, 0);
  *strchr(address, ':') = '\0';
  CHECK(inet_aton(address, &to.sin_addr) == 1);
  to.sin_port = htons(28170);
  if (connect(number, (struct sockaddr *)&to, sizeof to) == 0) {
    CHECK(send(number, bytes, (size_t)length, MSG_NOSIGNAL) == length || length == 0);
    leave_no_trace(number);
  }
  close(number);
}

/* A peer that is stopped with bytes unread, and then killed: its kernel resets what it had. */
static void peer_that_resets(monitor_t *monitor, int shared)
{
  struct watcher peer;
  int status;

  watcher_start(&peer, "billing", 1, "orders", 0, "1s", "20ms");
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  if (!shared)
    UNTIL(status_of(monitor, "billing").lifelines == 2);
  CHECK(kill(peer.process, SIGSTOP) == 0);
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_DOWN);
  CHECK(kill(peer.process, SIGKILL) == 0);
  CHECK(waitpid(peer.process, &status, 0) == peer.process);
  close(peer.ask);
  close(peer.answer);
}

int main(int argc, char **argv)
{
  struct sigaction action;
  monitor_t *monitor;
  int shared;
  int i;

  CHECK(argc == 2);
  shared = is_shared(argv[1]);
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  CHECK(sigaction(SIGPIPE, &action, NULL) == 0);
  if (shared)
    refuse_private_table();
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  CHECK_OK(monitor_app_start(monitor));
  for (i = 0; i < 200; i++)
    connect_and_reset(i % 60);
  for (i = 0; i < 3; i++)
    peer_that_resets(monitor, shared);
  CHECK_OK(monitor_free(monitor));
  CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
  CHECK(action.sa_handler == SIG_DFL);
  return 0;
}
