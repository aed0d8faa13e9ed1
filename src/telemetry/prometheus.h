/* Everything counted, as Prometheus text (exposition format 0.0.4, prometheus.io/docs/instrumenting/exposition_formats).
 *
 * Runs on the admin worker. struct tel_export remembers between scrapes which series by target were shown, so that the
 * cap holds over all workers together and a series, once shown, never moves into "other" (a counter must not go down). */
#ifndef SLUICE_TELEMETRY_PROMETHEUS_H
#define SLUICE_TELEMETRY_PROMETHEUS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "telemetry/counters.h"

struct tel_export;
struct tel_export *tel_export_new(uint32_t max_series); /* series by target; 0: TEL_SERIES_DEFAULT */
void tel_export_free(struct tel_export *x);             /* NULL accepted */

struct prometheus_facts {
    const struct tel_worker *const *workers; /* borrow: all that count, keeper and admin included */
    size_t n_workers;
    const struct sl_str *outcomes; /* borrow: names by number; attempts with others count as "unknown" */
    size_t n_outcomes;
    struct sl_str version, revision; /* of the program */
    struct sl_str price_version;
    struct sl_str config_revision;
    int64_t start_wall_ns;
    bool has_certificate;       /* clients connect over TLS */
    int64_t certificate_left_s; /* until it expires; negative: since */
};

/* Appends the page. SL_ELIMIT: it does not fit under out->max (out then holds half a page and is `over`). */
enum sl_err prometheus_write(struct tel_export *x, const struct prometheus_facts *facts, struct sl_buf *out);

/* A label value with its quotes: backslash, quote and newline escaped; other controls and what is not UTF-8 become
 * U+FFFD; cut at 200 bytes. For others that write pages in this format. */
enum sl_err prometheus_add_label(struct sl_buf *out, struct sl_str value);

#endif
