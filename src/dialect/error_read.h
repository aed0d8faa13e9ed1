/* What an error answer says, whoever wrote it: one reader for the bodies of all providers, of the servers in front of them
 * and of proxies that wrap one in another. Which error it is, is decided elsewhere (provider/errors.c): this only finds the
 * words. Called by the exchange for an answer with an error status and for one of 200 that has an error in it. Pure.
 *
 *   {"error":{"message","type","param","code"}}        OpenAI and most compatible servers; Anthropic, Google, OpenRouter
 *   {"error":"text"}, {"code":"text","error":"text"}   Ollama, Fireworks; xAI
 *   {"object":"error","message","type","code"}         Mistral, old vLLM, Cerebras
 *   {"message":"text"}, {"__type","message"}           Cohere, gateways at the edge; AWS, with x-amzn-errortype
 *   {"detail":"text"}, {"detail":[{"msg"}]}            FastAPI; {"title","detail","status"} of RFC 9457
 *   {"errors":[{"code","message"}]}                    Cloudflare
 *   [{"error":{...}}]                                  Google, on streams and on its compatible endpoint
 *   {"error":{"message":"{\"error\":{...}}"}}          a proxy's error in an error
 *   <html>, text, nothing                              servers at the edge
 *
 * Sources: openai.md 2, anthropic.md 9, gemini.md 10, bedrock.md 8, openai-compatible.md 6 (November 2026). */
#ifndef SLUICE_DIALECT_ERROR_READ_H
#define SLUICE_DIALECT_ERROR_READ_H

#include "dialect/dialect.h"
#include "http/message.h"

#define ERROR_MESSAGE_MAX 1024u /* bytes of a message: the telling words stand at its beginning */

/* body: any bytes, also cut off; headers: of the answer, or NULL; a: for errors inside of texts. Every view is of the body,
 * of the headers or of the arena. Allocates at most twice the body. */
void error_read(struct sl_str body, const struct http_headers *headers, struct sl_arena *a, struct answer_error *out);

/* The message for people to read: unescaped, at most ERROR_MESSAGE_MAX bytes; empty when it is no proper text. In the arena,
 * or a view of what e is a view of. */
struct sl_str error_message_text(const struct answer_error *e, struct sl_arena *a);

#endif
