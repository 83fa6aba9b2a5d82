/* What the library does in the child of a fork before the fork returns there: no allocation, no
 * system call through libc but for what it closes, no log line. Both are replaced here by functions
 * that count.
 *
 *     handler private|shared */
#include "guest.h"

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

/* Of the forking thread, from before the fork until after it, in whichever process. */
static __thread volatile int forking;
static __thread volatile int allocations;
static __thread volatile int calls;

static pid_t parent;
static int *logged_by_others;

void *malloc(size_t size)
{
  allocations += forking;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  allocations += forking;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
  allocations += forking;
  return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
  allocations += forking;
  *memory = __libc_memalign(alignment, size);
  return *memory == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
  allocations += forking;
  return __libc_memalign(alignment, size);
}

void free(void *memory)
{
  allocations += forking;
  __libc_free(memory);
}

ssize_t write(int number, const void *bytes, size_t length)
{
  calls += forking;
  return syscall(SYS_write, number, bytes, length);
}

ssize_t writev(int number, const struct iovec *parts, int count)
{
  calls += forking;
  return syscall(SYS_writev, number, parts, count);
}

ssize_t send(int number, const void *bytes, size_t length, int flags)
{
  calls += forking;
  return syscall(SYS_sendto, number, bytes, length, flags, NULL, 0);
}

ssize_t sendto(int number, const void *bytes, size_t length, int flags, const struct sockaddr *to,
               socklen_t size)
{
  calls += forking;
  return syscall(SYS_sendto, number, bytes, length, flags, to, size);
}

ssize_t sendmsg(int number, const struct msghdr *message, int flags)
{
  calls += forking;
  return syscall(SYS_sendmsg, number, message, flags);
}

int shutdown(int number, int how)
{
  calls += forking;
  return (int)syscall(SYS_shutdown, number, how);
}

int epoll_ctl(int set, int what, int number, struct epoll_event *event)
{
  calls += forking;
  return (int)syscall(SYS_epoll_ctl, set, what, number, event);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument)
{
  int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

  calls += forking;
  *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
  return next(thread, attributes, body, argument);
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  (void)user_data;
  if (getpid() != parent)
    ++*logged_by_others;
}

static void once(void)
{
  pid_t child;

  allocations = 0;
  calls = 0;
  forking = 1;
  child = fork();
  forking = 0;
  CHECK(allocations == 0);
  CHECK(calls == 0);
  if (child == 0)
    _exit(0);
  CHECK(!child_failed(child));
}

int main(int argc, char **argv)
{
  monitor_t *monitor;
  monitor_t *other;
  void *volatile taken;
  int i;

  CHECK(argc == 2);
  if (is_shared(argv[1]))
    refuse_private_table();
  parent = getpid();
  logged_by_others =
    (int *)mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(logged_by_others != MAP_FAILED);
  /* that the count works, and that a fork itself is free of both */
  allocations = 0;
  forking = 1;
  taken = malloc(1);
  free(taken);
  forking = 0;
  CHECK(allocations == 2);
  once();
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  other = monitor_at("billing", 1, "orders", 0, "1s", "20ms");
  CHECK_OK(monitor_on_log(monitor, MONITOR_LOG_TRACE, on_log, NULL));
  CHECK_OK(monitor_app_start(monitor));
  CHECK_OK(monitor_app_start(other));
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  for (i = 0; i < 200; i++)
    once();
  CHECK(*logged_by_others == 0);
  CHECK_OK(monitor_free(monitor));
  CHECK_OK(monitor_free(other));
  return 0;
}
