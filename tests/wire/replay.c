/* Replays the wire cases (README.md in this folder) through the pure parts of the gateway. The argument is the directory. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/relay_same.h"

#define FILE_MAX ((size_t)1 << 20)

struct wire_case {
    const char *name;
    struct sl_str settings, client_request, upstream_request, upstream_answer, client_answer, facts, refusal;
    bool has_refusal;
};

static unsigned failures, checks;

static void fail(const struct wire_case *c, const char *what, struct sl_str got, struct sl_str want)
{
    failures++;
    printf("%s: %s:\n--- got\n%.*s\n--- want\n%.*s\n", c->name, what, (int)got.n, got.p, (int)want.n, want.p);
}

static void same(const struct wire_case *c, const char *what, struct sl_str got, struct sl_str want)
{
    checks++;
    if (!sl_str_eq(got, want))
        fail(c, what, got, want);
}

/* -- Files ------------------------------------------------------------------------------------------------------------ */

static struct sl_str read_file(const char *path, struct sl_arena *a)
{
    FILE *f = fopen(path, "rb");
    SL_CHECK(f != NULL);
    char *p = sl_arena_alloc(a, FILE_MAX);
    size_t n = fread(p, 1, FILE_MAX, f);
    SL_CHECK(n < FILE_MAX);
    fclose(f);
    return sl_str_of(p, n);
}

static struct sl_str with_crlf(struct sl_str s, struct sl_arena *a)
{
    char *p = sl_arena_alloc(a, 2 * s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            p[n++] = '\r';
        p[n++] = s.p[i];
    }
    return sl_str_of(p, n);
}

static struct sl_str *section_of(struct wire_case *c, struct sl_str title)
{
    const struct {
        struct sl_str title;
        struct sl_str *to;
    } all[] = {{SL_STR("client request"), &c->client_request},
               {SL_STR("upstream request"), &c->upstream_request},
               {SL_STR("upstream answer"), &c->upstream_answer},
               {SL_STR("client answer"), &c->client_answer},
               {SL_STR("facts"), &c->facts},
               {SL_STR("refusal"), &c->refusal}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (sl_str_eq(all[i].title, title))
            return all[i].to;
    printf("%s: no section is called '%.*s'\n", c->name, (int)title.n, title.p);
    exit(1);
}

/* The next header line at or behind `at`, or the end. */
static size_t next_header(struct sl_str file, size_t at)
{
    while (at < file.n && !sl_str_starts(sl_str_from(file, at), SL_STR("== "))) {
        ptrdiff_t line = sl_str_find(sl_str_from(file, at), '\n');
        at = line < 0 ? file.n : at + (size_t)line + 1;
    }
    return at;
}

static void parse(struct wire_case *c, struct sl_str file, struct sl_arena *a)
{
    size_t at = next_header(file, 0);
    c->settings = sl_str_head(file, at);
    while (at < file.n) {
        struct sl_str rest = sl_str_from(file, at + 3);
        struct sl_str title = sl_str_cut(&rest, '\n');
        size_t from = at + 3 + title.n + 1, to = next_header(file, from);
        struct sl_str body = sl_str_of(file.p + from, to > from ? to - from - 1 : 0);
        bool crlf = sl_str_ends(title, SL_STR(", crlf"));
        title.n -= crlf ? 6 : 0;
        *section_of(c, title) = crlf ? with_crlf(body, a) : body;
        c->has_refusal |= sl_str_eq(title, SL_STR("refusal"));
        at = to;
    }
}

/* The value of "name: value" in lines; NULL pointer when it is not there. */
static struct sl_str value_of(struct sl_str lines, const char *name)
{
    while (lines.p != NULL && lines.n > 0) {
        struct sl_str line = sl_str_cut(&lines, '\n');
        struct sl_str key = sl_str_cut(&line, ':');
        if (sl_str_eq(key, sl_str_c(name)))
            return line.n > 0 ? sl_str_trim(line) : SL_STR("");
    }
    return SL_STR_NONE;
}

static bool is_yes(struct sl_str s)
{
    return sl_str_eq(s, SL_STR("yes"));
}

static void fact(const struct wire_case *c, struct sl_str lines, const char *name, struct sl_str got)
{
    struct sl_str want = value_of(lines, name);
    if (want.p != NULL)
        same(c, name, got, want);
}

static struct sl_str yes_or_no(bool b)
{
    return b ? SL_STR("yes") : SL_STR("no");
}

/* -- Requests ----------------------------------------------------------------------------------------------------------- */

static struct sl_str joined(const struct iovec *v, int n, struct sl_arena *a)
{
    size_t size = 0, at = 0;
    for (int i = 0; i < n; i++)
        size += v[i].iov_len;
    char *p = sl_arena_alloc(a, size);
    for (int i = 0; i < n; at += v[i].iov_len, i++)
        memcpy(p + at, v[i].iov_base, v[i].iov_len);
    return sl_str_of(p, size);
}

static void refused(const struct wire_case *c, const struct request_refusal *r, struct sl_arena *a)
{
    const struct gateway_error_row *row = gateway_error_row(r->error.error);
    fact(c, c->refusal, "status", sl_arena_printf(a, "%d", row->status));
    fact(c, c->refusal, "code", row->code);
    fact(c, c->refusal, "param", r->error.param);
}

static struct sl_str models_of(const struct request_hints *h, struct sl_arena *a)
{
    struct sl_str s = SL_STR("");
    for (uint32_t i = 0; i < h->n_models; i++)
        s = sl_arena_printf(a, SL_STR_FMT "%s" SL_STR_FMT, SL_STR_ARG(s), i > 0 ? "|" : "", SL_STR_ARG(h->models[i]));
    return s;
}

/* Gives whether usage was asked for by us. */
static bool replay_request(const struct wire_case *c, struct sl_arena *a)
{
    int op = operation_by_name(value_of(c->settings, "operation"));
    SL_CHECK(op > 0);
    const struct dialect *d = dialect_of((enum operation)op);
    struct request_facts f;
    struct request_refusal r;
    bool ok = d->request_decode((enum operation)op, c->client_request, a, &f, &r);
    checks++;
    if (ok == c->has_refusal)
        fail(c, "whether it is refused", yes_or_no(!ok), yes_or_no(c->has_refusal));
    if (!ok) {
        refused(c, &r, a);
        return false;
    }
    fact(c, c->facts, "model", f.model);
    fact(c, c->facts, "stream", yes_or_no(f.stream));
    fact(c, c->facts, "task", f.hints.task);
    fact(c, c->facts, "route", f.hints.route);
    fact(c, c->facts, "fallback", yes_or_no(f.hints.fallback != SAID_NO));
    fact(c, c->facts, "models", models_of(&f.hints, a));
    struct body_pieces p;
    d->request_encode_same(&f, c->client_request,
                           &(struct request_change){.model = value_of(c->settings, "model"),
                                                    .ask_usage = is_yes(value_of(c->settings, "ask-usage"))},
                           a, &p);
    same(c, "upstream request", joined(p.v, p.n, a), c->upstream_request);
    return p.usage_asked;
}

/* -- Answers ------------------------------------------------------------------------------------------------------------ */

static struct sl_str usage_text(const struct token_counts *u, struct sl_arena *a)
{
    if (!u->found)
        return SL_STR("none");
    return sl_arena_printf(a, "%llu %llu %llu %llu %llu", (unsigned long long)u->prompt,
                           (unsigned long long)u->completion, (unsigned long long)u->total,
                           (unsigned long long)u->cached, (unsigned long long)u->reasoning);
}

/* Slices: of `first` bytes once and then all (step 0), or of `step` bytes each. Every slice is a block of its own. */
static void replay_stream(const struct wire_case *c, unsigned options, size_t first, size_t step)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct relay_same r;
    relay_same_init(&r, dialect_find(SL_STR("openai")), options, &a);
    struct sl_buf out;
    sl_buf_init(&out, FILE_MAX);
    struct sl_str in = c->upstream_answer;
    while (in.n > 0) {
        size_t n = first > 0 ? first : step > 0 ? step : in.n;
        first = 0;
        n = n < in.n ? n : in.n;
        char *slice = malloc(n);
        memcpy(slice, in.p, n);
        const struct iovec *v;
        int count;
        relay_same_feed(&r, sl_str_of(slice, n), &v, &count);
        for (int i = 0; i < count; i++)
            sl_buf_add(&out, v[i].iov_base, v[i].iov_len);
        free(slice);
        in = sl_str_from(in, n);
    }
    struct sl_str got = sl_buf_str(&out);
    same(c, "client answer", got.n > 0 ? got : SL_STR(""), c->client_answer);
    fact(c, c->facts, "usage", usage_text(&r.state.usage, &a));
    fact(c, c->facts, "done", yes_or_no(r.state.saw_done));
    fact(c, c->facts, "finish", yes_or_no(r.state.saw_finish));
    fact(c, c->facts, "content", yes_or_no(r.state.saw_content));
    fact(c, c->facts, "error", r.state.error.message);
    fact(c, c->facts, "complete", yes_or_no(relay_same_complete(&r)));
    sl_buf_done(&out);
    relay_same_done(&r);
    sl_arena_done(&a);
}

static void check_answer(const struct wire_case *c, const struct answer_facts *f, struct sl_arena *a)
{
    checks++;
    if (!f->valid)
        fail(c, "the answer", SL_STR("not valid"), c->upstream_answer);
    fact(c, c->facts, "usage", usage_text(&f->usage, a));
    fact(c, c->facts, "error", f->error.message);
}

static void replay_plain(const struct wire_case *c, size_t cut)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct answer_facts f;
    openai_answer_decode(c->upstream_answer, &f);
    check_answer(c, &f, &a);
    struct openai_answer_watch w;
    openai_answer_watch_init(&w, &a);
    openai_answer_watch_feed(&w, sl_str_head(c->upstream_answer, cut));
    openai_answer_watch_feed(&w, sl_str_from(c->upstream_answer, cut));
    openai_answer_watch_done(&w, &f);
    check_answer(c, &f, &a);
    same(c, "client answer", c->upstream_answer, c->client_answer);
    sl_arena_done(&a);
}

static void replay(const struct wire_case *c)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    unsigned options = replay_request(c, &a) ? RELAY_HIDE_USAGE : 0;
    if (is_yes(value_of(c->settings, "hold-errors")))
        options |= RELAY_HOLD_ERRORS;
    sl_arena_done(&a);
    bool stream = c->upstream_answer.n > 0 && c->upstream_answer.p[0] != '{';
    for (size_t cut = 0; !c->has_refusal && cut < c->upstream_answer.n; cut++) {
        if (stream)
            replay_stream(c, options, cut, 0);
        else
            replay_plain(c, cut);
    }
    for (size_t step = 1; stream && step < 70; step += 1 + step / 8)
        replay_stream(c, options, 0, step);
}

int main(int argc, char **argv)
{
    SL_CHECK(argc == 2);
    DIR *dir = opendir(argv[1]);
    SL_CHECK(dir != NULL);
    unsigned n = 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!sl_str_ends(sl_str_c(e->d_name), SL_STR(".wire")))
            continue;
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        struct wire_case c = {.name = sl_arena_cstr(&a, sl_str_c(e->d_name))};
        parse(&c, read_file(path, &a), &a);
        unsigned before = failures;
        replay(&c);
        printf("%s %s\n", failures == before ? "ok  " : "FAIL", c.name);
        sl_arena_done(&a);
        n++;
    }
    closedir(dir);
    printf("%u cases, %u checks, %u failures\n", n, checks, failures);
    return n == 0 || failures > 0;
}
