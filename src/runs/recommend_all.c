/* Lists for everybody: bounded memory, and resumable: lines go to FILE.part-HASH (the hash is of the question asked), which
 * becomes FILE when all users are in it. A stopped call's part is cut after its last whole user and gone on with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "rec/topk.h"
#include "runs/advisor.h"

enum { BATCH = 512 };

static lorec_err part_path(buf *out, const advisor *a, size_t k, bool keep_seen, const char *path)
{
    buf question = {0};
    lorec_err e = buf_printf(&question, "%s %s %llu %zu %d %s", a->data.sha256, a->r->key, (unsigned long long)a->seed,
                             k, keep_seen, a->run.path);
    if (!e) e = buf_printf(out, "%s.part-%016llx", path, (unsigned long long)XXH3_64bits(question.p, question.n));
    buf_free(&question);
    return e;
}

/* Finds the first user still to do and the byte after the last whole one: the last user in the part may be torn. */
static lorec_err find_place(const dataset *d, const char *part, uint32_t *next, off_t *keep)
{
    *next = 0;
    *keep = 0;
    FILE *f = fopen(part, "re");
    if (!f) return LOREC_OK;
    char *line = NULL;
    size_t cap = 0;
    off_t at = 0;
    uint32_t now = UINT32_MAX;
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0 && line[n - 1] == '\n'; at += n) {
        uint32_t user;
        slice rest = {line, (size_t)n - 1}, id = slice_cut(&rest, '\t');
        if (at == 0) { /* the head */
            *keep = n;
            continue;
        }
        if (!dataset_find_user(d, id, &user)) break;
        if (user == now) continue;
        *keep = at; /* everything before this user is whole */
        *next = user;
        now = user;
    }
    free(line);
    fclose(f);
    return LOREC_OK;
}

static void put_clean(FILE *f, slice s)
{
    for (size_t i = 0; i < s.n; i++) fputc((unsigned char)s.p[i] < ' ' ? ' ' : s.p[i], f);
}

typedef struct scratch {
    query *q;
    uint32_t *items;
    float *scores;
    size_t *found;
} scratch;

static lorec_err one_batch(advisor *a, uint32_t first, size_t n, size_t k, bool keep_seen, const scratch *s, FILE *f)
{
    const interactions *x = &a->data.rows;
    for (size_t i = 0; i < n; i++) {
        uint64_t begin = x->start[first + i];
        s->q[i] = (query){.user = first + (uint32_t)i,
                          .items = x->item + begin,
                          .times = x->time ? x->time + begin : NULL,
                          .n = (size_t)(x->start[first + i + 1] - begin),
                          .now = INT64_MIN};
    }
    TRY(recommender_list(a->r, a->self, a->session, x->n_items, s->q, n, k, keep_seen, s->items, s->scores, s->found));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < s->found[i]; j++) {
            uint32_t item = s->items[i * k + j];
            put_clean(f, names_at(&a->data.user_ids, first + (uint32_t)i));
            fputc('\t', f);
            put_clean(f, names_at(&a->data.item_ids, item));
            fprintf(f, "\t%zu\t%.9g\t", j + 1, (double)s->scores[i * k + j]);
            put_clean(f, dataset_title(&a->data, item));
            fputc('\n', f);
        }
    }
    return LOREC_OK;
}

static lorec_err all_batches(advisor *a, uint32_t next, size_t k, bool keep_seen, const scratch *s, FILE *f,
                             const char *part)
{
    uint32_t users = a->data.rows.n_users;
    progress p;
    progress_start(&p, "recommend", users, "user");
    lorec_err e = LOREC_OK;
    for (uint32_t u = next; u < users && !e;) {
        size_t n = users - u < BATCH ? users - u : BATCH;
        e = cancel_check();
        if (!e) e = one_batch(a, u, n, k, keep_seen, s, f);
        if (!e && (fflush(f) || ferror(f))) e = err_errno("%s", part);
        u += (uint32_t)n;
        progress_step(&p, u, NULL);
    }
    progress_end(&p);
    return e;
}

static lorec_err put_in_place(FILE *f, const char *part, const char *path)
{
    if (fflush(f) || fsync(fileno(f))) return err_errno("%s", part);
    if (rename(part, path)) return err_errno("%s", path);
    return LOREC_OK;
}

static lorec_err write_part(advisor *a, size_t k, bool keep_seen, const char *part, const char *path)
{
    uint32_t next;
    off_t keep;
    scratch s = {0};
    TRY(find_place(&a->data, part, &next, &keep));
    int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    FILE *f = fd >= 0 ? fdopen(fd, "r+") : NULL;
    if (!f) {
        lorec_err e = err_errno("%s: can not be written", path);
        if (fd >= 0) close(fd);
        return e;
    }
    lorec_err e = ftruncate(fd, keep) || fseeko(f, keep, SEEK_SET) ? err_errno("%s", part) : LOREC_OK;
    if (!e && keep == 0) fputs("user\titem\trank\tscore\ttitle\n", f);
    if (!e && next) log_info("going on after %u users", next);
    size_t cells;
    if (!e && !size_mul(BATCH, k, &cells)) e = err_set(LOREC_USAGE, "-k %zu is too large", k);
    if (!e) e = mem_new(&s.q, BATCH);
    if (!e) e = mem_new(&s.items, cells);
    if (!e) e = mem_new(&s.scores, cells);
    if (!e) e = mem_new(&s.found, BATCH);
    if (!e) e = all_batches(a, next, k, keep_seen, &s, f, part);
    if (!e) e = put_in_place(f, part, path);
    if (fclose(f) && !e) e = err_errno("%s", path);
    mem_free(s.q);
    mem_free(s.items);
    mem_free(s.scores);
    mem_free(s.found);
    if (e == LOREC_CANCELLED) return err_set(e, "stopped; the same command goes on where it was");
    return e;
}

lorec_err recommend_all(advisor *a, size_t k, bool keep_seen, const char *path)
{
    buf part = {0};
    lorec_err e = part_path(&part, a, k, keep_seen, path);
    if (!e) e = write_part(a, k, keep_seen, part.p, path);
    buf_free(&part);
    return e;
}
