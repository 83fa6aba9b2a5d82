/* What peermon costs its host: wake-ups, processor time, memory, threads and descriptors, by the kernel's
 * own accounts. Two monitors, in a process each, watch one another on loopback at the default pace.
 *
 *     cost [SECONDS]        prints a Markdown table about the first process
 *
 * The parent and the child both run a monitor; only the parent counts itself. Exits after the given time
 * (20 s unless told otherwise) and ends its child by its pid.
 */

#include <peermon.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct account {
    unsigned long switches; /* voluntary: one per sleep */
    unsigned long ticks;    /* user and system time */
    unsigned threads;
    unsigned descriptors;
};

static unsigned long field_of(const char *path, const char *name)
{
    FILE *file = fopen(path, "r");
    char line[256];
    unsigned long value = 0;
    size_t length = strlen(name);

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) == 0) {
            value = strtoul(line + length, NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

static unsigned long ticks_of(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[512];
    unsigned long user = 0, kernel = 0;
    const char *rest;

    if (file != NULL && fgets(line, sizeof line, file) != NULL && (rest = strrchr(line, ')')) != NULL) {
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    }
    if (file != NULL) {
        fclose(file);
    }
    return user + kernel;
}

static unsigned entries_of(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count > 2 ? count - 2 : 0;
}

/* All threads of this process but the main one. */
static struct account take_account(void)
{
    struct account account;
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    char path[300];

    memset(&account, 0, sizeof account);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || atol(entry->d_name) == (long)getpid()) {
            continue;
        }
        sprintf(path, "/proc/self/task/%s/status", entry->d_name);
        account.switches += field_of(path, "voluntary_ctxt_switches:");
        sprintf(path, "/proc/self/task/%s/stat", entry->d_name);
        account.ticks += ticks_of(path);
        account.threads++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    account.descriptors = entries_of("/proc/self/fd");
    return account;
}

static monitor_t *start(const char *name, const char *listen, const char *peer, const char *address)
{
    monitor_config_t *config = NULL;
    monitor_t *monitor = NULL;
    char why[256] = "";

    if (monitor_config_new(&config) || monitor_config_set(config, "name", name)
        || monitor_config_set(config, "listen", listen) || monitor_config_add_peer(config, peer, address)
        || monitor_init(&monitor, config) || monitor_app_start(monitor)) {
        monitor_last_error(why, sizeof why);
        fprintf(stderr, "%s: %s\n", name, why);
        exit(1);
    }
    monitor_config_free(config);
    return monitor;
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    unsigned long memory = field_of("/proc/self/smaps_rollup", "Private_Dirty:");
    unsigned descriptors = entries_of("/proc/self/fd");
    struct account before, after;
    monitor_t *monitor;
    pid_t child = fork();

    if (child == 0) {
        start("billing", "127.0.0.1:28172", "orders", "127.0.0.1:28171");
        for (;;) {
            pause();
        }
    }
    monitor = start("orders", "127.0.0.1:28171", "billing", "127.0.0.1:28172");
    sleep(5);
    before = take_account();
    sleep(seconds);
    after = take_account();
    memory = field_of("/proc/self/smaps_rollup", "Private_Dirty:") - memory;

    printf("| one peer, heartbeats every 200 ms both ways | |\n|---|---|\n");
    printf("| threads | %u |\n", after.threads);
    printf("| descriptors in the host's table | %u |\n", after.descriptors - descriptors);
    printf("| private dirty memory | %lu kB |\n", memory);
    printf("| wake-ups, all threads together | %.1f a second |\n",
           (double)(after.switches - before.switches) / seconds);
    printf("| processor time | %.3f %% of a core |\n",
           100.0 * (double)(after.ticks - before.ticks) / (double)sysconf(_SC_CLK_TCK) / seconds);

    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return monitor_app_end(monitor) || monitor_free(monitor);
}
