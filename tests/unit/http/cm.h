/* cmocka and what it wants included before it. */
#ifndef SLUICE_TESTS_HTTP_CM_H
#define SLUICE_TESTS_HTTP_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"

/* Compares bytes and shows both when they differ. */
static inline void expect_text(struct sl_str got, struct sl_str want, const char *what)
{
    if (sl_str_eq(got, want))
        return;
    fail_msg("%s\n--- got\n" SL_STR_FMT "\n--- want\n" SL_STR_FMT, what, SL_STR_ARG(got), SL_STR_ARG(want));
}

#endif
