/* What libpeermon-preload.so has to say: into the file of PEERMON_PRELOAD_LOG; without one, or where it
   cannot be written, to the system's log. No descriptor is kept, because the program may close whatever it finds; and the C
   library's syslog() is the program's own, with its name and its settings. */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

#define DAEMON (3 << 3) /* syslog's facility */

static char file[4096];

void preload_log_init(void)
{
    const char *path = secure_getenv("PEERMON_PRELOAD_LOG");

    if (path != NULL && strlen(path) < sizeof file)
        strcpy(file, path);
}

/* -1 if there is no way to it: in another root, or for another user than the one before. */
static int to_file(const char *line, size_t length)
{
    /* A pipe that nobody reads holds up nobody. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(file, flags, 0640), written;

    if (fd < 0)
        return -1;
    written = write(fd, line, length) == (ssize_t)length;
    close(fd);
    return written ? 0 : -1;
}

static void to_system(const char *line, size_t length)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, "/dev/log");
    sendto(fd, line, length, MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address);
    close(fd);
}

/* "2026-11-27T05:55:00Z memcached[4711]: " */
static void head_of_file(char *head, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;
    char date[32] = "";

    if (gmtime_r(&now, &utc) != NULL)
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ ", &utc);
    snprintf(head, size, "%s%.64s[%ld]: ", date, program_invocation_short_name, (long)getpid());
}

/* "<27>peermon[4711]: memcached: " */
static void head_of_system(char *head, size_t size, int severity)
{
    snprintf(head, size, "<%d>peermon[%ld]: %.64s: ", DAEMON | severity, (long)getpid(),
             program_invocation_short_name);
}

void preload_log(int severity, const char *format, ...)
{
    char text[1024], head[160], line[sizeof text + sizeof head];
    int saved = errno, length;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    head_of_file(head, sizeof head);
    length = snprintf(line, sizeof line, "%s%s\n", head, text);
    if (length > 0 && (file[0] == '\0' || to_file(line, (size_t)length) != 0)) {
        head_of_system(head, sizeof head, severity);
        length = snprintf(line, sizeof line, "%s%s", head, text);
        if (length > 0)
            to_system(line, (size_t)length);
    }
    errno = saved;
}
