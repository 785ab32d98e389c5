/* lorec lm perplexity: how well a model foretells a text. */
#include <stdio.h>

#include "base/mem.h"
#include "cli/lm/commands.h"
#include "cli/lm/session.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "lm/session/score.h"

static lorec_err run_perplexity(int argc, char **argv);
const command command_lm_perplexity = {
    .name = "lm perplexity",
    .summary = "the perplexity of a text",
    .usage = "lorec lm perplexity --model M [--context N] [--stride N] [--json] < TEXT",
    .details =
        "exp of the mean negative log probability of the tokens of stdin, each given those before it in a window of\n"
        "the model's context (or --context tokens). Windows start --stride tokens after each other and count only\n"
        "what the window before did not; the default is one token less than a window, so that every token but the\n"
        "very first is counted once and little is computed twice. A smaller stride gives longer contexts. The text\n"
        "gets the model's BOS at its beginning, once.",
    .examples = "  lorec lm perplexity --model models/tiny < wiki.txt\n",
    .run = run_perplexity,
};

static lorec_err read_all(buf *out)
{
    char piece[1 << 14];
    for (size_t n; (n = fread(piece, 1, sizeof piece, stdin)) > 0;) TRY(buf_add(out, piece, n));
    return ferror(stdin) ? err_errno("stdin") : LOREC_OK;
}

static lorec_err run_perplexity(int argc, char **argv)
{
    lm_words w = {0};
    int64_t context = 0, stride = 0;
    bool json = false;
    const arg rows[] = {
        LM_WORDS(&w),
        {"context", 0, ARG_INT, &context, "N", "tokens of a window; default: the model's", .min = 2, .max = 1 << 24},
        {"stride", 0, ARG_INT, &stride, "N", "from window to window; default: context - 1", .min = 1, .max = 1 << 24},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_lm_perplexity, .rows = rows, .n = sizeof rows / sizeof *rows};
    buf text = {0};
    tokens ids = {0};
    perplexity p;
    lorec_err e = args_parse(&a, argc, argv);
    if (e || a.done) goto done;
    TRY_GO(e, args_need_words(&a, 0, 0, "no words"), done);
    signals_catch();
    TRY_GO(e, read_all(&text), done);
    TRY_GO(e, lm_words_open(&w, false), done);
    if (lm_session_encodes(w.session))
        TRY_GO(e, err_set(LOREC_INPUT, "%s reads a text with an encoder; it has no perplexity", w.model), done);
    TRY_GO(e, lm_text_prompt(w.text, (slice){text.p, text.n}, &ids), done);
    e = lm_perplexity(w.session, ids.id, (int64_t)ids.n, context, stride, &p);
    if (e) e = err_context(e, "the text on stdin");
    if (e) goto done;
    if (json)
        e = print_json_object(json_pack("{s:i, s:f, s:I, s:f}", "schema", 1, "perplexity", p.perplexity, "tokens",
                                        (json_int_t)p.tokens, "log_likelihood", p.log_likelihood));
    else
        printf("perplexity %.4f over %lld tokens\n", p.perplexity, (long long)p.tokens);
done:
    lm_words_close(&w);
    buf_free(&text);
    tokens_free(&ids);
    args_free(&a);
    return e;
}
