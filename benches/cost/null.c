/* The null module: what a host loads to learn what it costs without peermon. The same functions, of
 * which each returns at once. Compared with no module at all, peermon would be charged for dlopen. */

#include <peermon.h>

const int peermon_null_module = 1;

monitor_result_t monitor_config_new(monitor_config_t **out)
{
    *out = NULL;
    return MONITOR_OK;
}

monitor_result_t monitor_config_set(monitor_config_t *config, const char *key, const char *value)
{
    (void)config, (void)key, (void)value;
    return MONITOR_OK;
}

monitor_result_t monitor_config_add_peer(monitor_config_t *config, const char *name, const char *address)
{
    (void)config, (void)name, (void)address;
    return MONITOR_OK;
}

monitor_result_t monitor_config_free(monitor_config_t *config)
{
    (void)config;
    return MONITOR_OK;
}

monitor_result_t monitor_init(monitor_t **out, const monitor_config_t *config)
{
    (void)config;
    *out = NULL;
    return MONITOR_OK;
}

monitor_result_t monitor_app_start(monitor_t *monitor)
{
    (void)monitor;
    return MONITOR_OK;
}

monitor_result_t monitor_each_peer(monitor_t *monitor, monitor_peer_fn callback, void *user_data)
{
    (void)monitor, (void)callback, (void)user_data;
    return MONITOR_OK;
}

size_t monitor_last_error(char *buf, size_t len)
{
    if (len > 0) {
        buf[0] = '\0';
    }
    return 0;
}
