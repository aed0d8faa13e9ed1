/* What a wish is called in the client's own format, for notes and refusals: somebody who wrote "maxOutputTokens" must not be told
 * about "max_tokens". Sources: openai.md 6.2 and 7.2, anthropic.md 2, gemini.md 3, November 2026. */
#ifndef SLUICE_DIALECT_TERMS_H
#define SLUICE_DIALECT_TERMS_H

#include "base/arena.h"
#include "dialect/neutral.h"

/* X(id, chat completions, Responses, Messages, Gemini) */
#define TERMS(X)                                                                                                       \
    X(MESSAGES, "messages", "input", "messages", "contents")                                                           \
    X(PARTS, "content", "content", "content", "parts")                                                                 \
    X(INNER_PARTS, "content", "output", "content", "functionResponse.parts")                                           \
    X(INNER_TOOLS, "tools", "tools", "tools", "functionDeclarations")                                                  \
    X(SYSTEM, "messages", "instructions", "system", "systemInstruction")                                               \
    X(IMAGE_URL, "image_url", "image_url", "source.url", "fileData.fileUri")                                           \
    X(AUDIO_URL, "input_audio", "input_audio", "source.url", "fileData.fileUri")                                       \
    X(VIDEO_URL, "video_url", "video_url", "source.url", "fileData.fileUri")                                           \
    X(FILE_URL, "file", "file_url", "source.url", "fileData.fileUri")                                                  \
    X(TOOLS, "tools", "tools", "tools", "tools")                                                                       \
    X(TOOL_CHOICE, "tool_choice", "tool_choice", "tool_choice", "toolConfig")                                          \
    X(PARALLEL, "parallel_tool_calls", "parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "toolConfig")   \
    X(MAX_OUTPUT, "max_completion_tokens", "max_output_tokens", "max_tokens", "generationConfig.maxOutputTokens")      \
    X(TEMPERATURE, "temperature", "temperature", "temperature", "generationConfig.temperature")                        \
    X(TOP_P, "top_p", "top_p", "top_p", "generationConfig.topP")                                                       \
    X(TOP_K, "top_k", "top_k", "top_k", "generationConfig.topK")                                                       \
    X(SEED, "seed", "seed", "seed", "generationConfig.seed")                                                           \
    X(PRESENCE, "presence_penalty", "presence_penalty", "presence_penalty", "generationConfig.presencePenalty")        \
    X(FREQUENCY, "frequency_penalty", "frequency_penalty", "frequency_penalty", "generationConfig.frequencyPenalty")   \
    X(N, "n", "n", "n", "generationConfig.candidateCount")                                                             \
    X(STOP, "stop", "stop", "stop_sequences", "generationConfig.stopSequences")                                        \
    X(LOGPROBS, "logprobs", "top_logprobs", "logprobs", "generationConfig.responseLogprobs")                           \
    X(LOGIT_BIAS, "logit_bias", "logit_bias", "logit_bias", "logit_bias")                                              \
    X(FORMAT, "response_format", "text.format", "output_config.format", "generationConfig.responseSchema")             \
    X(REASONING, "reasoning_effort", "reasoning", "thinking", "generationConfig.thinkingConfig")                       \
    X(VERBOSITY, "verbosity", "text.verbosity", "verbosity", "verbosity")                                              \
    X(USER, "safety_identifier", "safety_identifier", "metadata.user_id", "labels")                                    \
    X(METADATA, "metadata", "metadata", "metadata", "labels")                                                          \
    X(SERVICE_TIER, "service_tier", "service_tier", "service_tier", "serviceTier")                                     \
    X(CACHE_KEY, "prompt_cache_key", "prompt_cache_key", "prompt_cache_key", "cachedContent")                          \
    X(CACHE_MARK, "prompt_cache_breakpoint", "prompt_cache_breakpoint", "cache_control", "cachedContent")              \
    X(STORE, "store", "store", "store", "store")                                                                       \
    X(MODALITIES, "modalities", "modalities", "modalities", "generationConfig.responseModalities")                     \
    X(AUDIO, "audio", "audio", "audio", "generationConfig.speechConfig")                                               \
    X(SAFETY, "safety_settings", "safety_settings", "safety_settings", "safetySettings")                               \
    X(MAX_CALLS, "max_tool_calls", "max_tool_calls", "max_tool_calls", "max_tool_calls")                               \
    X(PREVIOUS, "previous_response_id", "previous_response_id", "previous_response_id", "previous_response_id")        \
    X(CONVERSATION, "conversation", "conversation", "conversation", "conversation")                                    \
    X(BACKGROUND, "background", "background", "background", "background")

enum term {
#define X(id, ...) TERM_##id,
    TERMS(X)
#undef X
    TERM_COUNT
};

struct sl_str term_of(const struct neutral_request *req, enum term what); /* static */
/* "messages[3]", "messages[3].content[1]", "tools[2].functionDeclarations[0]": the place in the client's own request, whatever a
 * reader left out, split or joined. In the arena. */
struct sl_str term_message(const struct neutral_request *req, const struct neutral_message *m, struct sl_arena *a);
struct sl_str term_part(const struct neutral_request *req, const struct neutral_message *m,
                        const struct neutral_part *p, struct sl_arena *a); /* p NULL: the message */
struct sl_str term_media(const struct neutral_request *req,
                         enum neutral_part_kind kind); /* static; the member of a part */
struct sl_str term_tool(const struct neutral_request *req, const struct neutral_tool *tool, struct sl_arena *a);

#endif
