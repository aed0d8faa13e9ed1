#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

const char *sl_err_text(enum sl_err e)
{
    switch (e) {
    case SL_OK:
        return "ok";
    case SL_EINVAL:
        return "invalid";
    case SL_ELIMIT:
        return "over a limit";
    case SL_ENOENT:
        return "not found";
    case SL_EEXIST:
        return "already exists";
    case SL_EIO:
        return "input/output error";
    case SL_EFULL:
        return "no room";
    case SL_EDENIED:
        return "not allowed";
    case SL_ECLOSED:
        return "closed";
    case SL_ECORRUPT:
        return "corrupt";
    }
    return "unknown";
}

enum sl_err sl_fail_set(struct sl_fail *f, enum sl_err code, const char *place, const char *format, ...)
{
    if (f == NULL)
        return code;
    f->code = code;
    snprintf(f->place, sizeof f->place, "%s", place != NULL ? place : "");
    va_list ap;
    va_start(ap, format);
    vsnprintf(f->text, sizeof f->text, format, ap);
    va_end(ap);
    return code;
}

const char *sl_errno_text(int errno_value)
{
    const char *text = strerrordesc_np(errno_value);
    return text != NULL ? text : "unknown system error";
}
