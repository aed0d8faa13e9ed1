/* See settings.h. */
#include "keep/settings.h"

/* What stands in a path as it is, so that it is signed as it is sent. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static bool all_plain(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_plain(s.p[i]))
            return false;
    return true;
}

static const char *bucket_refused(struct sl_str name)
{
    if (name.n > 0 && (name.n < 3 || name.n > 63))
        return "a bucket's name has 3 to 63 characters";
    return all_plain(name) ? NULL : "has characters that no bucket's name has";
}

static const char *region_refused(struct sl_str name)
{
    return name.n > 0 && name.n <= 64 && all_plain(name) ? NULL : "is no region's name";
}

static const char *prefix_refused(struct sl_str prefix)
{
    if (prefix.n > 512)
        return "is longer than 512 bytes";
    while (prefix.n > 0) {
        struct sl_str part = sl_str_cut(&prefix, '/');
        if (part.n == 0 || sl_str_eq(part, SL_STR(".")) || sl_str_eq(part, SL_STR("..")))
            return "has an empty part, '.' or '..' between its slashes";
        if (!all_plain(part))
            return "may have letters, digits, '-', '.', '_', '~' and '/'";
    }
    return NULL;
}

static const struct cfg_section s3_section = {
    .settings = (const struct cfg_setting[]){
        {"endpoint", CFG_URL_AT(struct s3_settings, endpoint),
         .text =
             "Where the store is: `https://s3.eu-central-1.amazonaws.com`, or the address of any server that speaks S3. With "
             "`http://` what is stored can be read on the way; requests are signed all the same."},
        {"bucket", CFG_STRING_AT(struct s3_settings, bucket), .refused = bucket_refused,
         .text = "The bucket. It must exist; its lifecycle rules should outlast `for`."},
        {"region", CFG_STRING_AT(struct s3_settings, region), .preset = "us-east-1", .refused = region_refused,
         .text = "The region that requests are signed for."},
        {"prefix", CFG_STRING_AT(struct s3_settings, prefix), .refused = prefix_refused,
         .text = "What names of objects begin with: `videos/` makes `videos/video_abc.video`."},
        {"access_key_id", CFG_SECRET_AT(struct s3_settings, access_key_id), .text = "The key's id."},
        {"secret_access_key", CFG_SECRET_AT(struct s3_settings, secret_access_key), .text = "The key."},
        {"session_token", CFG_SECRET_AT(struct s3_settings, session_token), .text = "Of temporary keys."},
        {"path_style", CFG_BOOL_AT(struct s3_settings, path_style), .preset = "true",
         .text =
             "Whether the bucket's name stands in the path, as every server can read it, or before the host's name, as Amazon "
             "wants it of new buckets."},
        CFG_END}};

const struct cfg_section keep_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"directory", CFG_PATH_AT(struct keep_settings, directory),
         .text = "A folder that finished videos are copied to. It is made when it is not there. Either this or `s3`."},
        {"s3", CFG_SECTION_AT(struct keep_settings, s3, &s3_section),
         .text = "A store that speaks Amazon's S3, for the same."},
        {"for", CFG_DURATION_AT(struct keep_settings, for_ns), .preset = "0s", .min = 0,
         .max = 10 * 365 * 24 * 60 * SL_MIN,
         .text =
             "How long a copy is kept, from the end of its job. 0: as long as the job is remembered (`videos.keep`), which is also "
             "the most."},
        {"max_bytes", CFG_SIZE_AT(struct keep_settings, max_bytes), .preset = "8GiB", .min = 1024,
         .max = INT64_C(64) << 30, .text = "A video that is larger is not kept."},
        {"parallel", CFG_INT_AT(struct keep_settings, parallel), .preset = "2", .min = 1, .max = 16,
         .text =
             "How many jobs' contents are copied at a time. Each takes 9 MiB of memory with `s3`, 1 MiB with a directory."},
        {"retry", CFG_DURATION_AT(struct keep_settings, retry_ns), .preset = "5s", .min = 10 * SL_MS,
         .max = 3600 * SL_SEC,
         .text = "How long after a failure a copy is tried again: twice as long each time, up to an hour."},
        CFG_END}};

static void check_s3(const struct s3_settings *s, struct cfg *c)
{
    if (s->bucket.n == 0)
        cfg_error_at(c, &s->endpoint, "Write videos.content.s3.bucket",
                     "an endpoint of S3 is nothing without a bucket");
    if (sl_secret_expose(&s->access_key_id).n == 0 || sl_secret_expose(&s->secret_access_key).n == 0)
        cfg_error_at(c, &s->endpoint, "Write access_key_id and secret_access_key, as \"${NAME}\" or \"file:PATH\"",
                     "the store wants a key");
    if (prefix_refused(s->endpoint.path.n > 0 ? sl_str_from(s->endpoint.path, 1) : SL_STR_NONE) != NULL)
        cfg_error_at(c, &s->endpoint, "Take one without",
                     "the endpoint's path has characters that would need to be escaped");
    if (!s->path_style && s->endpoint.is_literal)
        cfg_error_at(c, &s->path_style, "Leave path_style on",
                     "no bucket's name can stand before an address of digits");
}

void keep_settings_check(const struct keep_settings *s, struct cfg *c)
{
    if (s->s3.endpoint.text.n > 0 && s->directory.n > 0)
        cfg_error_at(c, &s->directory, "Leave one of the two out",
                     "videos are kept in a directory or with S3, not in both");
    if (s->s3.endpoint.text.n > 0)
        check_s3(&s->s3, c);
    else if (s->s3.bucket.n > 0)
        cfg_error_at(c, &s->s3.bucket, "Write videos.content.s3.endpoint", "nobody knows where the bucket is");
}
