/* Findings of a reading: kept in the order they are made, sorted by place at the end, shown as text or JSON. What goes
 * in is cleaned of control characters, so that a file cannot write to the terminal of who checks it. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#define FINDING_TEXT_MAX 400u /* bytes of one part of a finding */

void cfg_report_init(struct cfg_report *r)
{
    *r = (struct cfg_report){0};
    sl_arena_init(&r->arena, NULL);
}

void cfg_report_done(struct cfg_report *r)
{
    sl_arena_done(&r->arena);
    *r = (struct cfg_report){0};
}

/* Control characters, C1 included (U+0080 to U+009F, c2 80 to c2 9f), become '?'. */
static struct sl_str clean(struct sl_arena *a, struct sl_str s)
{
    bool is_cut = s.n > FINDING_TEXT_MAX;
    size_t n = is_cut ? FINDING_TEXT_MAX : s.n;
    while (is_cut && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    char *p = sl_arena_cstr(a, sl_str_head(s, n));
    for (size_t i = 0; i < n; i++) {
        unsigned char b = (unsigned char)p[i];
        bool is_c1 = b == 0xc2 && i + 1 < n && (unsigned char)p[i + 1] < 0xa0;
        if (b < 0x20 || b == 0x7f || is_c1)
            p[i] = '?';
        if (is_c1)
            p[++i] = '?';
    }
    return is_cut ? sl_arena_printf(a, SL_STR_FMT "...", (int)n, p) : sl_str_of(p, n);
}

void cfg_report_add(struct cfg_report *r, const struct cfg_finding *f)
{
    size_t *counted = f->grade == CFG_ERROR ? &r->n_errors : &r->n_warnings;
    if ((*counted)++ >= CFG_FINDINGS_MAX)
        return;
    if (r->findings == NULL)
        r->findings = sl_arena_zalloc(&r->arena, 2 * CFG_FINDINGS_MAX * sizeof *r->findings);
    SL_CHECK(r->n < 2 * (size_t)CFG_FINDINGS_MAX);
    r->findings[r->n++] = (struct cfg_finding){
        .grade = f->grade,
        .line = f->line,
        .column = f->column,
        .path = clean(&r->arena, f->path),
        .text = clean(&r->arena, f->text),
        .todo = clean(&r->arena, f->todo),
    };
}

static int by_place(const void *a, const void *b)
{
    const struct cfg_finding *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    int c = sl_str_cmp(x->path, y->path);
    return c != 0 ? c : sl_str_cmp(x->text, y->text);
}

void cfg_report_sort(struct cfg_report *r)
{
    if (r->n > 1)
        qsort(r->findings, r->n, sizeof *r->findings, by_place);
}

static void finding_text(const struct cfg_report *r, const struct cfg_finding *f, struct sl_buf *out)
{
    sl_buf_adds(out, r->source);
    if (f->line != 0)
        sl_buf_addf(out, ":%u:%u", f->line, f->column);
    sl_buf_adds(out, f->grade == CFG_WARNING ? SL_STR(": warning: ") : SL_STR(": "));
    if (f->path.n != 0) {
        sl_buf_adds(out, f->path);
        sl_buf_adds(out, SL_STR(": "));
    }
    sl_buf_adds(out, f->text);
    if (f->todo.n != 0) {
        sl_buf_adds(out, SL_STR(". "));
        sl_buf_adds(out, f->todo);
    }
    sl_buf_addc(out, '\n');
}

static size_t kept_of(const struct cfg_report *r, enum cfg_grade grade)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->findings[i].grade == grade;
    return n;
}

void cfg_report_text(const struct cfg_report *r, struct sl_buf *out)
{
    for (size_t i = 0; i < r->n; i++)
        finding_text(r, &r->findings[i], out);
    size_t errors = r->n_errors - kept_of(r, CFG_ERROR), warnings = r->n_warnings - kept_of(r, CFG_WARNING);
    if (errors != 0)
        sl_buf_addf(out, "and %zu more errors\n", errors);
    if (warnings != 0)
        sl_buf_addf(out, "and %zu more warnings\n", warnings);
}

static void finding_json(const struct cfg_report *r, const struct cfg_finding *f, struct sl_buf *out)
{
    sl_buf_addf(out, "{\"grade\":\"%s\",\"file\":", f->grade == CFG_ERROR ? "error" : "warning");
    sl_buf_add_json(out, r->source);
    sl_buf_addf(out, ",\"line\":%u,\"column\":%u,\"path\":", f->line, f->column);
    sl_buf_add_json(out, f->path);
    sl_buf_adds(out, SL_STR(",\"text\":"));
    sl_buf_add_json(out, f->text);
    sl_buf_adds(out, SL_STR(",\"todo\":"));
    sl_buf_add_json(out, f->todo);
    sl_buf_addc(out, '}');
}

void cfg_report_json(const struct cfg_report *r, struct sl_buf *out)
{
    sl_buf_addf(out, "{\"valid\":%s,\"errors\":%zu,\"warnings\":%zu,\"findings\":[",
                r->n_errors == 0 ? "true" : "false", r->n_errors, r->n_warnings);
    for (size_t i = 0; i < r->n; i++) {
        sl_buf_adds(out, i == 0 ? SL_STR("\n") : SL_STR(",\n"));
        finding_json(r, &r->findings[i], out);
    }
    sl_buf_adds(out, SL_STR("]}\n"));
}
