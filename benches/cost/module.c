#include "module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct module module;

static void *handle;

static void find(const char *name, void *into)
{
    void *function = dlsym(handle, name);

    if (function == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    /* POSIX lets a function pointer be kept in a data pointer, C does not. */
    memcpy(into, &function, sizeof function);
}

void module_load(const char *library)
{
    handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    find("monitor_config_new", &module.config_new);
    find("monitor_config_set", &module.config_set);
    find("monitor_config_add_peer", &module.config_add_peer);
    find("monitor_config_free", &module.config_free);
    find("monitor_init", &module.init);
    find("monitor_app_start", &module.app_start);
    find("monitor_each_peer", &module.each_peer);
    find("monitor_last_error", &module.last_error);
    module.is_null = dlsym(handle, "peermon_null_module") != NULL;
}
