/* What is wrong, or soon will be, with the files that a configuration names: all of it at once, where making a context stops at
 * the first. Everything that tls/context.h refuses is an error here. Blocking (reads files); who calls: main/settings_files.c. */
#ifndef SLUICE_TLS_CHECK_H
#define SLUICE_TLS_CHECK_H

#include "tls/context.h"

struct tls_finding {
    bool is_warning;
    struct tls_trouble trouble;
};
typedef void tls_finding_f(void *arg, const struct tls_finding *f);

void tls_check_server(const struct tls_server_options *o, int64_t wall_ns, tls_finding_f *f, void *arg);
/* A file of authorities, TLS_FILE_CA. */
void tls_check_authorities(struct sl_str ca_file, int64_t wall_ns, tls_finding_f *f, void *arg);

#endif
