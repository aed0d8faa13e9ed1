/* A file of lines that is rotated by size: path, path.1 (newest) ... path.N. The keeper's (access log); blocks. */
#ifndef SLUICE_MAIN_LINE_FILE_H
#define SLUICE_MAIN_LINE_FILE_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct line_file {
    char *path;         /* own; NULL: nothing is written */
    int fd;             /* -1: closed */
    uint64_t size, max; /* max 0: not rotated */
    unsigned keep;
};

/* "-" is standard output, which is never rotated; NULL: nothing is written. */
enum sl_err line_file_open(struct line_file *f, const char *path, uint64_t max, unsigned keep,
                           struct sl_fail *fail) SL_MUST_CHECK;
void line_file_close(struct line_file *f);
/* Whole lines. A write that fails leaves the file as it was as far as possible: half a line is cut off again. */
enum sl_err line_file_add(struct line_file *f, struct sl_str lines, struct sl_fail *fail) SL_MUST_CHECK;
enum sl_err line_file_reopen(struct line_file *f, struct sl_fail *fail) SL_MUST_CHECK; /* someone moved it away */

#endif
