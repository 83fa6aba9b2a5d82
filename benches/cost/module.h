/* The part of the interface that the host uses, looked up in whichever library it was given. */
#ifndef MODULE_H
#define MODULE_H

#include <peermon.h>

struct module {
    monitor_result_t (*config_new)(monitor_config_t **out);
    monitor_result_t (*config_set)(monitor_config_t *config, const char *key, const char *value);
    monitor_result_t (*config_add_peer)(monitor_config_t *config, const char *name, const char *address);
    monitor_result_t (*config_free)(monitor_config_t *config);
    monitor_result_t (*init)(monitor_t **out, const monitor_config_t *config);
    monitor_result_t (*app_start)(monitor_t *monitor);
    monitor_result_t (*each_peer)(monitor_t *monitor, monitor_peer_fn callback, void *user_data);
    size_t (*last_error)(char *buf, size_t len);
    int is_null; /* the null module says so by a variable of its own */
};

extern struct module module;

/* Ends the process, with a line, if the library or one of its functions is missing. */
void module_load(const char *library);

#endif
