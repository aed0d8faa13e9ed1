/* Signals, changes of files, and a repeating tick: for the main and keeper threads. */
#ifndef SLUICE_LOOP_WATCH_H
#define SLUICE_LOOP_WATCH_H

#include "loop/loop.h"

struct sl_signal;
typedef void sl_signal_f(void *owner, int signum);
struct sl_signal *sl_signal_open(struct sl_loop *l, int signum, sl_signal_f *f, void *owner);
void sl_signal_close(struct sl_signal *s);

/* Watches a directory (rename-over of files in it is seen); f gets the name that changed, "" when unknown. */
struct sl_watch;
typedef void sl_watch_f(void *owner, struct sl_str name);
struct sl_watch *sl_watch_open(struct sl_loop *l, const char *dir, sl_watch_f *f, void *owner); /* NULL: not possible */
void sl_watch_close(struct sl_watch *w);

#endif
