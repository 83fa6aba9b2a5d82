/* What clients of legacy_server can ask for. */

#ifndef EXAMPLE_COMMANDS_H
#define EXAMPLE_COMMANDS_H

#include <peermon.h>

#include "clients.h"

enum { COMMAND_DONE, COMMAND_STOP };

/* Carries out one line of a client; COMMAND_STOP if the server shall end. */
int command(monitor_t *monitor, struct client *client, const char *line);

/* Reads a decimal number; `*end` then points behind it. Returns 0, or -1 if there is none. */
int parse_number(const char *text, long *number, char **end);

#endif
