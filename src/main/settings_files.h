/* The files that a configuration names, opened and looked at: what `sluice check`, the start and a reload do before they take
 * a configuration. Not part of settings.h's third pass, which reads nothing: other commands (keys, usage) must work where a
 * certificate is broken or theirs to read. Blocking (files): main thread. */
#ifndef SLUICE_MAIN_SETTINGS_FILES_H
#define SLUICE_MAIN_SETTINGS_FILES_H

#include "main/settings.h"
#include "provider/credential.h"
#include "tls/context.h"

/* settings_load, and findings about the files beside those about the text. */
struct settings *settings_load_checked(const char *path, struct cfg_report *report);

/* Those findings: for settings_load_with. */
void settings_check_files(struct settings *s, struct cfg *c);

/* What the listeners' context is made from; without a certificate, cert_file is empty. Views into s. */
struct tls_server_options settings_server_tls(const struct settings *s);

/* What tokens for the provider are fetched with; provider_settings_log_in(p) is true. Views of *out are in the arena; the caller ends it with
 * credential_done. False: *why says what the credential lacks. */
bool settings_credential(const struct provider_settings *p, struct sl_arena *a, struct credential *out,
                         struct credential_trouble *why);

#endif
