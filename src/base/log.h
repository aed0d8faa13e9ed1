/* Logging: an event name and typed fields, one JSON object a line on standard error (or a plain form on a terminal).
 * Never free text built with user bytes; string values are escaped. Levels 0-4 of the tree do not log, with the
 * exception of the keeper's parts in store/. */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum sl_log_level {
    SL_LOG_DEBUG = 0,
    SL_LOG_INFO,
    SL_LOG_WARN,
    SL_LOG_ERROR
};
enum sl_log_form {
    SL_LOG_JSON = 0,
    SL_LOG_TEXT
};

struct sl_log_field {
    const char *name;
    enum {
        SL_LF_END = 0,
        SL_LF_STR,
        SL_LF_INT
    } kind;
    struct sl_str s;
    int64_t i;
};

#define SL_LS(name, str) ((struct sl_log_field){(name), SL_LF_STR, (str), 0})
#define SL_LC(name, cstr) ((struct sl_log_field){(name), SL_LF_STR, sl_str_c(cstr), 0})
#define SL_LI(name, int) ((struct sl_log_field){(name), SL_LF_INT, SL_STR_NONE, (int64_t)(int)})

void sl_log_set(enum sl_log_level min, enum sl_log_form form, int fd); /* at start, before threads */
void sl_log_thread_name(const char *name);                             /* static string; shown as "thread" */
void sl_log_write(enum sl_log_level level, const char *event, const struct sl_log_field *fields, size_t n);
bool sl_log_on(enum sl_log_level level);

#define SL_LOG(level, event, ...)                                                                                      \
    do {                                                                                                               \
        if (sl_log_on(level)) {                                                                                        \
            const struct sl_log_field sl_log_fields_[] = {__VA_ARGS__};                                                \
            sl_log_write((level), (event), sl_log_fields_, sizeof sl_log_fields_ / sizeof sl_log_fields_[0]);          \
        }                                                                                                              \
    } while (0)

#endif
