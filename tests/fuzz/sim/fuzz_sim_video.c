/* The simulator's jobs: lines of "METHOD /path" or "METHOD /path body", one request each, in one world; "@" in a path is the last id that
 * was given, "+N" lets N ms pass. Whatever comes, every call is answered or ends when the client leaves. */
#include "../../unit/sim/stub.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define LINES 24u

static void find_id(const struct stub *c, char *id, size_t cap)
{
    static const struct sl_str marks[] = {SL_STR_INIT("\"id\":\""), SL_STR_INIT("\"name\":\""),
                                          SL_STR_INIT("/video-store/")};
    struct sl_str body = sl_buf_str(&c->body);
    for (size_t i = 0; i < 3; i++) {
        ptrdiff_t at = sl_str_find_str(body, marks[i]);
        struct sl_str rest = at >= 0 ? sl_str_from(body, (size_t)at + marks[i].n) : SL_STR_NONE;
        struct sl_str found = sl_str_cut(&rest, '"');
        if (found.n == 0 || found.n >= cap)
            continue;
        memcpy(id, found.p, found.n);
        id[found.n] = 0;
    }
}

static void run_line(struct stub_world *w, struct sl_str line, char id[200])
{
    struct sl_str method = sl_str_cut(&line, ' '), path = sl_str_cut(&line, ' ');
    char target[600], verb[8];
    size_t k = 0;
    for (size_t i = 0; i < path.n && k < 300; i++) {
        if (path.p[i] != '@') {
            target[k++] = path.p[i] > ' ' && path.p[i] < 0x7f ? path.p[i] : '/';
            continue;
        }
        memcpy(target + k, id, strlen(id));
        k += strlen(id);
    }
    target[k] = 0;
    if (method.n > 7 || k == 0 || target[0] != '/')
        return;
    memcpy(verb, method.p, method.n);
    verb[method.n] = 0;
    struct stub *c = stub_ask(w, verb, target, "content-type: application/json\nrange: bytes=5-\n", line);
    stub_run(w, 0);
    find_id(c, id, 200);
    stub_go_away(c);
    stub_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct stub_world w = {0};
    struct sl_str all = sl_str_of(bytes, n);
    char id[200] = "none";
    if (n == 0 || n > 65536)
        return 0;
    stub_world_open(&w, &(struct sim_settings){.seed = 1});
    stub_free(stub_ask(&w, "POST", "/sim/video", NULL, SL_STR("{\"bytes\":20000}")));
    for (unsigned i = 0; i < LINES && all.n > 0; i++) {
        struct sl_str line = sl_str_cut(&all, '\n');
        uint64_t ms = 0;
        if (line.n > 1 && line.p[0] == '+' && sl_str_to_u64(sl_str_from(line, 1), &ms))
            stub_run(&w, (int64_t)(ms % 100000) * SL_MS);
        else
            run_line(&w, line, id);
    }
    stub_world_close(&w);
    return 0;
}
