/* lorec chat: a conversation that recommends, in the terminal or a pipe. */
#include <stdio.h>
#include <stdlib.h>

#include "base/threads.h"
#include "cli/args.h"
#include "cli/line_reader.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "cli/talk.h"
#include "cli/term.h"

typedef struct chat {
    talk *talk;
    bool json, done;
} chat;

/* ---- /commands ------------------------------------------------------------------------------------------------------------ */

static lorec_err write_out(void *ctx, slice piece)
{
    const chat *c = ctx;
    if (c->json) return LOREC_OK; /* the object has it */
    fwrite(piece.p, 1, piece.n, stdout);
    fflush(stdout);
    return LOREC_OK;
}

static lorec_err tell_json(const chat *c)
{
    json_t *o = talk_json(c->talk);
    char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(o);
    if (!line) return err_set(LOREC_RESOURCE, "out of memory");
    puts(line);
    free(line);
    return fflush(stdout) ? err_errno("standard output") : LOREC_OK;
}

static lorec_err say(chat *c, slice text)
{
    TRY(talk_say(c->talk, text, write_out, c));
    return c->json ? tell_json(c) : LOREC_OK;
}

static lorec_err do_more(chat *c, slice rest, buf *out)
{
    (void)rest, (void)out;
    TRY(talk_more(c->talk, write_out, c));
    return c->json ? tell_json(c) : LOREC_OK;
}

static lorec_err do_why(chat *c, slice rest, buf *out)
{
    uint64_t place = 0;
    if (rest.n && !slice_to_u64(rest, &place))
        return err_set(LOREC_USAGE, "/why wants the number of a title, or nothing");
    return talk_why(c->talk, (size_t)place, out);
}

static lorec_err do_forget(chat *c, slice rest, buf *out)
{
    TRY(talk_forget(c->talk, slice_is(rest, "all") ? (slice){"", 0} : rest));
    return talk_history(c->talk, out);
}

static lorec_err do_history(chat *c, slice rest, buf *out)
{
    (void)rest;
    return talk_history(c->talk, out);
}

static lorec_err do_method(chat *c, slice rest, buf *out)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)(rest.n < 63 ? rest.n : 63), rest.p);
    if (rest.n) TRY(talk_method(c->talk, key));
    return talk_methods(c->talk, out);
}

static lorec_err do_quit(chat *c, slice rest, buf *out)
{
    (void)rest, (void)out;
    c->done = true;
    return LOREC_OK;
}

static lorec_err do_help(chat *c, slice rest, buf *out);
static const struct verb {
    const char *name, *form, *about;
    lorec_err (*run)(chat *c, slice rest, buf *out);
} verbs[] = {
    {"more", "/more", "the next titles", do_more},
    {"why", "/why [N]", "what the list, or its N-th title, goes by", do_why},
    {"history", "/history", "what you named", do_history},
    {"forget", "/forget [TITLE]", "take a title out of it; without one: all", do_forget},
    {"method", "/method [KEY]", "ask another model of the run; without one: which there are", do_method},
    {"help", "/help", "this", do_help},
    {"quit", "/quit", "or Ctrl-D", do_quit},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static lorec_err do_help(chat *c, slice rest, buf *out)
{
    (void)c, (void)rest;
    TRY(buf_puts(out, "Titles that you name become your history; the answer is what may come next.\n"));
    for (size_t i = 0; i < VERBS; i++) TRY(buf_printf(out, "  %-16s %s\n", verbs[i].form, verbs[i].about));
    return LOREC_OK;
}

static lorec_err obey(chat *c, slice line)
{
    slice rest = {line.p + 1, line.n - 1}, name = slice_cut(&rest, ' ');
    const char *names_of[VERBS];
    buf out = {0};
    for (size_t i = 0; i < VERBS; i++) {
        names_of[i] = verbs[i].name;
        if (!slice_is(name, verbs[i].name)) continue;
        lorec_err e = verbs[i].run(c, slice_trim(rest), &out);
        if (!e && out.n) fputs(out.p, stdout);
        buf_free(&out);
        return e;
    }
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)(name.n < 31 ? name.n : 31), name.p);
    const char *near = err_nearest(word, names_of, VERBS);
    return err_set(LOREC_USAGE, "there is no /%s%s%s%s; /help lists what there is", word,
                   near ? "; did you mean /" : "", near ? near : "", near ? "?" : "");
}

/* ---- the conversation ------------------------------------------------------------------------------------------------------ */

/* One turn; at a terminal Ctrl-C stops it, not the program. */
static lorec_err answer(chat *c, slice line, bool typed)
{
    if (typed) signals_catch();
    lorec_err e = *line.p == '/' ? obey(c, line) : say(c, line);
    if (!typed) return e;
    signals_release();
    if (e != LOREC_CANCELLED && cancel_check() == LOREC_OK) return e;
    cancel_clear();
    puts("");
    return err_set(LOREC_CANCELLED, "stopped");
}

/* At a terminal what goes wrong in a turn is said and the talk goes on; in a pipe it ends it. */
static lorec_err converse(chat *c, line_reader *r)
{
    slice line;
    while (!c->done && line_reader_next(r, &line)) {
        if (!line.n) continue;
        lorec_err e = answer(c, line, line_reader_edits(r));
        if (ferror(stdout)) return err_errno("standard output");
        if (e && !line_reader_edits(r)) return e;
        if (e) fprintf(stderr, "%s%s%s\n", term_dim(stderr), lorec_error_message(), term_off(stderr));
    }
    return LOREC_OK;
}

static void hello(const talk_options *o)
{
    printf("%s%s%s%s%s\n", term_bold(stdout), o->run, term_off(stdout), o->llm ? ", in the words of " : "",
           o->llm ? o->llm : "");
    puts("Name titles that you liked; /help says what else there is, Ctrl-D ends.");
}

static lorec_err talk_with(chat *c, const talk_options *o)
{
    line_reader *r = NULL;
    char name[VERBS][16];
    const char *word[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        snprintf(name[i], sizeof name[i], "/%s", verbs[i].name);
        word[i] = name[i];
    }
    lorec_err e = talk_open(&c->talk, o);
    if (!e) e = line_reader_open(&r, "chat", word, VERBS);
    if (!e && line_reader_edits(r)) hello(o);
    if (!e) e = converse(c, r);
    line_reader_close(r);
    talk_close(c->talk);
    return e;
}

static lorec_err run(int argc, char **argv);
const command command_chat = {
    .name = "chat",
    .summary = "a conversation that recommends from a finished run",
    .usage = "lorec chat RUN [--llm MODEL|URL] [--method KEY] [--user ID] [--json]",
    .details =
        "Titles that are named become the history; the answer is what may come next, and why. With --llm a "
        "language model\n"
        "puts it into words; titles that the catalogue does not have are replaced. /more, /why, /forget, "
        "/method, /history,\n"
        "/quit; /help lists them. At a terminal lines are edited and kept for the next time; in a pipe there is "
        "no prompt,\n"
        "and each line of the input is a turn. Ctrl-C leaves a line or stops an answer, Tab completes a /command.",
    .examples = "  lorec chat runs/first\n"
                "  echo \"Toy Story (1995), Jumanji (1995)\" | lorec chat runs/first\n"
                "  lorec chat runs/first --llm models/qwen3\n",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    talk_options o = {.seed = -1};
    chat c = {0};
    int64_t k = 5;
    const arg rows[] = {
        {"llm", 0, ARG_TEXT, &o.llm, "MODEL",
         "a folder or GGUF here, or http://HOST/v1#NAME (LOREC_API_KEY is its key)"},
        {"method", 'm', ARG_TEXT, &o.method, "KEY", "another method of the run"},
        {"seed", 's', ARG_INT, &o.seed, "N", "the model of another seed", 0, 9e15},
        {"user", 'u', ARG_TEXT, &o.user, "ID", "go on from the history of this user of the data"},
        {"k", 'k', ARG_INT, &k, "N", "titles of an answer (default: 5)", 1, 20},
        {"json", 0, ARG_FLAG, &c.json, NULL, "each answer as one JSON object on a line"},
    };
    args a = {.command = &command_chat, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 1, 1, "RUN");
    o.shown = (size_t)k;
    if (!e && !a.done) {
        o.run = a.word[0];
        e = talk_with(&c, &o);
    }
    args_free(&a);
    return e;
}
