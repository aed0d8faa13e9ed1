/* The whole configuration: what the third pass finds, with its places; the environment alone; reloading; the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/clock.h"
#include "main/options.h"
#include "main/settings.h"
#include "values.h"

static const char *const ENV[] = {"KEY", "canary-4711-secret", NULL};

static struct settings *read_text(const char *text, struct cfg_report *report)
{
    cfg_report_init(report);
    return settings_read_text(
        &(struct cfg_source){
            .name = "s.yaml", .text = sl_str_c(text), .folder = "/conf", .env = env_of, .env_arg = (void *)ENV},
        report);
}

static void expect(const char *text, const char *lines)
{
    struct cfg_report report;
    struct sl_buf b;
    struct settings *s = read_text(text, &report);
    const char *found = report_lines(&report, &b);
    if (strcmp(found, lines) != 0)
        fail_msg("\n--- of\n%s\n--- expected\n%s--- found\n%s", text, lines, found);
    assert_int_equal(s != NULL, report.n_errors == 0);
    settings_free(s);
    sl_buf_done(&b);
    cfg_report_done(&report);
}

#define SIM "providers: {s: {kind: sim}}\n"

static void findings(void **state)
{
    static const char *const ROWS[][2] = {
        {SIM, ""},
        {"", "s.yaml: providers: there is no provider. Add one, for example: providers: {openai: {kind: openai, keys: "
             "[\"${OPENAI_API_KEY}\"]}}\n"},
        {"providers: {}\n",
         "s.yaml:1:1: providers: there is no provider. Add one, for example: providers: {openai: {kind: "
         "openai, keys: [\"${OPENAI_API_KEY}\"]}}\n"},
        {"providers: {o: {}}\n", "s.yaml:1:13: providers.o: 'kind' is missing\n"},
        {"providers:\n  s: {kind: sim}\n  models: {m: s/x}\n",
         "s.yaml:3:3: providers.models: 'kind' is missing. 'models' is a section of its own: is it indented too far?\n"
         "s.yaml:3:12: providers.models.m: unknown setting. Known here: kind, base_url, keys, key_accounts, aws, entra, "
         "credentials, api_version, region, organization, project, http, tls, proxy, headers, pass_headers, models, deployments, direct, "
         "open_models, allow_private, only_responses, zero_retention, files\n"},
        {SIM "upstream:\n  idle: 50s\n  limits: {exchanges: 5}\n",
         "s.yaml:4:3: upstream.limits: unknown setting. 'limits' is a section of its own: is it indented too far?\n"},
        {"providers: {o: {kind: opena}}\n",
         "s.yaml:1:23: providers.o.kind: expected openai, openai-compatible, azure, anthropic, gemini, vertex, bedrock, "
         "vllm, ollama, llamacpp, groq, deepseek, mistral, xai, together, fireworks, openrouter, perplexity, cohere, qwen, "
         "moonshot, zhipu, ark, byteplus, runway, kling, fal, replicate, luma, "
         "minimax, vidu, pixverse or sim, not 'opena'. Did you mean 'openai'?\n"},
        {"providers: {o: {kind: openai}}\n",
         "s.yaml:1:13: providers.o.keys: a provider of kind 'openai' needs a key. Write keys: [\"${OPENAI_API_KEY}\"]\n"},
        {"providers: {o: {kind: openai, keys: []}}\n",
         "s.yaml:1:31: providers.o.keys: a provider of kind 'openai' needs a key. Write keys: [\"${OPENAI_API_KEY}\"]\n"},
        {"providers: {a: {kind: bedrock, region: eu-central-1, aws: {access_key_id: '${KEY}', secret_access_key: '${KEY}'}}}\n",
         ""},
        {"providers: {a: {kind: bedrock, region: eu-central-1, aws: {access_key_id: '${KEY}'}}}\n",
         "s.yaml:1:54: providers.a.aws.secret_access_key: half of a pair signs nothing. Set it, too\n"},
        {"providers: {a: {kind: bedrock, region: eu-central-1, keys: '${KEY}', aws: {access_key_id: '${KEY}', "
         "secret_access_key: '${KEY}'}}}\n",
         "s.yaml:1:60: providers.a.keys: an API key, and a pair under aws. Remove one of them\n"},
        {"providers: {a: {kind: bedrock, base_url: 'https://h.example', aws: {access_key_id: '${KEY}', "
         "secret_access_key: '${KEY}'}}}\n",
         "s.yaml:1:13: providers.a.region: signatures are made for a region. Set it to the AWS region, as in "
         "eu-central-1\n"},
        {"providers: {o: {kind: openai-compatible}}\n",
         "s.yaml:1:13: providers.o.base_url: the address is missing. Write where its API begins, as in "
         "http://10.0.0.5:8000/v1\n"},
        {"providers: {o: {kind: openai-compatible, base_url: nope}}\n",
         "s.yaml:1:52: providers.o.base_url: not an address that begins with https:// or http://\n"},
        {"providers: {o: {kind: openai, keys: '${KEY}', entra: {client_id: x}}}\n",
         "s.yaml:1:66: providers.o.entra.client_id: only kind azure logs in at Entra ID. Remove it\n"},
        {"providers: {a: {kind: azure, base_url: 'https://x/openai/v1', entra: {tenant: t, client_id: x}}}\n",
         "s.yaml:1:63: providers.a.entra.client_secret: the application's secret is missing. Write \"${AZURE_CLIENT_SECRET}\"\n"},
        {"providers: {a: {kind: azure, base_url: 'https://x/openai/v1', keys: '${KEY}', entra: {tenant: t, client_id: x, "
         "client_secret: '${KEY}'}}}\n",
         "s.yaml:1:69: providers.a.keys: an API key, and an application under entra. Keep one of the two\n"},
        {"providers: {v: {kind: vertex, region: global}}\n",
         "s.yaml:1:13: providers.v.credentials: a provider of kind 'vertex' needs credentials. Write credentials: file:PATH, of a "
         "service account, or keys: with an API key\n"},
        {"providers: {v: {kind: vertex, region: NO, credentials: metadata, project: p}}\n",
         "s.yaml:1:13: providers.v.base_url: the address is missing. Set region to the location, as in europe-west4 or "
         "global\n"},
        {"providers: {v: {kind: vertex, credentials: metadata, project: p}}\n",
         "s.yaml:1:13: providers.v.region: the location is missing. Set region to the location, as in europe-west4 or global\n"},
        {"providers: {v: {kind: vertex, credentials: metadata, project: p, region: eu}}\n", ""},
        {"providers: {o/p: {kind: sim}}\n",
         "s.yaml:1:13: providers.o/p: the name of this provider holds other characters than letters, digits, '.', '_' and "
         "'-'\n"},
        {"providers: {o: {kind: openai-compatible, base_url: 'http://h.example/v1'}}\n",
         "s.yaml:1:52: warning: providers.o.base_url: keys and prompts go over the network unencrypted. Use https:// where the "
         "server has it\n"},
        {"providers: {o: {kind: openai-compatible, base_url: 'http://vllm:8000/v1'}}\n", ""},
        {"providers: {o: {kind: openai-compatible, base_url: 'http://10.0.0.5:8000'}}\n",
         "s.yaml:1:52: warning: providers.o.base_url: the address has no path. Most servers want /v1 at the end\n"},
        {"providers: {o: {kind: azure, keys: '${KEY}', base_url: 'https://x.openai.azure.com'}}\n",
         "s.yaml:1:56: warning: providers.o.base_url: the address has no path. Azure's end with /openai/v1, or with /openai "
         "where api_version is set\n"},
        {"providers: {o: {kind: openai-compatible, base_url: 'http://h/v1/chat/completions/'}}\n",
         "s.yaml:1:52: warning: providers.o.base_url: the address ends with that of an operation, /chat/completions. Write "
         "where the API begins: the path of what is called is put behind it\n"},
        {"providers: {o: {kind: openai, keys: 'bearer ${KEY}'}}\n",
         "s.yaml:1:37: providers.o.keys[0]: the key begins with 'Bearer '. Write what stands behind it: the header is made "
         "from the key\n"},
        {"providers: {o: {kind: openai, keys: $OPENAI_KEY_2}}\n",
         "s.yaml:1:37: warning: providers.o.keys[0]: a '$' without braces names no variable: it is taken for the secret "
         "itself. Write \"${NAME}\"\n"},
        {"providers: {o: {kind: openai-compatible, base_url: 'http://10.0.0.5/v1', allow_private: no}}\n",
         "s.yaml:1:52: providers.o.base_url: the address is a private one, and allow_private is 'no'. Remove allow_private, or "
         "name a public address\n"},
        {"providers: {o: {kind: openai-compatible, base_url: 'http://h/v1', tls: {ca: x}}}\n",
         "s.yaml:1:77: warning: providers.o.tls.ca: has no meaning: the address is not https://\n"},
        {"providers: {o: {kind: sim, proxy: 'https://p:1'}}\n",
         "s.yaml:1:35: providers.o.proxy.url: TLS to the proxy itself is not spoken. Write http://HOST:PORT; what goes through "
         "it is encrypted all the same\n"},
        {"providers: {o: {kind: sim, proxy: {password: '${KEY}'}}}\n",
         "s.yaml:1:46: providers.o.proxy.password: a password without a user. Set user too\n"
         "s.yaml:1:46: providers.o.proxy.password: there is no proxy. Set url too\n"},
        {"providers: {o: {kind: sim, headers: {Host: '${KEY}'}}}\n",
         "s.yaml:1:38: providers.o.headers.Host: the name of this header is not set here: the connection writes it itself\n"},
        {"providers: {o: {kind: sim, headers: {Authorization: '${KEY}'}}}\n",
         "s.yaml:1:38: providers.o.headers.Authorization: the name of this header is not set here: credentials belong in "
         "keys\n"},
        {"providers: {o: {kind: sim, headers: {'a b': '${KEY}'}}}\n",
         "s.yaml:1:38: providers.o.headers.a b: the name of this header is not a header's name\n"},
        {"providers: {o: {kind: sim, headers: {X-A: '${KEY}', x-a: '${KEY}'}}}\n",
         "s.yaml:1:58: providers.o.headers.x-a.value: the same header stands here twice. Keep one of them\n"},
        {"providers: {o: {kind: sim, pass_headers: [x-ok, x-ok-*, cookie]}}\n",
         "s.yaml:1:57: providers.o.pass_headers[2]: this header of the client's never goes on to a provider\n"},
        {"providers: {a: {kind: sim, open_models: true}, b: {kind: sim, open_models: true}}\n",
         "s.yaml:1:76: warning: providers.b.open_models: has no effect: 'a' above gets these names already\n"},
        {"providers: {a: {kind: sim, direct: false}}\n",
         "s.yaml:1:1: warning: models: there is no model that clients could ask for. Add one, or let a provider be asked "
         "directly\n"},
        {SIM "models: {m: ss/x}\n",
         "s.yaml:2:13: models.m.targets[0].to: there is no provider 'ss'. Did you mean 's/x'?\n"},
        {SIM "models: {m: somebody/x}\n",
         "s.yaml:2:13: models.m.targets[0].to: there is no provider 'somebody'. Add it under providers\n"},
        {SIM "models: {m: '${KEY}/x'}\n",
         "s.yaml:2:13: models.m.targets[0].to: there is no such provider. Add it under providers\n"},
        {SIM "models: {m: [s/x, {to: x}]}\n",
         "s.yaml:2:24: models.m.targets[1].to: not a target. Write provider/model, as in openai/gpt-4o\n"},
        {SIM "models: {m: [s/x, s/x]}\n",
         "s.yaml:2:19: warning: models.m.targets[1].to: the same target stands above already. Keep the first\n"},
        {SIM "models: {m: []}\n",
         "s.yaml:2:10: models.m.targets: there is no target. Write at least one, as in [openai/gpt-4o]\n"},
        {SIM "models: {m: {aliases: [a]}}\n", "s.yaml:2:10: models.m: there is no target. Write targets, or a route\n"},
        {SIM "models: {'a b': s/x}\n", "s.yaml:2:10: models.a b: the name of this model holds a blank\n"},
        {SIM "models: {m: {targets: s/x, aliases: [n, a, a]}, n: s/y, o: {targets: s/z, aliases: a}}\n",
         "s.yaml:2:38: models.m.aliases[0]: this name already leads to the model 'n'. A name can lead to one model only\n"
         "s.yaml:2:44: models.m.aliases[2]: this name stands here already. Remove it\n"
         "s.yaml:2:84: models.o.aliases[0]: this name already leads to the model 'm'. A name can lead to one model only\n"},
        {SIM "admin: {address: '0.0.0.0:1'}\n",
         "s.yaml:2:18: admin.address: operators could connect from other machines without a token. Set admin.token, or listen "
         "on 127.0.0.1\n"},
        {SIM "admin: {address: '0.0.0.0:1', token: '${KEY}'}\n", ""},
        {SIM "admin: {token: 'file:none'}\n",
         "s.yaml:2:16: admin.token: cannot read 'none': No such file or directory\n"},
        {SIM "admin: {address: '127.0.0.1:8080'}\n",
         "s.yaml:2:18: admin.address: clients connect at this address (listen.address). Choose another port\n"},
        {SIM "listen: {address: ['127.0.0.1:1', '[::1]:1', 'localhost:1']}\n",
         "s.yaml:2:46: listen.address[2]: the same address stands above already. Remove it\n"},
        {SIM "listen: {address: []}\n",
         "s.yaml:2:10: listen.address: there is no address. Write at least one, as in 127.0.0.1:8080\n"},
        {SIM "listen: {address: ['127.0.0.1:0', '127.0.0.1:0']}\n", ""},
        {SIM "listen: {tls: {cert: c}}\n",
         "s.yaml:2:22: listen.tls.cert: a certificate without its key. Set key too\n"},
        {SIM "listen: {tls: {key: k}}\n", "s.yaml:2:21: listen.tls.key: a key without its certificate. Set cert too\n"},
        {SIM "listen: {tls: {cert: c, key: k, client_certificate: required}}\n",
         "s.yaml:2:53: listen.tls.client_certificate: there is nothing to verify client certificates against. Set client_ca\n"},
        {SIM "listen: {tls: {cert: c, key: k, client_ca: a}}\n",
         "s.yaml:2:44: warning: listen.tls.client_ca: has no effect: client certificates are not asked for. Set "
         "client_certificate: required\n"},
        {SIM "listen: {limits: {head_bytes: 8KiB}}\n",
         "s.yaml:2:10: listen.limits.target_bytes: larger than head_bytes, which it is part of. Lower it, or raise head_bytes\n"},
        {SIM "resilience: {retry: {backoff: {base: 10s}}}\n",
         "s.yaml:2:38: resilience.retry.backoff.base: larger than cap. Lower it, or raise cap\n"},
        {SIM "resilience: {deadline: {first_byte: 20m}}\n",
         "s.yaml:2:37: warning: resilience.deadline.first_byte: has no effect: resilience.deadline.total is shorter\n"},
        {SIM "resilience: {deadline: {total: off}}\n", ""},
        {SIM "tenants: {a: {budget: {per: day}}}\n", "s.yaml:2:15: tenants.a.budget: 'usd' is missing\n"},
        {SIM "tenants: {a: {budget: {usd: 0}}, b: {}}\n", ""},
        {SIM
         "models: {m: s/x}\nroutes: {r: [use: [s/x]]}\nlimits: {priority: {high: ['model:m', 'route:r', 'key:a'], low: ['tenant:t', 'model:s/y']}}\n",
         ""},
        {SIM "models: {m: s/x}\nlimits: {priority: {high: ['model:n', 'key:a', 'key:a'], low: ['route:q', 'key:a']}}\n",
         "s.yaml:3:28: warning: limits.priority.high[0]: has no effect: there is no model 'n'\n"
         "s.yaml:3:48: warning: limits.priority.high[2]: stands above already. Remove it\n"
         "s.yaml:3:64: warning: limits.priority.low[0]: has no effect: there is no route 'q'\n"
         "s.yaml:3:75: warning: limits.priority.low[1]: has no effect: it stands under high, too. Keep one\n"},
        {SIM "resilience: {probe: models}\n", ""},
        {"providers: {o: {kind: openai, keys: ['${KEY}', '${KEY}'], key_accounts: [a, a]}}\nmodels: {m: o/x}\n", ""},
        {"providers: {o: {kind: openai, keys: ['${KEY}', '${KEY}'], key_accounts: [a]}}\nmodels: {m: o/x}\n",
         "s.yaml:1:59: providers.o.key_accounts: names 1 accounts, and there are 2 keys. Write a name for each key, in their order\n"},
        {SIM "resilience: {probe: {ask: completion, providers: [s]}, concurrency: [s], hedge: true}\n", ""},
        {SIM "resilience: {probe: {ask: models, providers: [t]}, concurrency: [u]}\n",
         "s.yaml:2:47: resilience.probe.providers[0]: there is no provider 't'. Write names of providers\n"
         "s.yaml:2:66: resilience.concurrency[0]: there is no provider 'u'. Write names of providers\n"},
        {SIM "resilience: {probe: {interval: 5s}}\n",
         "s.yaml:2:32: warning: resilience.probe.interval: has no effect: nothing is asked. Set resilience.probe.ask\n"},
        {SIM "resilience: {breaker: false, probe: models, concurrency: [s], hedge: true, slow: stays}\n",
         "s.yaml:2:37: warning: resilience.probe.ask: has no effect: resilience.breaker is false\n"
         "s.yaml:2:45: warning: resilience.concurrency: has no effect: resilience.breaker is false\n"
         "s.yaml:2:70: warning: resilience.hedge.enabled: has no effect: resilience.breaker is false\n"
         "s.yaml:2:82: warning: resilience.slow: has no effect: resilience.breaker is false\n"},
        {SIM "listen: {address: ['127.0.0.1:1', 'x']}\nmodels: {m: t/x}\n",
         "s.yaml:2:35: listen.address[1]: the port is missing, as in 127.0.0.1:8080\n"
         "s.yaml:3:13: models.m.targets[0].to: there is no provider 't'. Did you mean 's/x'?\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        expect(ROWS[i][0], ROWS[i][1]);
}

static const char FULL[] =
    "listen: {address: '127.0.0.1:1', tls: {cert: a.pem, key: /b.pem}}\n"
    "providers:\n"
    "  openai: {kind: openai, keys: ['${KEY}'], proxy: off, headers: {X-A: '${KEY}'}}\n"
    "  llama: {kind: openai-compatible, base_url: 'http://10.0.0.5:8000/v1', open_models: true}\n"
    "models:\n"
    "  gpt-4o: [openai/gpt-4o, {to: llama/meta/llama-3}]\n"
    "  m: {targets: openai/x, aliases: [fast, cheap]}\n";

static void resolved(void **state)
{
    struct cfg_report report;
    struct settings *s = read_text(FULL, &report);
    (void)state;
    assert_non_null(s);
    assert_int_equal(report.n, 0);
    assert_true(sl_str_eq(s->listen.tls.cert, SL_STR("/conf/a.pem")));
    assert_true(sl_str_eq(s->listen.tls.key, SL_STR("/b.pem")));
    const struct provider_settings *openai = settings_provider(s, SL_STR("openai")), *llama = &s->providers.v[1];
    assert_ptr_equal(openai, &s->providers.v[0]);
    assert_true(sl_str_eq(openai->base_url.authority, SL_STR("api.openai.com")));
    assert_true(sl_str_eq(openai->base_url.path, SL_STR("/v1")));
    assert_true(openai->no_proxy);
    assert_false(llama->no_proxy);
    assert_int_equal(openai->allow_private, PROVIDER_PRIVATE_NO);
    assert_int_equal(llama->allow_private, PROVIDER_PRIVATE_YES);
    assert_true(sl_str_eq(openai->headers.v[0].name, SL_STR("x-a")));
    assert_string_equal(provider_kind_name(llama->kind), "openai-compatible");
    const struct model_settings *m = settings_model(s, SL_STR("gpt-4o"));
    assert_int_equal(m->targets.n, 2);
    assert_ptr_equal(m->targets.v[1].provider, llama);
    assert_true(sl_str_eq(m->targets.v[1].model, SL_STR("meta/llama-3")));
    assert_ptr_equal(settings_model(s, SL_STR("cheap")), &s->models.v[1]);
    assert_null(settings_model(s, SL_STR("dear")));
    assert_null(settings_provider(s, SL_STR("dear")));
    assert_false(s->is_simulated);
    assert_int_equal(strlen(s->revision), 12);
    settings_free(s);
    cfg_report_done(&report);
}

/* The defaults that the issue promises. */
static void promised_defaults(void **state)
{
    struct cfg_report report;
    struct settings *s = read_text(SIM, &report);
    (void)state;
    assert_non_null(s);
    assert_int_equal(s->listen.tls.min_version, LISTEN_TLS_1_3);
    assert_int_equal(s->listen.limits.body_bytes, 64 << 20);
    assert_int_equal(s->listen.limits.decoded_body_bytes, 64 << 20);
    assert_int_equal(s->listen.limits.streams, 100);
    assert_true(s->listen.http2);
    assert_true(sl_addr_is_loopback(&s->listen.addresses.v[0].addr));
    assert_true(sl_addr_is_loopback(&s->admin.address.addr));
    assert_int_equal(s->resilience.deadline.connect_ns, SL_SEC);
    assert_int_equal(s->resilience.deadline.total_ns, 600 * SL_SEC);
    assert_true(s->resilience.deadline.answer_ns > s->resilience.deadline.first_byte_ns);
    assert_int_equal(s->resilience.retry.attempts, 3);
    assert_int_equal(s->ledger.open, LEDGER_KEPT);
    assert_int_equal(s->ledger.on_full, LEDGER_REFUSE);
    assert_int_equal(s->log.access.path.n, 0);
    assert_true(s->is_simulated);
    settings_free(s);
    cfg_report_done(&report);
}

static struct settings *from(const char *const *env, struct cfg_report *report)
{
    cfg_report_init(report);
    return settings_from_environment(env_of, (void *)env, report);
}

static void environment_of_aws(void **state)
{
    static const char *const PAIR[] = {
        "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "s-1", "AWS_SESSION_TOKEN", "t-1", "AWS_REGION",
        "eu-west-3",         NULL};
    static const char *const KEY[] = {"AWS_BEARER_TOKEN_BEDROCK",
                                      "b-1",
                                      "AWS_ACCESS_KEY_ID",
                                      "AKIDEXAMPLE",
                                      "AWS_SECRET_ACCESS_KEY",
                                      "s-1",
                                      "AWS_DEFAULT_REGION",
                                      "us-east-1",
                                      "OPENAI_API_KEY",
                                      "o-1",
                                      "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
                                      "http://127.0.0.1:5",
                                      NULL};
    static const char *const NOWHERE[] = {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "s-1", NULL};
    struct cfg_report report;
    (void)state;
    struct settings *s = from(PAIR, &report);
    assert_int_equal(report.n, 0);
    const struct provider_settings *p = &s->providers.v[0];
    assert_int_equal(p->kind, PROVIDER_BEDROCK);
    assert_true(p->open_models);
    assert_true(sl_str_eq(p->base_url.host, SL_STR("bedrock-runtime.eu-west-3.amazonaws.com")));
    assert_true(sl_str_eq(sl_secret_expose(&p->aws.access_key_id), SL_STR("AKIDEXAMPLE")));
    assert_true(sl_str_eq(sl_secret_expose(&p->aws.secret_access_key), SL_STR("s-1")));
    assert_true(sl_str_eq(sl_secret_expose(&p->aws.session_token), SL_STR("t-1")));
    settings_free(s);
    cfg_report_done(&report);

    s = from(KEY, &report); /* the key before the pair; behind another provider only asked for by name */
    assert_int_equal(report.n, 0);
    assert_int_equal(s->providers.n, 2);
    p = &s->providers.v[1];
    assert_true(sl_str_eq(sl_secret_expose(&p->keys.v[0]), SL_STR("b-1")));
    assert_int_equal(p->aws.access_key_id.n, 0);
    assert_int_equal(p->base_url.port, 5);
    assert_false(p->open_models);
    settings_free(s);
    cfg_report_done(&report);

    s = from(NOWHERE, &report);
    assert_true(s->is_simulated);
    settings_free(s);
    cfg_report_done(&report);
}

static void environment_alone(void **state)
{
    static const char *const NONE[] = {NULL};
    static const char *const OPENAI[] = {"OPENAI_API_KEY",
                                         "k-1234567",
                                         "SLUICE_LISTEN",
                                         "127.0.0.1:9, [::1]:9",
                                         "SLUICE_ADMIN_LISTEN",
                                         "off",
                                         "SLUICE_STATE_DIR",
                                         "st",
                                         NULL};
    static const char *const BASE[] = {
        "OPENAI_API_KEY", "k", "OPENAI_BASE_URL", "http://127.0.0.1:5/v1/", "OPENAI_ORG_ID", "o", NULL};
    static const char *const LOCAL[] = {"OPENAI_BASE_URL", "http://127.0.0.1:5/v1", NULL};
    static const char *const PRESET[] = {"ARK_API_KEY", "canary", "OPENAI_API_KEY", "", NULL};
    static const char *const WRONG[] = {
        "OPENAI_API_KEY", "canary\n-two", "OPENAI_BASE_URL", "canary", "SLUICE_LISTEN", "x", NULL};
    struct cfg_report report;
    struct sl_buf b;
    (void)state;
    struct settings *s = from(NONE, &report);
    assert_int_equal(report.n, 0);
    assert_true(s->is_simulated);
    assert_true(s->providers.v[0].open_models);
    assert_non_null(settings_model(s, SL_STR("sim-chat")));
    assert_string_equal(s->source, "environment");
    settings_free(s);
    cfg_report_done(&report);

    s = from(OPENAI, &report);
    assert_int_equal(report.n, 0);
    assert_true(sl_str_eq(s->providers.v[0].base_url.host, SL_STR("api.openai.com")));
    assert_true(sl_str_eq(sl_secret_expose(&s->providers.v[0].keys.v[0]), SL_STR("k-1234567")));
    assert_int_equal(s->providers.v[0].organization.n, 0);
    assert_int_equal(s->listen.addresses.n, 2);
    assert_int_equal(sl_addr_port(&s->listen.addresses.v[1].addr), 9);
    assert_int_equal(s->admin.address.text.n, 0);
    assert_true(sl_str_eq(s->state.directory, SL_STR("st")));
    assert_false(s->is_simulated);
    settings_free(s);
    cfg_report_done(&report);

    s = from(BASE, &report);
    assert_int_equal(report.n, 0);
    assert_int_equal(s->providers.v[0].base_url.port, 5);
    assert_int_equal(s->providers.v[0].allow_private, PROVIDER_PRIVATE_YES);
    assert_true(sl_str_eq(s->providers.v[0].organization, SL_STR("o")));
    settings_free(s);
    cfg_report_done(&report);

    s = from(LOCAL, &report);
    assert_int_equal(s->providers.v[0].kind, PROVIDER_OPENAI_COMPATIBLE);
    assert_int_equal(s->providers.v[0].keys.n, 0);
    settings_free(s);
    cfg_report_done(&report);

    static const char *const SEVERAL[] = {
        "ANTHROPIC_API_KEY", "a-1", "GOOGLE_API_KEY", "g-1", "OPENAI_API_KEY", "o-1", NULL};
    s = from(SEVERAL, &report);
    assert_int_equal(report.n, 0);
    assert_int_equal(s->providers.n, 3);
    assert_int_equal(s->providers.v[1].kind, PROVIDER_ANTHROPIC);
    assert_true(sl_str_eq(s->providers.v[1].base_url.host, SL_STR("api.anthropic.com")));
    assert_int_equal(s->providers.v[2].kind, PROVIDER_GEMINI);
    settings_free(s);
    cfg_report_done(&report);

    s = from(PRESET, &report);
    assert_false(s->is_simulated);
    assert_int_equal(report.n, 0);
    assert_int_equal(s->providers.n, 1);
    assert_int_equal(s->providers.v[0].kind, PROVIDER_ARK);
    assert_true(s->providers.v[0].open_models);
    settings_free(s);
    cfg_report_done(&report);

    assert_null(from(WRONG, &report));
    assert_int_equal(report.n_errors, 3);
    assert_null(strstr(report_lines(&report, &b), "canary"));
    sl_buf_done(&b);
    cfg_report_done(&report);
}

static void on_change(void *arg, struct sl_str path, uint32_t flags)
{
    (void)flags;
    sl_buf_addf(arg, SL_STR_FMT "\n", SL_STR_ARG(path));
}

static void reload(void **state)
{
    static const char CHANGED[] =
        "listen: {address: '127.0.0.1:2', tls: {cert: a.pem, key: /b.pem}}\n"
        "providers:\n"
        "  openai: {kind: openai, keys: ['${KEY}', '${KEY}'], proxy: off, headers: {X-A: '${KEY}'}}\n"
        "  llama: {kind: openai-compatible, base_url: 'http://10.0.0.5:8000/v1', open_models: true}\n"
        "models:\n"
        "  gpt-4o: [openai/gpt-4o, {to: llama/meta/llama-3}]\n"
        "  m: {targets: openai/x, aliases: [fast, cheap]}\n";
    struct cfg_report r1, r2, r3;
    struct sl_buf b;
    struct settings *one = read_text(FULL, &r1), *same = read_text(FULL, &r2), *other = read_text(CHANGED, &r3);
    (void)state;
    sl_buf_init(&b, 1000);
    assert_int_equal(settings_compare(one, same, on_change, &b), 0);
    assert_int_equal(b.n, 0);
    assert_string_equal(one->revision, same->revision);
    assert_int_equal(settings_compare(one, other, on_change, &b), 1); /* the address needs a restart, the keys do not */
    sl_buf_addc(&b, 0);
    assert_string_equal(b.p, "listen.address\nproviders.openai.keys\n");
    assert_string_not_equal(one->revision, other->revision);
    sl_buf_done(&b);
    settings_free(one);
    settings_free(same);
    settings_free(other);
    cfg_report_done(&r1);
    cfg_report_done(&r2);
    cfg_report_done(&r3);
}

static void from_files(void **state)
{
    char folder[] = "/tmp/sluice-settings-XXXXXX", path[100];
    struct cfg_report report;
    struct sl_buf b;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sluice.yaml", folder);
    cfg_report_init(&report);
    assert_null(settings_read(path, &report));
    assert_non_null(strstr(report_lines(&report, &b), "cannot open"));
    sl_buf_done(&b);
    cfg_report_done(&report);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(SIM "state: st\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    cfg_report_init(&report);
    struct settings *s = settings_read(path, &report);
    assert_non_null(s);
    assert_true(sl_str_starts(s->state.directory, sl_str_c(folder)));
    assert_string_equal(s->source, path);
    settings_free(s);
    cfg_report_done(&report);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Every row has a sentence and sane bounds; every default is taken by the row's own check (reading SIM would stop else). */
static void check_row(const struct cfg_section *sec)
{
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        assert_non_null(row->text);
        size_t n = strlen(row->text);
        assert_true(n > 4 && row->text[n - 1] == '.');
        assert_true(row->min <= row->max || row->max == 0);
        for (const char *p = row->name; *p != 0; p++)
            assert_true((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_');
        if (row->type == CFG_MAP || (row->type == CFG_LIST && row->item == CFG_SECTION))
            assert_true(row->max > 0); /* every table has a cap */
        if (row->section != NULL)
            check_row(row->section);
    }
}

static void tables(void **state)
{
    struct sl_buf b;
    (void)state;
    check_row(&settings_root);
    sl_buf_init(&b, 1 << 20);
    cfg_schema_json(&settings_root, &b);
    yyjson_doc *doc = yyjson_read(b.p, b.n, 0);
    assert_non_null(doc);
    yyjson_doc_free(doc);
    sl_buf_done(&b);
}

/* The command line --------------------------------------------------------------------------------------------------- */

struct parsed {
    bool flag;
    const char *text;
    uint64_t number, size;
    int64_t time;
    struct option_many many;
    enum options_result result;
    unsigned n_operands;
};

static struct parsed parse(int argc, const char **argv)
{
    struct parsed p = {.number = 5};
    const struct option options[] = {{"flag", 'f', OPTION_FLAG, &p.flag, NULL, "a flag"},
                                     {"text", 't', OPTION_TEXT, &p.text, "TEXT", "a text"},
                                     {"number", 'n', OPTION_NUMBER, &p.number, "N", "a number"},
                                     {"size", 0, OPTION_SIZE, &p.size, "SIZE", "a size"},
                                     {"time", 0, OPTION_DURATION, &p.time, "TIME", "a time"},
                                     {"many", 'm', OPTION_MANY, &p.many, "X", "several"},
                                     {0}};
    struct command_line c = {
        .name = "test", .operands = "[X]", .summary = "Tests.", .options = options, .max_operands = 2};
    p.result = options_read(&c, argc, (char **)argv);
    p.n_operands = c.n_operands;
    return p;
}

#define PARSE(...)                                                                                                     \
    parse((int)(sizeof((const char *[]){"test", __VA_ARGS__}) / sizeof(char *)), (const char *[]){"test", __VA_ARGS__})

static void options(void **state)
{
    static const char *const BAD[][2] = {{"--flg", NULL},      {"--text", NULL},   {"-t", NULL},
                                         {"--number=x", NULL}, {"--number", "-1"}, {"--size=1k", NULL},
                                         {"--time=5", NULL},   {"--flag=x", NULL}, {"--no-text", NULL},
                                         {"-x", NULL},         {"-fx", NULL}};
    (void)state;
    struct parsed p =
        PARSE("-f", "--text", "a", "--number=7", "x", "--size", "1KiB", "--time=90s", "-m1", "-m", "2", "y");
    assert_int_equal(p.result, OPTIONS_GO);
    assert_true(p.flag);
    assert_string_equal(p.text, "a");
    assert_int_equal(p.number, 7);
    assert_int_equal(p.size, 1024);
    assert_int_equal(p.time, 90 * SL_SEC);
    assert_int_equal(p.many.n, 2);
    assert_string_equal(p.many.v[1], "2");
    assert_int_equal(p.n_operands, 2);
    p = PARSE("--flag", "--no-flag", "--text=", "--", "--flag");
    assert_int_equal(p.result, OPTIONS_GO);
    assert_false(p.flag);
    assert_string_equal(p.text, "");
    assert_int_equal(p.number, 5);
    assert_int_equal(p.n_operands, 1);
    p = PARSE("-ft", "a", "-");
    assert_int_equal(p.result, OPTIONS_GO);
    assert_string_equal(p.text, "a");
    assert_int_equal(p.n_operands, 1);
    assert_int_equal(PARSE("--help").result, OPTIONS_HELP);
    assert_int_equal(PARSE("a", "b", "c").result, OPTIONS_BAD);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        const char *argv[] = {"test", BAD[i][0], BAD[i][1], NULL};
        assert_int_equal(parse(BAD[i][1] != NULL ? 3 : 2, argv).result, OPTIONS_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings),          cmocka_unit_test(resolved),
        cmocka_unit_test(promised_defaults), cmocka_unit_test(environment_of_aws),
        cmocka_unit_test(environment_alone), cmocka_unit_test(reload),
        cmocka_unit_test(from_files),        cmocka_unit_test(tables),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
