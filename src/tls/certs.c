/* Who calls: main/reload.c from the directory watch and from a slow tick (a renewed file may come through a mount that tells
 * nothing). Files are marked before they are read: a change during the read is seen next time. */
#include "tls/certs.h"

#include "base/mem.h"

#include <sys/stat.h>

static struct sl_str keep(char **at, struct sl_str s)
{
    char *p = *at;
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    *at = p + s.n + 1;
    return sl_str_of(p, s.n);
}

void tls_certs_init(struct tls_certs *c, const struct tls_server_options *o)
{
    *c = (struct tls_certs){.options = *o};
    c->paths = sl_malloc(o->cert_file.n + o->key_file.n + o->client_ca_file.n + TLS_CERTS_FILES);
    char *at = c->paths;
    c->options.cert_file = keep(&at, o->cert_file);
    c->options.key_file = keep(&at, o->key_file);
    c->options.client_ca_file = keep(&at, o->client_ca_file);
}

void tls_certs_done(struct tls_certs *c)
{
    sl_free(c->paths);
    *c = (struct tls_certs){0};
}

static void mark(const struct tls_certs *c, struct tls_file_mark out[TLS_CERTS_FILES])
{
    const struct sl_str files[TLS_CERTS_FILES] = {c->options.cert_file, c->options.key_file, c->options.client_ca_file};
    for (size_t i = 0; i < TLS_CERTS_FILES; i++) {
        struct stat st;
        out[i] = (struct tls_file_mark){0};
        if (files[i].n == 0 || stat(files[i].p, &st) != 0)
            continue;
        out[i].mtime_ns = st.st_mtim.tv_sec * SL_SEC + st.st_mtim.tv_nsec;
        out[i].size = st.st_size;
        out[i].inode = st.st_ino;
        out[i].device = st.st_dev;
    }
}

enum sl_err tls_certs_load(struct tls_certs *c, struct tls_context **out, struct sl_fail *fail)
{
    mark(c, c->marks);
    c->loaded_ns = sl_clock_mono_ns();
    return tls_context_new_server(&c->options, out, fail);
}

enum tls_certs_change tls_certs_changed(const struct tls_certs *c, int64_t now_ns)
{
    struct tls_file_mark now[TLS_CERTS_FILES];
    mark(c, now);
    for (size_t i = 0; i < TLS_CERTS_FILES; i++) {
        const struct tls_file_mark *a = &now[i], *b = &c->marks[i];
        if (a->mtime_ns != b->mtime_ns || a->size != b->size || a->inode != b->inode || a->device != b->device)
            return TLS_CERTS_CHANGED;
    }
    return now_ns - c->loaded_ns > TLS_CERTS_TICKET_LIFE_NS ? TLS_CERTS_TICKETS_OLD : TLS_CERTS_SAME;
}
