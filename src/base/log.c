#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LINE_MAX_BYTES 16384u
#define LINE_END 2u /* "}\n" */

static enum sl_log_level log_min = SL_LOG_INFO;
static enum sl_log_form log_form = SL_LOG_JSON;
static int log_fd = STDERR_FILENO;
static _Thread_local const char *log_thread = "main";

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void sl_log_set(enum sl_log_level min, enum sl_log_form form, int fd)
{
    log_min = min;
    log_form = form;
    log_fd = fd;
}

void sl_log_thread_name(const char *name)
{
    log_thread = name;
}

bool sl_log_on(enum sl_log_level level)
{
    return level >= log_min;
}

static void add_field(struct sl_buf *b, const struct sl_log_field *f)
{
    sl_buf_addf(b, log_form == SL_LOG_JSON ? ",\"%s\":" : " %s=", f->name);
    if (f->kind == SL_LF_INT)
        sl_buf_add_i64(b, f->i);
    else
        sl_buf_add_json(b, f->s);
}

/* A field that does not fit is left out whole, so that a line stays one object. */
static void add_fields(struct sl_buf *b, const struct sl_log_field *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = b->n;
        add_field(b, &f[i]);
        if (b->over || b->max - b->n < LINE_END) {
            b->n = before;
            b->over = false;
        }
    }
}

void sl_log_write(enum sl_log_level level, const char *event, const struct sl_log_field *fields, size_t n)
{
    char when[SL_TIME_TEXT];
    struct sl_buf b;
    if (!sl_log_on(level))
        return;
    sl_time_text(sl_clock_wall_ns(), when);
    sl_buf_init(&b, LINE_MAX_BYTES);
    if (log_form == SL_LOG_JSON)
        sl_buf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"thread\":\"%s\",\"event\":\"%s\"", when,
                    level_names[level], log_thread, event);
    else
        sl_buf_addf(&b, "%s %-5s %s", when, level_names[level], event);
    add_fields(&b, fields, n);
    sl_buf_adds(&b, log_form == SL_LOG_JSON ? SL_STR("}\n") : SL_STR("\n"));
    size_t at = 0;
    while (at < b.n) {
        ssize_t w = write(log_fd, b.p + at, b.n - at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            break;
        at += (size_t)w;
    }
    sl_buf_done(&b);
}
