/* What is put into values: ${NAME} and ${NAME:-text} from the environment. "$${" is a plain "${". Happens after YAML was
 * read, so a variable can hold anything without changing the structure. Also reading whole files, with a limit. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_int.h"

#define VARIABLE_NAME_MAX 200u

static bool is_name(struct sl_str s)
{
    if (s.n == 0 || s.n > VARIABLE_NAME_MAX || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = sl_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

static bool refuse(struct expansion *x, struct sl_str why, struct sl_str todo)
{
    x->why = why;
    x->todo = todo;
    return false;
}

/* `inside`: what stands between "${" and "}". */
static bool add_variable(struct cfg *c, const struct cfg_source *src, struct sl_str inside, struct sl_buf *to,
                         struct expansion *x)
{
    struct sl_arena *a = &c->tree_arena;
    ptrdiff_t at = sl_str_find_str(inside, SL_STR(":-"));
    struct sl_str name = at >= 0 ? sl_str_head(inside, (size_t)at) : inside;
    if (!is_name(name))
        return refuse(x, SL_STR("'${' is not followed by the name of an environment variable and '}'"),
                      SL_STR("Write ${NAME} or ${NAME:-text}; write $${ where '${' itself is meant"));
    const char *zname = sl_arena_cstr(a, name);
    const char *value = src->env != NULL ? src->env(src->env_arg, zname) : getenv(zname);
    if (at >= 0 && (value == NULL || value[0] == 0)) {
        sl_buf_adds(to, sl_str_from(inside, (size_t)at + 2));
        return true;
    }
    if (value == NULL)
        return refuse(x, sl_arena_printf(a, "the environment variable %s is not set", zname),
                      sl_arena_printf(a, "Set it, or write ${%s:-text} for a text to use without it", zname));
    sl_buf_adds(to, sl_str_c(value));
    return true;
}

/* Up to the next "${" that is a variable; the rest of `raw` begins behind it. False: there is none. */
static bool add_up_to_variable(struct sl_str *raw, struct sl_buf *to)
{
    for (;;) {
        ptrdiff_t at = sl_str_find_str(*raw, SL_STR("${"));
        if (at < 0) {
            sl_buf_adds(to, *raw);
            return false;
        }
        bool is_escaped = at > 0 && raw->p[at - 1] == '$';
        sl_buf_adds(to, sl_str_head(*raw, (size_t)at - (is_escaped ? 1 : 0)));
        *raw = sl_str_from(*raw, (size_t)at + 2);
        if (!is_escaped)
            return true;
        sl_buf_adds(to, SL_STR("${"));
    }
}

bool value_expand(struct cfg *c, const struct cfg_source *src, struct sl_str raw, struct expansion *x)
{
    *x = (struct expansion){.text = raw};
    if (raw.n > CFG_VALUE_MAX)
        return refuse(x, SL_STR("longer than 64 KiB"), SL_STR_NONE);
    if (sl_str_find(raw, '$') < 0)
        return true;
    struct sl_buf to;
    sl_buf_init(&to, CFG_VALUE_MAX);
    bool is_fine = true;
    while (is_fine && add_up_to_variable(&raw, &to)) {
        x->has_variable = true;
        ptrdiff_t end = sl_str_find(raw, '}');
        is_fine = add_variable(c, src, end >= 0 ? sl_str_head(raw, (size_t)end) : SL_STR_NONE, &to, x);
        raw = sl_str_from(raw, (size_t)end + 1);
    }
    if (is_fine && to.over)
        is_fine = refuse(x, SL_STR("longer than 64 KiB with its variables put in"), SL_STR_NONE);
    if (is_fine)
        x->text = sl_arena_str(&c->tree_arena, sl_buf_str(&to));
    if (to.p != NULL)
        explicit_bzero(to.p, to.n);
    sl_buf_done(&to);
    return is_fine;
}

/* `expected`: the first room, so that a file read in one piece leaves no copy behind in memory that was outgrown. */
static enum sl_err read_all(int fd, const char *path, size_t expected, size_t max, struct sl_buf *out,
                            struct sl_fail *fail)
{
    for (;;) {
        char probe;
        size_t left = max - out->n, want = expected > out->n ? expected - out->n : 16384;
        size_t room = want < left ? want : left;
        char *to = room != 0 ? sl_buf_room(out, room) : &probe;
        SL_CHECK(to != NULL);
        ssize_t n = read(fd, to, room != 0 ? room : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sl_fail_set(fail, SL_EIO, path, "cannot read '%s': %s", path, sl_errno_text(errno));
        if (n == 0)
            return SL_OK;
        if (room == 0)
            return sl_fail_set(fail, SL_ELIMIT, path, "'%s' is larger than %zu bytes", path, max);
        sl_buf_wrote(out, (size_t)n);
    }
}

enum sl_err cfg_read_file(const char *path, size_t max, struct sl_buf *out, struct sl_fail *fail)
{
    SL_CHECK(out->n == 0 && out->max >= max);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return sl_fail_set(fail, errno == ENOENT ? SL_ENOENT : SL_EIO, path, "cannot open '%s': %s", path,
                           sl_errno_text(errno));
    struct stat st;
    enum sl_err e;
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode))
        e = sl_fail_set(fail, SL_EIO, path, "cannot read '%s': it is a directory", path);
    else
        e = read_all(fd, path, st.st_size > 0 && (uint64_t)st.st_size < max ? (size_t)st.st_size + 1 : 0, max, out,
                     fail);
    close(fd);
    return e;
}
