/*
 * llm.h - the brains with a language model behind them: Ollama, and OpenAI-compatible servers.
 */
#pragma once

#include "aid/turn.h"
#include "base/err.h"
#include "svc/conf.h"

extern const struct brain brain_ollama, brain_openai;

/* Before the sandbox closes, whether a model is configured or not. */
int llm_init(struct err *e);
/* At the start and at each reload. *out: the brain that assistant.provider names. */
int llm_configure(const struct conf *c, const struct brain **out, struct err *e);
