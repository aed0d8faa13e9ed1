/* The settings under `videos.content`: where finished videos are kept. Immutable. */
#ifndef SLUICE_KEEP_SETTINGS_H
#define SLUICE_KEEP_SETTINGS_H

#include "config/config.h"
#include "config/schema.h"

struct s3_settings {
    struct cfg_url endpoint;
    struct sl_str bucket, region, prefix;
    struct sl_secret access_key_id, secret_access_key, session_token;
    bool path_style;
};

struct keep_settings {
    struct sl_str directory; /* empty: none */
    struct s3_settings s3;   /* endpoint empty: none */
    int64_t for_ns;          /* 0: as long as the job is remembered */
    uint64_t max_bytes;      /* of one part */
    uint32_t parallel;       /* videos at a time */
    int64_t retry_ns;        /* after the first failure */
};

extern const struct cfg_section keep_settings_section;

/* What no table can say. */
void keep_settings_check(const struct keep_settings *s, struct cfg *c);

#endif
