#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

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
