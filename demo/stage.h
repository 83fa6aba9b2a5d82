/* The demo's stage: its clock, its transcript, its folder, and the curtain when a step fails. */

#ifndef DEMO_STAGE_H
#define DEMO_STAGE_H

#include <stddef.h>

/* Sets the clock to zero, makes the temporary folder and takes SIGINT, SIGTERM and SIGHUP. */
void stage_open(void);

/* Calls the functions given to stage_at_end, removes the folder. */
void stage_close(void);

/* Registers what must happen on every way out (at most four). */
void stage_at_end(void (*clean)(void));

/* Milliseconds since stage_open, on a clock that nobody sets. */
long stage_now(void);

/* One line of the transcript, with its time in front. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the demo: says what did not happen, shows the servers' logs, cleans up, exits with 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Fails if a signal asked for the end, or if the whole demo takes too long. Every wait calls it. */
void stage_check(void);

/* Milliseconds that one poll may take on the way to `deadline`: never long, never negative. */
int stage_slice(long deadline);

/* The path of a file in the temporary folder. */
void stage_path(char *out, size_t size, const char *file);

/* Writes a file there, readable by its owner alone. */
void stage_write(const char *file, const char *content);

#endif
