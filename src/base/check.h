/* Checks that stay on in production.
 *
 * SL_CHECK(cond) means "our own bug": it reports the place, lets a hook print what was being worked on, and ends
 * the process (the journal makes that safe). SL_DCHECK is the same in debug builds and nothing in release builds.
 * Neither is ever used on input from outside. */
#ifndef SLUICE_BASE_CHECK_H
#define SLUICE_BASE_CHECK_H

#include <stdbool.h>

#define SL_LIKELY(x) __builtin_expect(!!(x), 1)
#define SL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define SL_MUST_CHECK __attribute__((warn_unused_result))
#define SL_NORETURN __attribute__((noreturn))
#define SL_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Called before the process ends, on the failing thread; must not allocate. One hook per thread; NULL for none. */
typedef void sl_check_hook_f(void *arg);
void sl_check_hook_set(sl_check_hook_f *hook, void *arg);

SL_NORETURN void sl_check_failed(const char *cond, const char *file, int line, const char *func);

#define SL_CHECK(cond)                                                                                                 \
    do {                                                                                                               \
        if (SL_UNLIKELY(!(cond)))                                                                                      \
            sl_check_failed(#cond, __FILE__, __LINE__, __func__);                                                      \
    } while (0)

#ifdef SL_DEBUG
#define SL_DCHECK(cond) SL_CHECK(cond)
#else
#define SL_DCHECK(cond)                                                                                                \
    do {                                                                                                               \
        if (0 && !(cond)) {                                                                                            \
        }                                                                                                              \
    } while (0)
#endif

/* From a pointer to a member back to the struct that embeds it. */
#define SL_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
