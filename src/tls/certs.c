/* Who calls: main/server_tls.c from the directory watch and from a slow tick (a renewed file may come through a mount that
 * tells nothing). Files are marked before they are read: a change during the read is seen next time. */
#include "tls/certs.h"

#include "base/mem.h"
#include "tls/tickets.h"

#include <string.h>
#include <sys/stat.h>

#define DAY_S INT64_C(86400)

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
    *c = (struct tls_certs){.options = *o, .expires_s = INT64_MAX};
    c->paths = sl_malloc(o->cert_file.n + o->key_file.n + o->client_ca_file.n + TLS_CERTS_FILES);
    char *at = c->paths;
    c->options.cert_file = keep(&at, o->cert_file);
    c->options.key_file = keep(&at, o->key_file);
    c->options.client_ca_file = keep(&at, o->client_ca_file);
    if (o->tickets != NULL)
        tls_tickets_ref(o->tickets);
}

void tls_certs_done(struct tls_certs *c)
{
    sl_free(c->paths);
    tls_tickets_unref(c->options.tickets);
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

enum sl_err tls_certs_load(struct tls_certs *c, struct tls_context **out, struct tls_trouble *trouble,
                           struct sl_fail *fail)
{
    mark(c, c->marks);
    enum sl_err e = tls_context_new_server(&c->options, out, trouble, fail);
    if (e != SL_OK)
        return e;
    if (c->expires_s != tls_context_expires_s(*out))
        c->told = TLS_EXPIRY_FAR;
    c->expires_s = tls_context_expires_s(*out);
    return SL_OK;
}

bool tls_certs_changed(const struct tls_certs *c)
{
    struct tls_file_mark now[TLS_CERTS_FILES];
    mark(c, now);
    for (size_t i = 0; i < TLS_CERTS_FILES; i++) {
        const struct tls_file_mark *a = &now[i], *b = &c->marks[i];
        if (a->mtime_ns != b->mtime_ns || a->size != b->size || a->inode != b->inode || a->device != b->device)
            return true;
    }
    return false;
}

/* ---- the end of a certificate ---- */

enum tls_expiry tls_expiry_of(int64_t left_s)
{
    if (left_s < 0)
        return TLS_EXPIRY_OVER;
    if (left_s <= DAY_S)
        return TLS_EXPIRY_1_DAY;
    if (left_s <= 7 * DAY_S)
        return TLS_EXPIRY_7_DAYS;
    return left_s <= 30 * DAY_S ? TLS_EXPIRY_30_DAYS : TLS_EXPIRY_FAR;
}

enum tls_expiry tls_certs_expiry(struct tls_certs *c, int64_t wall_ns)
{
    if (c->expires_s == INT64_MAX)
        return TLS_EXPIRY_FAR;
    enum tls_expiry now = tls_expiry_of(c->expires_s - wall_ns / SL_SEC);
    if ((int)now <= c->told) /* a clock that is set back tells nothing again */
        return TLS_EXPIRY_FAR;
    c->told = now;
    return now;
}
