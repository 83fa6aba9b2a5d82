/* A host that lives on signals gets every one of them, sent to the process while monitors run and
 * threads of the library come and go.
 *
 *     signals sigwait|signalfd|ppoll COUNT
 *
 * Real-time signals queue, so each counts; their numbers are in order, so none is missed or doubled.
 * Their disposition is that of a host that never thought of them: one that a thread of the library
 * takes ends the process (in the first two; the last has a handler that looks on which thread it is). */
#include "guest.h"

#include <sys/signalfd.h>

static monitor_t *restless;
static volatile int stop;
static int expected;
static pthread_t main_thread;

static void *come_and_go(void *unused)
{
  (void)unused;
  while (!stop) {
    CHECK_OK(monitor_app_start(restless));
    CHECK_OK(monitor_app_end(restless));
  }
  return NULL;
}

/* Sends from a process of its own, as an administrator would. */
static pid_t start_sender(int count)
{
  pid_t host = getpid();
  pid_t sender = fork();

  if (sender == 0) {
    union sigval value;

    alarm(240);
    for (value.sival_int = 0; value.sival_int < count; value.sival_int++) {
      while (sigqueue(host, SIGRTMIN + 5, value) != 0) {
        CHECK(errno == EAGAIN);
        poll(NULL, 0, 1);
      }
      if (value.sival_int % 50 == 0)
        poll(NULL, 0, 1);
    }
    _exit(0);
  }
  CHECK(sender > 0);
  return sender;
}

static void got(int value)
{
  CHECK(value == expected);
  expected++;
}

static void handler(int signal, siginfo_t *info, void *context)
{
  (void)signal;
  (void)context;
  CHECK(pthread_equal(pthread_self(), main_thread));
  got(info->si_value.sival_int);
}

static void take_by_sigwait(const sigset_t *set)
{
  siginfo_t info;

  if (sigwaitinfo(set, &info) >= 0)
    got(info.si_value.sival_int);
  else
    CHECK(errno == EINTR);
}

static void take_by_signalfd(int number)
{
  struct signalfd_siginfo info;

  CHECK(read(number, &info, sizeof info) == (ssize_t)sizeof info);
  got(info.ssi_int);
}

static void take_by_ppoll(const sigset_t *open)
{
  CHECK(ppoll(NULL, 0, NULL, open) < 0 && errno == EINTR);
}

int main(int argc, char **argv)
{
  monitor_t *monitor;
  pthread_t thread;
  struct sigaction action;
  sigset_t set;
  sigset_t open;
  pid_t sender;
  int number = -1;
  int count;

  CHECK(argc == 3);
  count = atoi(argv[2]);
  main_thread = pthread_self();
  alarm(240);
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 5);
  /* on all threads of the host, as it has to be */
  CHECK(pthread_sigmask(SIG_BLOCK, &set, &open) == 0);
  if (strcmp(argv[1], "ppoll") == 0) {
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGRTMIN + 5, &action, NULL) == 0);
  }
  if (strcmp(argv[1], "signalfd") == 0) {
    number = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(number >= 0);
  }
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  restless = monitor_at("billing", 1, "orders", 0, "1s", "20ms");
  CHECK_OK(monitor_app_start(monitor));
  CHECK(pthread_create(&thread, NULL, come_and_go, NULL) == 0);
  sender = start_sender(count);
  while (expected < count) {
    if (strcmp(argv[1], "sigwait") == 0)
      take_by_sigwait(&set);
    else if (strcmp(argv[1], "signalfd") == 0)
      take_by_signalfd(number);
    else
      take_by_ppoll(&open);
  }
  CHECK(!child_failed(sender));
  stop = 1;
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK_OK(monitor_free(monitor));
  CHECK_OK(monitor_free(restless));
  CHECK(expected == count);
  return 0;
}
