#include "base/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local sl_check_hook_f *check_hook;
static _Thread_local void *check_hook_arg;

void sl_check_hook_set(sl_check_hook_f *hook, void *arg)
{
    check_hook = hook;
    check_hook_arg = arg;
}

static void put(const char *s)
{
    ssize_t ignored = write(STDERR_FILENO, s, strlen(s));
    (void)ignored;
}

/* No printf: this may run with a broken heap. */
void sl_check_failed(const char *cond, const char *file, int line, const char *func)
{
    char digits[16];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + line % 10);
        line /= 10;
    } while (line > 0 && at > 0);
    put("{\"level\":\"fatal\",\"event\":\"check.failed\",\"check\":\"");
    put(cond);
    put("\",\"at\":\"");
    put(file);
    put(":");
    put(digits + at);
    put("\",\"in\":\"");
    put(func);
    put("\"}\n");
    sl_check_hook_f *hook = check_hook;
    check_hook = NULL; /* a hook that fails must not come back here */
    if (hook != NULL)
        hook(check_hook_arg);
    abort();
}
