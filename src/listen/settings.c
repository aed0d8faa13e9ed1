#include "listen/settings.h"

#include "base/clock.h"

static const struct cfg_word TLS_VERSIONS[] = {{"1.2", LISTEN_TLS_1_2, "for clients that are older than 2018"},
                                               {"1.3", LISTEN_TLS_1_3, "what every maintained client speaks"},
                                               {NULL, 0, NULL}};
static const struct cfg_word CLIENT_CERTIFICATES[] = {
    {"none", LISTEN_CERT_NONE, "not asked for"},
    {"optional", LISTEN_CERT_OPTIONAL, "asked for, and verified when one comes"},
    {"required", LISTEN_CERT_REQUIRED, "without a verified one the handshake fails"},
    {NULL, 0, NULL}};

static const struct cfg_section TLS = {
    .settings = (const struct cfg_setting[]){
        {"cert", CFG_PATH_AT(struct listen_tls_settings, cert),
         .text = "Certificate chain in PEM, the server's own first. Replacing the file is enough to renew it: new "
                 "connections get the new one, open ones are left alone."},
        {"key", CFG_PATH_AT(struct listen_tls_settings, key), .text = "Private key of the certificate, in PEM."},
        {"min_version", CFG_ENUM_AT(struct listen_tls_settings, min_version, TLS_VERSIONS), .preset = "1.3",
         .text = "Oldest TLS version that is spoken."},
        {"client_ca", CFG_PATH_AT(struct listen_tls_settings, client_ca),
         .text = "Authorities in PEM that client certificates are verified against."},
        {"client_certificate", CFG_ENUM_AT(struct listen_tls_settings, client_certificate, CLIENT_CERTIFICATES),
         .preset = "none", .text = "Whether clients have to show a certificate, in addition to their key."},
        CFG_END}};

static const struct cfg_section LIMITS = {
    .settings = (const struct cfg_setting[]){
        {"head_bytes", CFG_SIZE_AT(struct listen_limit_settings, head_bytes), .preset = "32KiB", .min = 1024,
         .max = 1 << 20,
         .text = "Largest request head (request line and headers). The official SDKs send 1 KiB; cookies and tracing "
                 "headers of proxies are why the default is larger."},
        {"headers", CFG_INT_AT(struct listen_limit_settings, headers), .preset = "100", .min = 10, .max = 1000,
         .text = "Most headers in one request."},
        {"target_bytes", CFG_SIZE_AT(struct listen_limit_settings, target_bytes), .preset = "16KiB", .min = 256,
         .max = 1 << 20, .text = "Longest path with its query."},
        {"body_bytes", CFG_SIZE_AT(struct listen_limit_settings, body_bytes), .preset = "64MiB", .min = 1024,
         .max = INT64_C(4) << 30,
         .text =
             "Largest request body as it comes over the wire. Prompts with images reach 20 MiB, and 32 MiB is where "
             "other vendors stop."},
        {"decoded_body_bytes", CFG_SIZE_AT(struct listen_limit_settings, decoded_body_bytes), .preset = "64MiB",
         .min = 1024, .max = INT64_C(4) << 30,
         .text = "Largest request body after gzip, br or zstd, so that a small body cannot unfold into a huge one."},
        {"streams", CFG_INT_AT(struct listen_limit_settings, streams), .preset = "100", .min = 1, .max = 10000,
         .text = "Requests at the same time on one HTTP/2 connection. 100 is the least that RFC 9113 advises."},
        {"resets_per_second", CFG_INT_AT(struct listen_limit_settings, resets_per_second), .preset = "100", .min = 1,
         .max = 100000,
         .text =
             "HTTP/2 streams that one connection may have reset in a second, by either side; a connection that has "
             "more is closed (rapid reset, CVE-2023-44487). A client that cancels 100 answers a second is not one."},
        {"connections", CFG_INT_AT(struct listen_limit_settings, connections), .preset = "65536", .min = 16,
         .max = 1 << 24,
         .text = "Client connections of the process; more are closed at once. An idle one costs at most 8 KiB: 512 MiB "
                 "with the default."},
        {"connections_per_address", CFG_INT_AT(struct listen_limit_settings, connections_per_address), .preset = "1024",
         .min = 1, .max = 1 << 24, .flags = CFG_OFF,
         .text = "Client connections from one IP address; more are closed at once. Loopback is exempt, since a local "
                 "proxy speaks for many. Set it to off behind a load balancer."},
        CFG_END}};

#define DEADLINE_AT(m) CFG_DURATION_AT(struct listen_deadline_settings, m), .min = 10 * SL_MS, .max = 86400 * SL_SEC

static const struct cfg_section DEADLINES = {
    .settings = (const struct cfg_setting[]){
        {"tls_handshake", DEADLINE_AT(tls_handshake_ns), .preset = "5s",
         .text = "From accepting a connection to the end of its TLS handshake."},
        {"head", DEADLINE_AT(head_ns), .preset = "10s",
         .text = "From the first byte of a request to the end of its head (slowloris)."},
        {"idle", DEADLINE_AT(idle_ns), .preset = "75s",
         .text = "How long a connection without a request is kept. A little longer than the 60 s of common load "
                 "balancers, so that they close first and no request meets a closing connection."},
        {"body", DEADLINE_AT(body_ns), .preset = "30s", .text = "Longest pause between two pieces of a request body."},
        {"write", DEADLINE_AT(write_ns), .preset = "60s",
         .text = "How long a client may read nothing while an answer waits for it; then its request is cancelled."},
        {"linger", DEADLINE_AT(linger_ns), .preset = "1s",
         .text =
             "After an early refusal we read on and throw away what the client still sends, so that it gets to see "
             "the answer: the longest pause in it. In all at most 30 times that, 64 MiB, and 64 such connections of "
             "a worker (further ones get 64 KiB)."},
        {"drain", DEADLINE_AT(drain_ns), .preset = "30s",
         .text = "After SIGTERM: how long running answers may go on before they are cut."},
        CFG_END}};

const struct cfg_section listen_settings_section = {
    .settings = (const struct cfg_setting[]){
        {"address", CFG_LIST_AT(struct listen_settings, addresses, CFG_ADDRESS), .preset = "127.0.0.1:8080", .max = 16,
         .flags = CFG_RESTART,
         .text = "Where clients connect; several are allowed. The default is reachable from this machine only; "
                 "0.0.0.0:8080 is reachable from everywhere."},
        {"backlog", CFG_INT_AT(struct listen_settings, backlog), .preset = "1024", .min = 1, .max = 65535,
         .flags = CFG_RESTART,
         .text = "Connections that the kernel keeps until a worker accepts them, for each address and worker."},
        {"workers", CFG_INT_AT(struct listen_settings, workers), .preset = "0", .min = 0, .max = 64,
         .flags = CFG_RESTART,
         .text = "Threads that serve clients, each with a loop of its own. 0: one for each processor this process may "
                 "run on."},
        {"http2", CFG_BOOL_AT(struct listen_settings, http2), .preset = "true", .flags = CFG_RESTART,
         .text = "Speak HTTP/2 too: by ALPN on TLS, by prior knowledge without."},
        {"tls", CFG_SECTION_AT(struct listen_settings, tls, &TLS),
         .text = "TLS towards clients; without a certificate, plain HTTP."},
        {"limits", CFG_SECTION_AT(struct listen_settings, limits, &LIMITS),
         .text = "What one client may send and hold."},
        {"deadlines", CFG_SECTION_AT(struct listen_settings, deadlines, &DEADLINES),
         .text = "How long a client may take."},
        CFG_END}};
