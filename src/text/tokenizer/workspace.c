#include "text/tokenizer/parts.h"

enum { KEEP_BYTES = 1 << 22 }; /* a workspace that grew beyond this for one long text is not kept */

void workspace_swap_text(workspace *w)
{
    buf b = w->text;
    w->text = w->other;
    w->other = b;
}

void workspace_swap_words(workspace *w)
{
    spans s = w->words;
    w->words = w->made;
    w->made = s;
}

lorec_err spans_add(spans *s, size_t begin, size_t end)
{
    if (s->n == s->cap) TRY(mem_grow(&s->at, &s->cap, s->n + 1));
    s->at[s->n++] = (span){begin, end};
    return LOREC_OK;
}

static void workspace_free(workspace *w)
{
    buf *bufs[] = {&w->text, &w->other, &w->escaped, &w->held, &w->bytes, &w->piece};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) buf_free(bufs[i]);
    mem_free(w->words.at);
    mem_free(w->made.at);
    regex_scratch_free(w->regex);
    mem_free(w->symbol);
    mem_free(w->heap);
    mem_free(w->node);
    mem_free(w->cache);
    tokens_free(&w->ids);
    mem_free(w);
}

static lorec_err workspace_new(const tokenizer *t, workspace **out)
{
    TRY(mem_new(out, 1));
    lorec_err e = regex_scratch_new(&(*out)->regex);
    if (!e && t->model && t->model->cached) e = mem_new(&(*out)->cache, WORD_CACHE);
    if (e) {
        workspace_free(*out);
        *out = NULL;
    }
    return e;
}

/* Idle workspaces wait in a list, so that a call finds its buffers and its remembered words already there. */
lorec_err workspace_take(const tokenizer *t, workspace **out)
{
    tokenizer *shared = (tokenizer *)t; /* the list is the one thing that changes, under its lock */
    pthread_mutex_lock(&shared->lock);
    *out = shared->idle;
    if (*out) shared->idle = (*out)->next;
    pthread_mutex_unlock(&shared->lock);
    return *out ? LOREC_OK : workspace_new(t, out);
}

void workspace_give(const tokenizer *t, workspace *w)
{
    size_t held = w->text.cap + w->other.cap + w->words.cap * sizeof(span) + w->symbol_cap * sizeof(bpe_symbol) +
                  w->heap_cap * sizeof(bpe_candidate) + w->node_cap * sizeof(lattice_node);
    if (held > KEEP_BYTES) {
        workspace_free(w);
        return;
    }
    tokenizer *shared = (tokenizer *)t;
    pthread_mutex_lock(&shared->lock);
    w->next = shared->idle;
    shared->idle = w;
    pthread_mutex_unlock(&shared->lock);
}

void tokenizer_drop_idle(tokenizer *t)
{
    for (workspace *w = t->idle, *next; w; w = next) {
        next = w->next;
        workspace_free(w);
    }
    t->idle = NULL;
}
