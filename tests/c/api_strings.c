/* Strings: bad UTF-8, too long, unknown names, wrong values. */
#include "check.h"

static void last_error_has(const char *word)
{
  char text[1100];

  monitor_last_error(text, sizeof text);
  if (strstr(text, word) == NULL) {
    fprintf(stderr, "\"%s\" is not in \"%s\"\n", word, text);
    _exit(1);
  }
}

int main(void)
{
  static const char latin[] = "caf\351";
  static char longest[70000];
  monitor_config_t *config;
  monitor_t *monitor;
  monitor_peer_status_t status;
  monitor_peer_status_t before;
  int ports[2];

  free_ports(ports, 2);
  memset(longest, 'x', sizeof longest - 1);
  config = config_of("orders", ports[0]);

  CHECK_RC(monitor_config_set(config, latin, "x"), MONITOR_ERR_INVALID);
  last_error_has("UTF-8");
  CHECK_RC(monitor_config_set(config, "name", latin), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_config_set(config, longest, "x"), MONITOR_ERR_INVALID);
  last_error_has("256");
  CHECK_RC(monitor_config_set(config, "name", longest), MONITOR_ERR_INVALID);
  last_error_has("65535");
  CHECK_RC(monitor_config_set(config, "no_such_key", "1"), MONITOR_ERR_INVALID);
  last_error_has("no_such_key");
  CHECK_RC(monitor_config_add_peer(config, latin, "127.0.0.1:1"), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_config_add_peer(config, "x", latin), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_config_add_peer(config, longest, "127.0.0.1:1"), MONITOR_ERR_INVALID);
  last_error_has("64");
  CHECK_RC(monitor_config_add_peer(config, "x", longest), MONITOR_ERR_INVALID);
  CHECK(monitor_config_add_peer(config, "not a name", "127.0.0.1:1") < 0);
  CHECK(monitor_config_add_peer(config, "", "127.0.0.1:1") < 0);
  CHECK(monitor_config_add_peer(config, "x", "not an address") < 0);
  CHECK_RC(monitor_config_load(config, longest), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_config_load(config, "/nonexistent/peermon.toml"), MONITOR_ERR_IO);
  last_error_has("/nonexistent/peermon.toml");
  /* a path is bytes, so this one is merely not there */
  CHECK_RC(monitor_config_load(config, "/nonexistent/caf\351"), MONITOR_ERR_IO);
  CHECK_OK(monitor_config_free(config));

  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  memset(&status, 0x55, sizeof status);
  status.size = sizeof status;
  before = status;
  CHECK_RC(monitor_peer_status(monitor, "nobody", &status), MONITOR_ERR_UNKNOWN_PEER);
  last_error_has("nobody");
  CHECK_RC(monitor_peer_status(monitor, "", &status), MONITOR_ERR_UNKNOWN_PEER);
  CHECK_RC(monitor_peer_status(monitor, "Billing", &status), MONITOR_ERR_UNKNOWN_PEER);
  CHECK_RC(monitor_peer_status(monitor, latin, &status), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_peer_status(monitor, longest, &status), MONITOR_ERR_INVALID);
  CHECK(memcmp(&status, &before, sizeof status) == 0);
  CHECK_RC(monitor_remove_peer(monitor, "nobody"), MONITOR_ERR_UNKNOWN_PEER);
  CHECK_RC(monitor_remove_peer(monitor, latin), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_add_peer(monitor, latin, "127.0.0.1:1"), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_add_peer(monitor, "x", latin), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_on_log(monitor, 6, NULL, NULL), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_on_log(monitor, -1, NULL, NULL), MONITOR_ERR_INVALID);
  CHECK_OK(monitor_free(monitor));
  return 0;
}
