#include "cli/line_reader.h"

#include <histedit.h>
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
};

static char *prompt(EditLine *e)
{
    (void)e;
    return (char *)"> ";
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

static lorec_err begin_editing(line_reader *r, const char *name)
{
    HistEvent event;
    r->edit = el_init("lorec", stdin, stdout, stderr);
    r->past = history_init();
    if (!r->edit || !r->past) return err_set(LOREC_RESOURCE, "no line editing; try `lorec chat ... < FILE`");
    TRY(history_file(&r->file, name));
    history(r->past, &event, H_SETSIZE, KEPT);
    history(r->past, &event, H_SETUNIQUE, 1);
    if (r->file.n) history(r->past, &event, H_LOAD, r->file.p);
    el_set(r->edit, EL_PROMPT, prompt);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_SIGNAL, 1); /* the terminal is as it was when Ctrl-C ends the program */
    el_set(r->edit, EL_HIST, history, r->past);
    el_source(r->edit, NULL); /* the user's ~/.editrc */
    return LOREC_OK;
}

lorec_err line_reader_open(line_reader **out, const char *name)
{
    *out = NULL;
    line_reader *r;
    TRY(mem_new(&r, 1));
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
    if (r->edit) el_end(r->edit);
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
    const char *text = el_gets(r->edit, &n);
    if (!text || n <= 0) return false;
    *line = slice_trim((slice){text, (size_t)n});
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
