/* Chunks, arenas, buffers, lists, secrets, reader and writer: against plain models, over random operations, at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/chunks.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/writer.h"

/* ---- chunks ---- */

struct model { /* the same bytes, plainly */
    unsigned char *p;
    size_t n;
};

static void model_add(struct model *m, const void *p, size_t n)
{
    m->p = sl_realloc(m->p, m->n + n);
    memcpy(m->p + m->n, p, n);
    m->n += n;
}

static void same_bytes(const struct sl_chunks *q, const struct model *m)
{
    struct iovec v[64];
    size_t at = 0;
    int n = sl_chunks_iov(q, v, 64);
    assert_int_equal(q->n, m->n);
    for (int i = 0; i < n; i++) {
        assert_true(v[i].iov_len > 0 && at + v[i].iov_len <= m->n);
        assert_memory_equal(v[i].iov_base, m->p + at, v[i].iov_len);
        at += v[i].iov_len;
    }
    if (n < 64)
        assert_int_equal(at, m->n);
}

static void one_operation(struct sl_chunks *q, struct model *m, struct sl_rand *r, const unsigned char *bytes)
{
    static const size_t sizes[] = {0, 1, 17, 4095, 4096, 4097, 20000, 65535, 65536, 65537, 150000};
    size_t n = sizes[sl_rand_below(r, sizeof sizes / sizeof sizes[0])];
    char *room;
    switch (sl_rand_below(r, 6)) {
    case 0:
    case 1:
        if (sl_chunks_add(q, bytes, n) == SL_OK)
            model_add(m, bytes, n);
        else
            assert_true(m->n + n > q->max);
        break;
    case 2: /* room is asked for, less is used */
        room = sl_chunks_room(q, n);
        if (room == NULL) {
            assert_true(m->n + n > q->max);
            break;
        }
        n = (size_t)sl_rand_below(r, n + 1);
        memcpy(room, bytes, n);
        sl_chunks_wrote(q, n);
        model_add(m, bytes, n);
        break;
    case 3:
    case 4:
        n = (size_t)sl_rand_below(r, m->n + 1);
        sl_chunks_drop(q, n);
        m->n -= n;
        if (m->n > 0)
            memmove(m->p, m->p + n, m->n);
        break;
    case 5:
        if (sl_rand_below(r, 8) == 0) {
            struct sl_str flat = sl_chunks_flat(q);
            assert_int_equal(flat.n, m->n);
            if (flat.n > 0)
                assert_memory_equal(flat.p, m->p, flat.n);
        }
        break;
    }
}

static void test_chunks_against_a_model(void **state)
{
    (void)state;
    static unsigned char bytes[150000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sl_chunk_cache cache;
        struct sl_chunks q;
        struct model m = {NULL, 0};
        struct sl_rand r;
        sl_rand_seed(&r, seed);
        sl_chunk_cache_init(&cache, 2, 1);
        cache.wipe = seed % 2 == 0;
        sl_chunks_init(&q, 400000, seed % 5 == 0 ? NULL : &cache);
        for (int i = 0; i < 300; i++) {
            one_operation(&q, &m, &r, bytes);
            same_bytes(&q, &m);
        }
        assert_true(cache.n_small <= 2 && cache.n_large <= 1);
        sl_chunks_done(&q);
        assert_int_equal(q.n, 0);
        sl_chunk_cache_done(&cache);
        sl_free(m.p);
    }
}

/* A large body: few blocks, none of the later ones cached, the same bytes. */
static void test_chunks_of_a_large_body(void **state)
{
    (void)state;
    enum {
        MIB = 30
    };
    static unsigned char piece[16384];
    struct sl_chunk_cache cache;
    struct sl_chunks q;
    unsigned blocks = 0;
    sl_chunk_cache_init(&cache, 2, 4);
    sl_chunks_init(&q, (size_t)MIB << 20, &cache);
    for (unsigned i = 0; i < (unsigned)MIB * 64; i++) {
        memset(piece, (int)(i * 31), sizeof piece);
        if (i % 2 == 0) {
            memcpy(sl_chunks_room(&q, sizeof piece), piece, sizeof piece);
            sl_chunks_wrote(&q, sizeof piece);
        } else {
            assert_int_equal(sl_chunks_add(&q, piece, sizeof piece), SL_OK);
        }
    }
    assert_int_equal(sl_chunks_add(&q, piece, 1), SL_ELIMIT);
    for (const struct sl_chunk *c = q.head; c != NULL; c = c->next)
        blocks++;
    assert_true(blocks <= SL_CHUNK_MANY / SL_CHUNK_LARGE + (MIB << 20) / SL_CHUNK_HUGE + 2);
    struct sl_str flat = sl_chunks_flat(&q);
    assert_int_equal(flat.n, (size_t)MIB << 20);
    for (unsigned i = 0; i < (unsigned)MIB * 64; i++)
        assert_int_equal((unsigned char)flat.p[(size_t)i * sizeof piece + i % sizeof piece], (i * 31) & 255);
    sl_chunks_done(&q);
    assert_int_equal(cache.n_large, 4);
    sl_chunk_cache_done(&cache);
}

static void test_chunks_maximum(void **state)
{
    (void)state;
    struct sl_chunks q;
    char big[101] = {0};
    sl_chunks_init(&q, 100, NULL);
    assert_int_equal(sl_chunks_add(&q, big, 101), SL_ELIMIT);
    assert_int_equal(q.n, 0);
    assert_int_equal(sl_chunks_add(&q, big, 60), SL_OK);
    assert_int_equal(sl_chunks_add(&q, big, 41), SL_ELIMIT);
    assert_null(sl_chunks_room(&q, 41));
    assert_non_null(sl_chunks_room(&q, 40));
    assert_int_equal(sl_chunks_add(&q, big, 40), SL_OK);
    assert_int_equal(sl_chunks_add(&q, big, 1), SL_ELIMIT);
    assert_int_equal(sl_chunks_add(&q, big, 0), SL_OK);
    assert_int_equal(sl_chunks_add(&q, big, SIZE_MAX), SL_ELIMIT);
    assert_null(sl_chunks_room(&q, SIZE_MAX));
    sl_chunks_done(&q);
    assert_int_equal(sl_chunks_flat(&q).n, 0);
}

static void test_chunks_move(void **state)
{
    (void)state;
    struct sl_chunk_cache cache;
    struct sl_chunks a, b;
    sl_chunk_cache_init(&cache, 4, 4);
    sl_chunks_init(&a, 10, &cache);
    sl_chunks_init(&b, 100, &cache);
    assert_int_equal(sl_chunks_add(&a, "abc", 3), SL_OK);
    sl_chunks_move(&a, &b); /* of nothing */
    assert_int_equal(sl_chunks_add(&b, "0123456789", 10), SL_OK);
    sl_chunks_move(&a, &b); /* over a's maximum: allowed */
    assert_int_equal(a.n, 13);
    assert_int_equal(b.n, 0);
    assert_true(sl_str_eq(sl_chunks_flat(&a), SL_STR("abc0123456789")));
    assert_int_equal(sl_chunks_add(&b, "x", 1), SL_OK);
    sl_chunks_done(&a);
    sl_chunks_done(&b);
    sl_chunk_cache_done(&cache);
}

/* Zero retention: what comes back to the cache holds nothing of what it carried. */
static void test_chunks_wipe(void **state)
{
    (void)state;
    struct sl_chunk_cache cache;
    struct sl_chunks q;
    sl_chunk_cache_init(&cache, 1, 0);
    cache.wipe = true;
    sl_chunks_init(&q, 1000, &cache);
    assert_int_equal(sl_chunks_add(&q, "secret", 6), SL_OK);
    sl_chunks_drop(&q, 6);
    assert_int_equal(cache.n_small, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(cache.small->bytes[i], 0);
    sl_chunks_done(&q);
    sl_chunk_cache_done(&cache);
}

/* ---- arenas ---- */

static void test_arena(void **state)
{
    (void)state;
    struct sl_arena_cache cache;
    struct sl_rand r;
    sl_arena_cache_init(&cache, 3);
    sl_rand_seed(&r, 5);
    for (int round = 0; round < 30; round++) {
        struct sl_arena a;
        unsigned char *p[200];
        size_t n[200];
        sl_arena_init(&a, round % 3 == 0 ? NULL : &cache);
        for (int i = 0; i < 200; i++) { /* nothing overlaps, everything is aligned */
            n[i] = (size_t)sl_rand_below(&r, i % 17 == 0 ? 20000 : 300);
            p[i] = sl_arena_alloc(&a, n[i]);
            assert_int_equal((uintptr_t)p[i] % 16, 0);
            memset(p[i], i, n[i]);
        }
        for (int i = 0; i < 200; i++)
            for (size_t k = 0; k < n[i]; k++)
                assert_int_equal(p[i][k], (unsigned char)i);
        assert_true(a.used >= 1);
        sl_arena_reset(&a);
        assert_int_equal(a.used, 0);
        char *again = sl_arena_zalloc(&a, 5000);
        for (int i = 0; i < 5000; i++)
            assert_int_equal(again[i], 0);
        sl_arena_done(&a);
        sl_arena_done(&a);
        assert_true(cache.n <= 3);
    }
    sl_arena_cache_done(&cache);
}

static char order[8];
static size_t n_order;

static void note(void *arg)
{
    order[n_order++] = *(char *)arg;
}

static void test_arena_cleanups_and_text(void **state)
{
    (void)state;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    n_order = 0;
    char *first = sl_arena_cstr(&a, SL_STR("1")), *second = sl_arena_cstr(&a, SL_STR("2"));
    sl_arena_on_drop(&a, note, first);
    sl_arena_on_drop(&a, note, second);
    struct sl_str s = sl_arena_str(&a, SL_STR_NONE);
    assert_int_equal(s.n, 0);
    assert_int_equal(s.p[0], 0);
    for (int n = 250; n < 262; n++) { /* around the printf's own buffer */
        s = sl_arena_printf(&a, "%*d", n, 7);
        assert_int_equal(s.n, n);
        assert_int_equal(s.p[n - 1], '7');
        assert_int_equal(s.p[n], 0);
    }
    sl_arena_done(&a);
    assert_int_equal(n_order, 2);
    assert_memory_equal(order, "21", 2); /* newest first, while the memory is there */
}

static void test_arena_wipe(void **state)
{
    (void)state;
    struct sl_arena_cache cache;
    struct sl_arena a;
    sl_arena_cache_init(&cache, 1);
    cache.wipe = true;
    sl_arena_init(&a, &cache);
    char *p = sl_arena_cstr(&a, SL_STR("secret"));
    sl_arena_done(&a);
    sl_arena_init(&a, &cache);
    char *q = sl_arena_alloc(&a, 7);
    assert_ptr_equal(p, q);
    for (int i = 0; i < 7; i++)
        assert_int_equal(q[i], 0);
    sl_arena_done(&a);
    sl_arena_cache_done(&cache);
}

/* ---- buffers ---- */

static void test_buf(void **state)
{
    (void)state;
    struct sl_buf b;
    for (size_t max = 0; max < 300; max += 7) {
        sl_buf_init(&b, max);
        size_t n = 0;
        while (sl_buf_addc(&b, (char)n) == SL_OK)
            n++;
        assert_int_equal(n, max);
        assert_true(b.over && b.cap <= max);
        assert_int_equal(sl_buf_add(&b, "", 0), SL_ELIMIT); /* it sticks */
        assert_null(sl_buf_room(&b, 0));
        sl_buf_reset(&b);
        assert_int_equal(sl_buf_add(&b, "", 0), SL_OK);
        sl_buf_done(&b);
    }
    sl_buf_init(&b, 1000);
    assert_int_equal(sl_buf_add_i64(&b, INT64_MIN), SL_OK);
    assert_int_equal(sl_buf_addc(&b, ' '), SL_OK);
    assert_int_equal(sl_buf_add_u64(&b, UINT64_MAX), SL_OK);
    assert_int_equal(sl_buf_addf(&b, " %d%s", -5, "x"), SL_OK);
    assert_true(sl_str_eq(sl_buf_str(&b), SL_STR("-9223372036854775808 18446744073709551615 -5x")));
    sl_buf_reset(&b);
    for (int n = 250; n < 262; n++) {
        sl_buf_reset(&b);
        assert_int_equal(sl_buf_addf(&b, "%*d", n, 7), SL_OK);
        assert_int_equal(b.n, n);
    }
    assert_int_equal(sl_buf_addf(&b, "%2000d", 1), SL_ELIMIT);
    sl_buf_done(&b);
    sl_buf_init(&b, 300); /* what just fits, fits */
    assert_int_equal(sl_buf_addf(&b, "%300d", 1), SL_OK);
    assert_int_equal(b.n, 300);
    sl_buf_done(&b);
}

/* Whatever the steps, at the edges of what an arena gives and what the heap does: the bytes stay, the maximum holds. */
static void test_buf_in_arena(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 3, 100, 255, 256, 257, 1023, 4095, 4096, 4097, 20000};
    struct sl_arena_cache cache;
    struct sl_arena a;
    struct sl_buf b;
    sl_arena_cache_init(&cache, 8);
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
        for (size_t max = 200; max < 40000; max = max * 3 / 2) {
            sl_arena_init(&a, &cache);
            sl_buf_init_in(&b, max, &a);
            assert_false(sl_buf_is_on_heap(&b));
            for (int again = 0; again < 2; again++) {
                for (char *to; (to = sl_buf_room(&b, steps[s])) != NULL; sl_buf_wrote(&b, steps[s]))
                    memset(to, (int)(b.n / steps[s] % 251), steps[s]);
                assert_true(b.over && b.cap <= max && b.n + steps[s] > max);
                assert_int_equal(sl_buf_is_on_heap(&b), b.cap > SL_ARENA_BLOCK);
                for (size_t i = 0; i < b.n; i++)
                    assert_int_equal((unsigned char)b.p[i], i / steps[s] % 251);
                if (again == 0)
                    sl_buf_done(&b); /* and usable again, in the same arena */
                b.over = false;
            }
            sl_buf_done(&b);
            sl_arena_done(&a);
        }
    sl_arena_cache_done(&cache);
}

/* ---- lists ---- */

struct item {
    struct sl_list node;
    int v;
};

static void test_list(void **state)
{
    (void)state;
    struct sl_list a, b;
    struct item items[10];
    sl_list_init(&a);
    sl_list_init(&b);
    assert_null(sl_list_take_head(&a));
    sl_list_splice(&a, &b);
    assert_true(sl_list_is_empty(&a));
    for (int i = 0; i < 10; i++) {
        items[i].v = i;
        sl_list_init(&items[i].node);
        sl_list_remove(&items[i].node); /* harmless */
        if (i < 5)
            sl_list_add_tail(&a, &items[i].node);
        else
            sl_list_add_head(&b, &items[i].node);
    }
    sl_list_splice(&a, &b);
    assert_true(sl_list_is_empty(&b));
    static const int want[] = {0, 1, 2, 3, 4, 9, 8, 7, 6, 5};
    int at = 0;
    SL_LIST_EACH(node, &a)
    {
        struct item *i = SL_CONTAINER_OF(node, struct item, node);
        assert_int_equal(i->v, want[at++]);
        if (i->v % 2 == 0)
            sl_list_remove(node);
    }
    assert_int_equal(at, 10);
    int left = 0;
    while (sl_list_take_head(&a) != NULL)
        left++;
    assert_int_equal(left, 5);
}

/* ---- records ---- */

static void test_reader_and_writer(void **state)
{
    (void)state;
    unsigned char room[64];
    for (unsigned bytes = 1; bytes <= 8; bytes++) {
        uint64_t most = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
        uint64_t values[] = {0, 1, most, most / 3};
        for (size_t i = 0; i < 4; i++) {
            struct sl_writer w = sl_writer_of(room, bytes);
            sl_write_uint(&w, values[i], bytes);
            assert_false(w.over);
            assert_int_equal(w.n, bytes);
            struct sl_reader r = sl_reader_of(room, bytes);
            assert_true(sl_read_uint(&r, bytes) == values[i]);
            assert_true(sl_reader_ok(&r));
            assert_int_equal(sl_read_uint(&r, 1), 0);
            assert_false(sl_reader_ok(&r));
        }
    }
    struct sl_writer w = sl_writer_of(room, 5);
    sl_write_uint(&w, 3, 2);
    sl_write_bytes(&w, "abc", 3);
    assert_false(w.over);
    sl_write_uint(&w, 1, 1);
    assert_true(w.over);
    assert_int_equal(w.n, 5);
    for (size_t n = 0; n < 5; n++) { /* every cut is seen */
        struct sl_reader r = sl_reader_of(room, n);
        assert_int_equal(sl_read_bytes(&r, (size_t)sl_read_uint(&r, 2)).n, 0);
        assert_false(sl_reader_ok(&r));
        assert_int_equal(sl_read_bytes(&r, 0).n, 0);
    }
    struct sl_reader r = sl_reader_of(room, 5);
    assert_true(sl_str_eq(sl_read_bytes(&r, (size_t)sl_read_uint(&r, 2)), SL_STR("abc")));
    assert_true(sl_reader_ok(&r) && r.left == 0);
}

static void test_secret(void **state)
{
    (void)state;
    struct sl_secret s = {0};
    sl_secret_done(&s);
    sl_secret_set(&s, SL_STR("one"));
    sl_secret_set(&s, sl_secret_expose(&s)); /* from itself */
    assert_true(sl_str_eq(sl_secret_expose(&s), SL_STR("one")));
    sl_secret_set(&s, SL_STR_NONE);
    assert_int_equal(sl_secret_expose(&s).n, 0);
    sl_secret_done(&s);
    assert_true(sl_equal_ct("abc", "abc", 3) && sl_equal_ct("abc", "abd", 2) && sl_equal_ct("", "x", 0));
    for (int bit = 0; bit < 24; bit++) {
        unsigned char a[3] = {1, 2, 3}, b[3] = {1, 2, 3};
        b[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(sl_equal_ct(a, b, 3));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_against_a_model),
        cmocka_unit_test(test_chunks_of_a_large_body),
        cmocka_unit_test(test_chunks_maximum),
        cmocka_unit_test(test_chunks_move),
        cmocka_unit_test(test_chunks_wipe),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_cleanups_and_text),
        cmocka_unit_test(test_arena_wipe),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_buf_in_arena),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_reader_and_writer),
        cmocka_unit_test(test_secret),
    };
    return cmocka_run_group_tests_name("base memory", tests, NULL, NULL);
}
