/* How functions fail. Style section 9: functions that can fail return enum sl_err and leave their out_ parameters
 * untouched; failures that a person will read are filled into a struct sl_fail where they happen. */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

#include <stddef.h>

#include "base/check.h"
#include "base/str.h"

enum sl_err {
    SL_OK = 0,
    SL_EINVAL,  /* malformed input */
    SL_ELIMIT,  /* a size, count or depth over its limit */
    SL_ENOENT,  /* not there */
    SL_EEXIST,  /* already there */
    SL_EIO,     /* the system refused: disk, socket, library */
    SL_EFULL,   /* no room (journal, queue, disk) */
    SL_EDENIED, /* not allowed */
    SL_ECLOSED, /* the other side is gone */
    SL_ECORRUPT /* stored bytes fail their check */
};

/* A failure for a person: what was wrong, then with what: "cannot open 'x': no such file". */
struct sl_fail {
    enum sl_err code;
    char place[160]; /* file:line:column, path or "" */
    char text[512];  /* no secrets, no bytes of a request */
};

/* Fills *f (NULL is accepted) and gives `code` back, so that a function can `return sl_fail_set(...)`. */
enum sl_err sl_fail_set(struct sl_fail *f, enum sl_err code, const char *place, const char *format, ...)
    SL_PRINTF(4, 5);

/* The system's text for an errno value, thread-safe; lives in static storage. */
const char *sl_errno_text(int errno_value);

#endif
