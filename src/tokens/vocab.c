/* Opening a vocabulary: the header is looked at, the file is read once for its checksum, then mapped. Reading and not walking the
 * map keeps it out of our resident memory: pages come in when text needs them, and the kernel may take them back. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "tokens/tokens.h"
#include "tokens/tokens_int.h"

#define READ_BYTES 65536u

static uint64_t body_bytes(const struct vocab_header *h)
{
    return (uint64_t)h->nodes * sizeof(uint64_t) + (uint64_t)h->tokens * sizeof(struct vocab_token) +
           (uint64_t)h->pairs * sizeof(uint64_t);
}

/* NULL when fine. */
static const char *header_refused(const struct vocab_header *h, uint64_t file_bytes)
{
    if (h->magic != VOCAB_MAGIC)
        return "this is no vocabulary of sluice, or one of a machine with another byte order";
    if (h->version != VOCAB_VERSION)
        return "it was packed by another version of sluice: run dev/setup.sh";
    if (h->header_crc != sl_crc32c(0, h, offsetof(struct vocab_header, header_crc)))
        return "its header is damaged";
    if (h->file_bytes != file_bytes || h->file_bytes != sizeof *h + body_bytes(h))
        return "it is cut short or too long";
    if ((h->pattern != VOCAB_CL100K && h->pattern != VOCAB_O200K) || h->nodes == 0 || h->nodes % 256 != 0 ||
        h->nodes > VOCAB_NONE || h->tokens < 256 || h->tokens >= VOCAB_NONE || h->pairs <= h->tokens ||
        h->name[VOCAB_NAME_MAX - 1] != 0)
        return "its header makes no sense";
    return NULL;
}

/* read(2) until n bytes are there; false: there are fewer. */
static bool read_all(int fd, void *out, size_t n)
{
    size_t at = 0;
    while (at < n) {
        ssize_t got = read(fd, (char *)out + at, n - at);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool body_is_whole(int fd, const struct vocab_header *h)
{
    uint64_t left = h->file_bytes - sizeof *h;
    uint32_t crc = 0;
    char *buffer = sl_malloc(READ_BYTES);
    while (left > 0) {
        size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;
        if (!read_all(fd, buffer, n))
            break;
        crc = sl_crc32c(crc, buffer, n);
        left -= n;
    }
    sl_free(buffer);
    return left == 0 && crc == h->body_crc;
}

static struct tokens_vocab *vocab_of(const struct vocab_header *h, void *map)
{
    struct tokens_vocab *v = SL_NEW(struct tokens_vocab);
    const char *at = (const char *)map + sizeof *h;
    v->pattern = (enum vocab_pattern)h->pattern;
    v->n_tokens = h->tokens;
    v->n_nodes = h->nodes;
    v->n_pairs = h->pairs;
    v->trie = (const uint64_t *)(const void *)at;
    at += (size_t)h->nodes * sizeof *v->trie;
    v->tokens = (const struct vocab_token *)(const void *)at;
    at += (size_t)h->tokens * sizeof *v->tokens;
    v->pairs = (const uint64_t *)(const void *)at;
    v->map = map;
    v->map_bytes = (size_t)h->file_bytes;
    return v;
}

static enum sl_err open_file(int fd, const char *path, struct tokens_vocab **out, struct sl_fail *fail)
{
    struct vocab_header h;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return sl_fail_set(fail, SL_EIO, path, "cannot read it: %s", sl_errno_text(errno));
    if (!S_ISREG(st.st_mode) || !read_all(fd, &h, sizeof h))
        return sl_fail_set(fail, SL_ECORRUPT, path, "it is cut short, or no file");
    const char *refused = header_refused(&h, (uint64_t)st.st_size);
    if (refused != NULL)
        return sl_fail_set(fail, SL_ECORRUPT, path, "%s", refused);
    if (!body_is_whole(fd, &h))
        return sl_fail_set(fail, SL_ECORRUPT, path, "its checksum does not match: make it again with dev/setup.sh");
    void *map = mmap(NULL, (size_t)h.file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return sl_fail_set(fail, SL_EIO, path, "cannot map it: %s", sl_errno_text(errno));
    /* Look-ups jump about: reading ahead would only fill memory. */
    (void)madvise(map, (size_t)h.file_bytes, MADV_RANDOM);
    *out = vocab_of(&h, map);
    return SL_OK;
}

enum sl_err tokens_vocab_open(const char *path, struct tokens_vocab **out_vocab, struct sl_fail *fail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sl_fail_set(fail, errno == ENOENT ? SL_ENOENT : SL_EIO, path, "cannot open it: %s",
                           sl_errno_text(errno));
    enum sl_err e = open_file(fd, path, out_vocab, fail);
    (void)close(fd);
    return e;
}

void tokens_vocab_close(struct tokens_vocab *v)
{
    if (v == NULL)
        return;
    (void)munmap(v->map, v->map_bytes);
    sl_free(v);
}
