/* Copies in a directory: whole or not there, read in parts, removed with what a try left. On a real loop. */
#include "keep/remove.h"
#include "keep/sink.h"
#include "keep/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"

struct world {
    struct sl_loop loop;
    struct keep_env env;
    struct keep_place place;
    char root[64], dir[80];
};

static struct world world;

static int set_up(void **state)
{
    struct world *w = &world;
    struct sl_fail fail;
    memset(w, 0, sizeof *w);
    assert_int_equal(sl_loop_init(&w->loop, &fail), SL_OK);
    snprintf(w->root, sizeof w->root, "/tmp/sluice-keep-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    snprintf(w->dir, sizeof w->dir, "%.63s/videos", w->root);
    w->env.loop = &w->loop;
    w->place = (struct keep_place){.kind = KEEP_DIRECTORY, .directory = w->dir};
    *state = w;
    return 0;
}

static unsigned files(const struct world *w)
{
    unsigned n = 0;
    DIR *d = opendir(w->dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (d != NULL)
        closedir(d);
    return n;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];
    sl_loop_done(&w->loop);
    snprintf(command, sizeof command, "rm -rf '%.63s'", w->root);
    return system(command);
}

/* ---- writing ---- */

struct sunk {
    struct sl_loop *loop;
    bool over, ok;
    char why[200];
    uint64_t bytes;
    uint8_t sha256[TLS_SHA256_BYTES];
    unsigned rooms;
};

static void on_room(void *owner)
{
    struct sunk *s = owner;
    s->rooms++;
    sl_loop_stop(s->loop);
}

static void on_sunk(void *owner, const struct keep_sunk *r)
{
    struct sunk *s = owner;
    s->over = true;
    s->ok = r->ok;
    s->bytes = r->bytes;
    memcpy(s->sha256, r->sha256, sizeof s->sha256);
    snprintf(s->why, sizeof s->why, SL_STR_FMT, SL_STR_ARG(r->why));
    sl_loop_stop(s->loop);
}

static const struct keep_sink_owner sink_owner = {.room = on_room, .over = on_sunk};

static char *pattern(size_t n)
{
    char *p = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 7 + (i >> 9));
    return p;
}

/* Gives n bytes, as much at a time as there is room for. */
static struct keep_sink *pour(struct world *w, struct sunk *s, const char *name, const char *bytes, size_t n)
{
    struct keep_sink *sink =
        keep_sink_new(&w->env, &w->place, sl_str_c(name), SL_STR("video/mp4"), false, &sink_owner, s);
    s->loop = &w->loop;
    while (n > 0 && !s->over) {
        if (keep_sink_room(sink) == 0) {
            sl_loop_run(&w->loop);
            continue;
        }
        size_t part = n < 60000 ? n : 60000;
        keep_sink_write(sink, sl_str_of(bytes, part));
        bytes += part;
        n -= part;
    }
    return sink;
}

static void finish(struct world *w, struct sunk *s, struct keep_sink *sink, const uint8_t *sum)
{
    keep_sink_end(sink, sum);
    while (!s->over)
        sl_loop_run(&w->loop);
    keep_sink_drop(sink);
}

static void write_whole(struct world *w, const char *name, const char *bytes, size_t n)
{
    struct sunk s = {0};
    uint8_t want[TLS_SHA256_BYTES];
    struct keep_sink *sink = pour(w, &s, name, bytes, n);
    finish(w, &s, sink, NULL);
    tls_sha256(bytes, n, want);
    if (!s.ok)
        fail_msg("%s", s.why);
    assert_int_equal(s.bytes, n);
    assert_memory_equal(s.sha256, want, sizeof want);
}

/* ---- reading ---- */

struct got {
    struct world *w;
    struct keep_source *source;
    struct sl_buf bytes;
    bool ready, over, whole;
    unsigned holds;
};

static void on_ready(void *owner)
{
    struct got *g = owner;
    g->ready = true;
}

static void on_bytes(void *owner, struct sl_str bytes)
{
    struct got *g = owner;
    sl_buf_adds(&g->bytes, bytes);
    keep_source_read(g->source, false); /* after each piece the reader needs a while */
    g->holds++;
    sl_loop_stop(&g->w->loop);
}

static void on_over(void *owner, bool whole, const char *why)
{
    struct got *g = owner;
    (void)why;
    g->over = true;
    g->whole = whole;
    sl_loop_stop(&g->w->loop);
}

static const struct keep_source_owner source_owner = {.ready = on_ready, .bytes = on_bytes, .over = on_over};

static struct got read_back(struct world *w, const char *name, uint64_t size, uint64_t first, uint64_t last)
{
    struct got g = {.w = w};
    const struct keep_piece piece = {.name = sl_str_c(name), .size = size, .first = first, .last = last};
    sl_buf_init(&g.bytes, (size_t)64 << 20);
    g.source = keep_source_open(&w->env, &w->place, &piece, &source_owner, &g);
    while (!g.over) {
        sl_loop_run(&w->loop);
        if (!g.over)
            keep_source_read(g.source, true);
    }
    keep_source_close(g.source);
    return g;
}

#define SIZE ((size_t)1000003)

static void written_and_read(void **state)
{
    struct world *w = *state;
    char *all = pattern(SIZE);
    static const uint64_t parts[][2] = {{0, SIZE - 1}, {0, 0}, {SIZE - 1, SIZE - 1}, {131071, 131073}, {5, 500005}};
    write_whole(w, "video_a.video", all, SIZE);
    assert_int_equal(files(w), 1);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct got g = read_back(w, "video_a.video", SIZE, parts[i][0], parts[i][1]);
        size_t n = (size_t)(parts[i][1] - parts[i][0] + 1);
        assert_true(g.ready && g.whole);
        assert_int_equal(g.bytes.n, n);
        assert_memory_equal(g.bytes.p, all + parts[i][0], n);
        sl_buf_done(&g.bytes);
    }
    write_whole(w, "video_a.video", all, 10); /* again: another one takes its place */
    assert_int_equal(files(w), 1);
    free(all);
}

static void sizes_at_the_edges_of_blocks(void **state)
{
    struct world *w = *state;
    static const size_t sizes[] = {1, (256u << 10) - 1, 256u << 10, (256u << 10) + 1, 512u << 10};
    char *all = pattern(512u << 10);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        write_whole(w, "video_b.video", all, sizes[i]);
    free(all);
}

static void what_is_not_as_it_was_is_not_there(void **state)
{
    struct world *w = *state;
    char *all = pattern(1000), path[128];
    write_whole(w, "video_a.video", all, 1000);
    struct got g = read_back(w, "video_a.video", 999, 0, 0);
    assert_true(!g.ready && g.over && !g.whole);
    g = read_back(w, "video_b.video", 999, 0, 0);
    assert_true(!g.ready && g.over && !g.whole);
    snprintf(path, sizeof path, "%.79s/video_l.video", w->dir);
    assert_int_equal(symlink("video_a.video", path), 0); /* nobody else's files */
    g = read_back(w, "video_l.video", 1000, 0, 0);
    assert_true(!g.ready && g.over && !g.whole);
    free(all);
}

static void dropped_in_the_middle(void **state)
{
    struct world *w = *state;
    struct sunk s = {0};
    char *all = pattern(SIZE);
    struct keep_sink *sink = pour(w, &s, "video_a.video", all, SIZE);
    while (keep_sink_room(sink) == 0)
        sl_loop_run(&w->loop);
    assert_int_equal(files(w), 1); /* the .part */
    keep_sink_drop(sink);
    sink = pour(w, &s, "video_c.video", all, 600000); /* while a block is on its way to the disk */
    keep_sink_drop(sink);
    const struct keep_place place = w->place;
    w->place = (struct keep_place){.kind = KEEP_NOWHERE}; /* whoever had begun it has gone, with all that was his */
    w->env = (struct keep_env){.loop = NULL};
    sl_loop_done(&w->loop); /* waits for what is under way */
    w->place = place;
    w->env.loop = &w->loop;
    assert_int_equal(files(w), 0);
    assert_false(s.over);
    struct sl_fail fail;
    assert_int_equal(sl_loop_init(&w->loop, &fail), SL_OK);
    free(all);
}

static void a_wrong_sum(void **state)
{
    struct world *w = *state;
    struct sunk s = {0};
    uint8_t wrong[TLS_SHA256_BYTES] = {1}, right[TLS_SHA256_BYTES];
    finish(w, &s, pour(w, &s, "video_a.video", "bytes", 5), wrong);
    assert_false(s.ok);
    assert_non_null(strstr(s.why, "sum"));
    assert_int_equal(files(w), 0);
    s = (struct sunk){0};
    tls_sha256("bytes", 5, right);
    finish(w, &s, pour(w, &s, "video_a.video", "bytes", 5), right);
    assert_true(s.ok);
}

static void no_directory_can_be_made(void **state)
{
    struct world *w = *state;
    struct sunk s = {0};
    int fd = open(w->dir, O_CREAT | O_WRONLY, 0600); /* a file stands there */
    assert_true(fd >= 0);
    close(fd);
    finish(w, &s, pour(w, &s, "video_a.video", "bytes", 5), NULL);
    assert_false(s.ok);
    assert_non_null(strstr(s.why, "directory"));
}

static void on_removed(void *owner, struct keep_remove *r, bool ok, struct sl_str why)
{
    unsigned *n = owner;
    (void)why;
    assert_true(ok);
    keep_remove_free(r);
    (*n)++;
    sl_loop_stop(&world.loop);
}

static void removed(void **state)
{
    struct world *w = *state;
    unsigned n = 0;
    char path[128];
    write_whole(w, "video_a.video", "bytes", 5);
    snprintf(path, sizeof path, "%.79s/.video_a.video.part", w->dir); /* a kill left it */
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    for (unsigned i = 0; i < 3; i++) { /* also when nothing is there, and no directory */
        struct keep_remove *r = keep_remove_start(&w->env, &w->place, SL_STR("video_a.video"), on_removed, &n);
        assert_non_null(r);
        sl_loop_run(&w->loop);
        assert_int_equal(n, i + 1);
        assert_int_equal(files(w), 0);
        if (i == 1)
            assert_int_equal(rmdir(w->dir), 0);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(written_and_read),
                                       T(sizes_at_the_edges_of_blocks),
                                       T(what_is_not_as_it_was_is_not_there),
                                       T(dropped_in_the_middle),
                                       T(a_wrong_sum),
                                       T(no_directory_can_be_made),
                                       T(removed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
