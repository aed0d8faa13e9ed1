/* `sluice tokens`: how many tokens a text has for a model, and whether that is exact. Reads in slices, so that no file is too large;
 * only the numbers of the tokens and texts between NUL bytes need all of it in memory. */
#include "main/cmd_tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "main/options.h"
#include "tokens/meter.h"

#define SLICE_BYTES 65536u
#define WHOLE_MAX ((size_t)256 << 20)
#define OUTPUT_MAX ((size_t)2048 << 20) /* eight digits and a blank for each byte of the largest input */

struct tokens_job {
    const char *model, *file, *directory;
    bool ids, null, json;
    struct tokens_set set;
    struct sl_buf out;
    int fd;
};

static int complain(const char *place, const char *text)
{
    fprintf(stderr, "sluice tokens: %s: %s\n", place, text);
    return EXIT_FAILED;
}

/* -- Output --------------------------------------------------------------------------------------------------------------- */

static void add_answer(struct tokens_job *j, struct tokens_answer a)
{
    const struct tokens_method *m = a.method;
    unsigned long long n = a.n;
    if (j->json) {
        (void)sl_buf_addf(
            &j->out,
            "{\"tokens\":%llu,\"exact\":%s,\"method\":\"%s\",\"by_looks\":%s,\"error_percent\":[%d,%d],\"model\":", n,
            a.is_exact ? "true" : "false", m->name, a.is_by_looks ? "true" : "false", m->low_percent, m->high_percent);
        (void)sl_buf_add_json(&j->out, sl_str_c(j->model));
        (void)sl_buf_adds(&j->out, SL_STR("}\n"));
    } else if (a.is_exact) {
        (void)sl_buf_addf(&j->out, "%llu exact, %s\n", n, m->name);
    } else if (m->is_exact) {
        (void)sl_buf_addf(&j->out, "%llu estimated without %s\n", n, m->name);
    } else {
        (void)sl_buf_addf(&j->out, "%llu estimated for %s, %+d to %+d %% of the truth%s\n", n, m->name, m->low_percent,
                          m->high_percent, a.is_by_looks ? " and more, without a vocabulary" : "");
    }
}

static int add_ids(struct tokens_job *j, struct sl_str text)
{
    const struct tokens_method *m = tokens_model_of(sl_str_c(j->model))->method;
    const struct tokens_vocab *v = j->set.vocab[m->encoding];
    if (!m->is_exact || v == NULL)
        return complain(j->model, m->is_exact ? "the vocabulary is missing: no numbers"
                                              : "its vocabulary is not public: no numbers");
    uint32_t *ids = sl_malloc(text.n * sizeof *ids);
    uint64_t n = tokens_encode(v, text, ids, text.n);
    for (uint64_t i = 0; i < n; i++)
        (void)sl_buf_addf(&j->out, "%s%u", i > 0 ? " " : "", ids[i]);
    (void)sl_buf_adds(&j->out, SL_STR("\n"));
    sl_free(ids);
    return EXIT_OK;
}

static int add_text(struct tokens_job *j, struct sl_str text)
{
    if (j->ids)
        return add_ids(j, text);
    add_answer(j, tokens_of_text(&j->set, sl_str_c(j->model), text));
    return EXIT_OK;
}

/* -- Input ---------------------------------------------------------------------------------------------------------------- */

/* Negative: it failed, and was told. */
static ssize_t read_slice(const struct tokens_job *j, char *out)
{
    ssize_t n;
    do
        n = read(j->fd, out, SLICE_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        (void)complain(j->file, sl_errno_text(errno));
    return n;
}

static int count_slices(struct tokens_job *j, char *slice)
{
    struct tokens_meter m;
    ssize_t n;
    tokens_meter_init(&m, &j->set, tokens_model_of(sl_str_c(j->model))->method);
    while ((n = read_slice(j, slice)) > 0)
        tokens_meter_feed(&m, sl_str_of(slice, (size_t)n));
    if (n == 0)
        add_answer(j, tokens_meter_answer(&m));
    tokens_meter_done(&m);
    return n == 0 ? EXIT_OK : EXIT_FAILED;
}

static int count_texts(struct tokens_job *j, struct sl_str all)
{
    if (!j->null)
        return add_text(j, all);
    int status = EXIT_OK;
    while (all.n > 0 && status == EXIT_OK) {
        struct sl_str text = sl_str_cut(&all, 0); /* what is behind the last NUL is a text where it is not empty */
        status = add_text(j, text);
    }
    return status;
}

static int count_whole(struct tokens_job *j, char *slice)
{
    struct sl_buf all;
    ssize_t n;
    int status = EXIT_FAILED;
    sl_buf_init(&all, WHOLE_MAX);
    while ((n = read_slice(j, slice)) > 0 && !all.over)
        (void)sl_buf_adds(&all, sl_str_of(slice, (size_t)n));
    if (all.over)
        (void)complain(j->file, "larger than 256 MiB");
    else if (n == 0)
        status = count_texts(j, sl_str_of(all.p, all.n));
    sl_buf_done(&all);
    return status;
}

static int run(struct tokens_job *j)
{
    struct sl_fail fail;
    char *slice = sl_malloc(SLICE_BYTES);
    if (tokens_set_open(&j->set, j->directory, &fail) != SL_OK)
        fprintf(stderr, "sluice tokens: %s: %s; what needs it is estimated\n", fail.place, fail.text);
    sl_buf_init(&j->out, OUTPUT_MAX);
    int status = j->ids || j->null ? count_whole(j, slice) : count_slices(j, slice);
    if (status == EXIT_OK && (j->out.over || fwrite(j->out.p, 1, j->out.n, stdout) != j->out.n || fflush(stdout) != 0))
        status = EXIT_FAILED;
    sl_buf_done(&j->out);
    tokens_set_done(&j->set);
    sl_free(slice);
    return status;
}

int cmd_tokens(int argc, char **argv)
{
    struct tokens_job j = {.model = "gpt-4o", .file = "-"};
    const struct option options[] = {
        {"model", 'm', OPTION_TEXT, &j.model, "MODEL", "for this model (default: gpt-4o)"},
        {"null", '0', OPTION_FLAG, &j.null, NULL, "texts end with a NUL byte; one line for each"},
        {"ids", 0, OPTION_FLAG, &j.ids, NULL, "print the numbers of the tokens"},
        {"json", 0, OPTION_FLAG, &j.json, NULL, "print JSON"},
        {"vocabularies", 0, OPTION_TEXT, &j.directory, "DIR", "where the vocabularies are (default: beside sluice)"},
        {NULL},
    };
    struct command_line c = {.name = "tokens",
                             .operands = "[FILE]",
                             .summary = "Counts the tokens of a text (default: standard input).",
                             .more = "Exact for OpenAI's models; for others an estimate, with its error.\n",
                             .options = options,
                             .max_operands = 1};
    enum options_result r = options_read(&c, argc, argv);
    if (r != OPTIONS_GO)
        return options_exit(r);
    j.file = c.n_operands > 0 ? c.operand[0] : "-";
    bool is_stdin = sl_str_eq(sl_str_c(j.file), SL_STR("-"));
    j.fd = is_stdin ? STDIN_FILENO : open(j.file, O_RDONLY | O_CLOEXEC);
    if (j.fd < 0)
        return complain(j.file, sl_errno_text(errno));
    int status = run(&j);
    if (!is_stdin)
        (void)close(j.fd);
    return status;
}
