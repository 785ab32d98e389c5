#include "cli/line_reader.h"

#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/term.h"

enum { KEPT = 500 };

struct line_reader {
    EditLine *edit; /* NULL: a pipe */
    History *past;
    buf file;
    char *line; /* of getline */
    size_t cap;
    bool abandoned; /* Ctrl-C */
    const char *const *word;
    size_t n_words; /* what Tab completes */
};

static char *prompt(EditLine *e)
{
    (void)e;
    return (char *)"> ";
}

/* Ctrl-C: the line is not meant; a new one begins. */
static unsigned char abandon(EditLine *e, int key)
{
    line_reader *r;
    (void)key;
    el_get(e, EL_CLIENTDATA, &r);
    r->abandoned = true;
    return CC_NEWLINE;
}

/* Tab: as far as all the words that begin so agree, and a blank behind the only one. */
static unsigned char complete(EditLine *e, int key)
{
    line_reader *r;
    const LineInfo *l = el_line(e);
    const slice typed = {l->buffer, (size_t)(l->lastchar - l->buffer)};
    slice found = {0};
    size_t fits = 0;
    (void)key;
    el_get(e, EL_CLIENTDATA, &r);
    for (size_t i = 0; i < r->n_words; i++) {
        const slice word = slice_of(r->word[i]);
        if (word.n < typed.n || memcmp(word.p, typed.p, typed.n) != 0) continue;
        if (!fits++) found = word;
        for (size_t k = typed.n; k < found.n; k++)
            if (k >= word.n || word.p[k] != found.p[k]) found.n = k;
    }
    if (!typed.n || !fits || l->cursor != l->lastchar) return CC_ERROR;
    char more[80];
    snprintf(more, sizeof more, "%.*s%s", (int)(found.n - typed.n), found.p + typed.n, fits == 1 ? " " : "");
    return *more && el_insertstr(e, more) == 0 ? CC_REFRESH : CC_ERROR;
}

/* Ctrl-Z; libedit sees to the terminal before and after. */
static unsigned char suspend(EditLine *e, int key)
{
    (void)e, (void)key;
    raise(SIGTSTP);
    return CC_REDISPLAY;
}

/* ---- the history's file ---------------------------------------------------------------------------------------------- */

static lorec_err history_file(buf *out, const char *name)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    buf folder = {0};
    lorec_err e = LOREC_OK;
    if (state && *state == '/')
        e = buf_printf(&folder, "%s/lorec", state);
    else if (home && *home)
        e = buf_printf(&folder, "%s/.local/state/lorec", home);
    if (!e && folder.n && !folder_make(folder.p)) e = path_join(out, folder.p, name);
    buf_free(&folder);
    return e;
}

/* Written beside it and put in its place: a stopped program leaves the old one. */
static void keep_history(const line_reader *r)
{
    HistEvent event;
    buf fresh = {0};
    if (!r->file.n || buf_printf(&fresh, "%s.new", r->file.p)) return;
    mode_t before = umask(077);
    if (history(r->past, &event, H_SAVE, fresh.p) >= 0) (void)rename(fresh.p, r->file.p);
    umask(before);
    buf_free(&fresh);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------------- */

/* One for the whole program, of which there is one terminal: el_end forgets the memory of functions that were added. */
static EditLine *editor;

static lorec_err begin_editing(line_reader *r, const char *name)
{
    HistEvent event;
    if (!editor) editor = el_init("lorec", stdin, stdout, stderr);
    r->edit = editor;
    r->past = history_init();
    if (!r->edit || !r->past) return err_set(LOREC_RESOURCE, "no line editing; try `lorec chat ... < FILE`");
    TRY(history_file(&r->file, name));
    history(r->past, &event, H_SETSIZE, KEPT);
    history(r->past, &event, H_SETUNIQUE, 1);
    if (r->file.n) history(r->past, &event, H_LOAD, r->file.p);
    el_set(r->edit, EL_PROMPT, prompt);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_SIGNAL, 1); /* the terminal is as it was when a signal ends the program */
    el_set(r->edit, EL_CLIENTDATA, r);
    el_set(r->edit, EL_ADDFN, "lorec-abandon", "leave this line", abandon);
    el_set(r->edit, EL_SETTY, "-d", "-isig", NULL); /* keys while a line is edited, signals otherwise */
    el_set(r->edit, EL_BIND, "^C", "lorec-abandon", NULL);
    el_set(r->edit, EL_ADDFN, "lorec-complete", "complete a word", complete);
    el_set(r->edit, EL_BIND, "^I", "lorec-complete", NULL);
    el_set(r->edit, EL_ADDFN, "lorec-suspend", "stop the program", suspend);
    el_set(r->edit, EL_BIND, "^Z", "lorec-suspend", NULL);
    el_set(r->edit, EL_HIST, history, r->past);
    el_source(r->edit, NULL); /* the user's ~/.editrc */
    return LOREC_OK;
}

lorec_err line_reader_open(line_reader **out, const char *name, const char *const *word, size_t n_words)
{
    *out = NULL;
    line_reader *r;
    TRY(mem_new(&r, 1));
    r->word = word;
    r->n_words = n_words;
    lorec_err e = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? begin_editing(r, name) : LOREC_OK;
    if (e)
        line_reader_close(r);
    else
        *out = r;
    return e;
}

bool line_reader_edits(const line_reader *r)
{
    return r->edit != NULL;
}

void line_reader_close(line_reader *r)
{
    if (!r) return;
    if (r->edit) el_reset(r->edit);
    if (r->past) history_end(r->past);
    buf_free(&r->file);
    free(r->line);
    mem_free(r);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

static bool next_edited(line_reader *r, slice *line)
{
    HistEvent event;
    int n = 0;
    r->abandoned = false;
    const char *text = el_gets(r->edit, &n);
    if (!text || n <= 0) {
        puts(""); /* what comes next is not behind the prompt */
        return false;
    }
    *line = slice_trim((slice){text, (size_t)n});
    if (r->abandoned) {
        bool ends = !line->n;
        puts("");
        *line = (slice){"", 0};
        return !ends;
    }
    if (!line->n) return true;
    history(r->past, &event, H_ENTER, text);
    keep_history(r);
    return true;
}

bool line_reader_next(line_reader *r, slice *line)
{
    if (r->edit) return next_edited(r, line);
    ssize_t n = getline(&r->line, &r->cap, stdin);
    if (n < 0) return false;
    *line = slice_trim((slice){r->line, (size_t)n});
    return true;
}
