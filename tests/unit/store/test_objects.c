/* Files and batches in the database: who may see them, pages, purposes, settling once. */
#include "world_kit.h"

#include "store/response_job.h"

static const struct sl_id one = {7, 1}, two = {7, 2};

static struct response_job *run(struct world *t, struct response_job *j)
{
    struct sl_fail fail;
    world_begin(t, response_job_writes(j));
    world_end(t, response_job_run(j, t->s, &fail), response_job_writes(j), &fail);
    return j;
}

static struct store_object object(enum store_object_kind kind, const char *id, struct sl_id key, const char *tenant,
                                  const char *body)
{
    return (struct store_object){.kind = kind,
                                 .id = sl_str_c(id),
                                 .key = key,
                                 .tenant = sl_str_c(tenant),
                                 .provider = SL_STR("up"),
                                 .credential = "12345678",
                                 .made_ns = 5,
                                 .body = sl_str_c(body)};
}

static void put(struct world *t, struct store_object o)
{
    struct response_job *j = response_job_new(RJ_OBJECT_PUT);
    j->o = o;
    assert_int_equal(run(t, j)->found, RF_OK);
    response_job_free(j);
}

static struct response_job *asked(struct world *t, enum response_job_kind job, enum store_object_kind kind,
                                  const char *id, struct sl_id key, const char *tenant)
{
    struct response_job *j = response_job_new(job);
    j->owner = (struct store_response_owner){.key = key, .tenant = sl_str_c(tenant)};
    j->o.kind = kind;
    j->id = sl_str_c(id);
    return run(t, j);
}

static enum response_found found(struct world *t, enum response_job_kind job, enum store_object_kind kind,
                                 const char *id, struct sl_id key, const char *tenant)
{
    struct response_job *j = asked(t, job, kind, id, key, tenant);
    enum response_found f = j->found;
    response_job_free(j);
    return f;
}

static void only_the_owner_finds_it(void **state)
{
    struct world *t = *state;
    put(t, object(STORE_OBJECT_FILE, "file-1", one, "acme", "{\"id\":1}"));
    struct response_job *j = asked(t, RJ_OBJECT_FIND, STORE_OBJECT_FILE, "file-1", two, "acme");
    assert_int_equal(j->found, RF_OK);
    assert_true(sl_str_eq(j->o.provider, SL_STR("up")) && sl_str_eq(j->o.body, SL_STR("{\"id\":1}")));
    assert_memory_equal(j->o.credential, "12345678", 8);
    assert_true(sl_id_eq(j->o.key, one));
    response_job_free(j);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_FILE, "file-1", one, "other"), RF_OK); /* its own key */
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_FILE, "file-1", two, "other"), RF_NONE);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_BATCH, "file-1", one, "acme"), RF_NONE);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_FILE, "file-2", one, "acme"), RF_NONE);
    assert_int_equal(found(t, RJ_OBJECT_DROP, STORE_OBJECT_FILE, "file-1", two, "other"), RF_NONE);
    assert_int_equal(found(t, RJ_OBJECT_DROP, STORE_OBJECT_FILE, "file-1", two, "acme"), RF_OK);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_FILE, "file-1", one, "acme"), RF_NONE);
}

static void a_newer_description_takes_its_place(void **state)
{
    struct world *t = *state;
    put(t, object(STORE_OBJECT_BATCH, "b", one, "acme", "{\"status\":\"validating\"}"));
    assert_int_equal(found(t, RJ_OBJECT_SETTLE, STORE_OBJECT_BATCH, "b", one, "acme"), RF_OK);
    put(t, object(STORE_OBJECT_BATCH, "b", one, "acme", "{\"status\":\"completed\"}"));
    struct response_job *j = asked(t, RJ_OBJECT_FIND, STORE_OBJECT_BATCH, "b", one, "acme");
    assert_true(j->o.settled && sl_str_eq(j->o.body, SL_STR("{\"status\":\"completed\"}")));
    response_job_free(j);
    assert_int_equal(found(t, RJ_OBJECT_SETTLE, STORE_OBJECT_BATCH, "b", one, "acme"), RF_NONE); /* once */
}

/* The ids of a page, one after the other. */
static void page(struct world *t, const char *after, const char *purpose, bool oldest, uint64_t limit, const char *want)
{
    char got[64] = "";
    size_t n = 0;
    struct response_job *j = response_job_new(RJ_OBJECT_PAGE);
    j->owner = (struct store_response_owner){.key = one, .tenant = SL_STR("acme")};
    j->page = (struct store_object_page){.kind = STORE_OBJECT_FILE,
                                         .after = sl_str_c(after),
                                         .purpose = sl_str_c(purpose),
                                         .oldest_first = oldest,
                                         .limit = limit};
    run(t, j);
    assert_int_equal(j->found, RF_OK);
    for (size_t i = 0; i < j->n_objects; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, SL_STR_FMT, SL_STR_ARG(j->objects[i].id));
    assert_string_equal(got, want);
    response_job_free(j);
}

static void pages(void **state)
{
    struct world *t = *state;
    static const char *const ids[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        put(t, object(STORE_OBJECT_FILE, ids[i], one, "acme",
                      i % 2 == 0 ? "{\"purpose\":\"batch\"}" : "{\"purpose\":\"vision\"}"));
    put(t, object(STORE_OBJECT_FILE, "x", two, "other", "{\"purpose\":\"batch\"}"));
    put(t, object(STORE_OBJECT_BATCH, "y", one, "acme", "{}"));
    page(t, "", "", false, 10, "dcba");
    page(t, "", "", true, 10, "abcd");
    page(t, "", "", false, 2, "dc");
    page(t, "c", "", false, 2, "ba");
    page(t, "b", "", true, 10, "cd");
    page(t, "a", "", false, 10, "");
    page(t, "", "batch", false, 10, "ca");
    struct response_job *j = response_job_new(RJ_OBJECT_PAGE);
    j->owner = (struct store_response_owner){.key = one, .tenant = SL_STR("acme")};
    j->page = (struct store_object_page){.kind = STORE_OBJECT_FILE, .after = SL_STR("x"), .limit = 5};
    assert_int_equal(run(t, j)->found, RF_NONE); /* somebody else's is no place in the list */
    response_job_free(j);
}

/* Names that clients choose are free again some day: who had one before does not get what somebody else made. */
static void a_name_that_is_taken_again(void **state)
{
    struct world *t = *state;
    struct store_object theirs = object(STORE_OBJECT_GEMINI_FILE, "notes", two, "other", "{}");
    put(t, object(STORE_OBJECT_GEMINI_FILE, "notes", one, "acme", "{}"));
    theirs.credential[0] = 'x'; /* at another account it is another file */
    theirs.sole = true;
    put(t, theirs);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_GEMINI_FILE, "notes", one, "acme"), RF_OK);
    theirs.credential[0] = '1';
    put(t, theirs);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_GEMINI_FILE, "notes", one, "acme"), RF_NONE);
    assert_int_equal(found(t, RJ_OBJECT_FIND, STORE_OBJECT_GEMINI_FILE, "notes", two, "other"), RF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_the_owner_finds_it, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(a_newer_description_takes_its_place, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_is_taken_again, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(pages, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
