#include "eval/protocol.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/order.h"
#include "data/labels.h"
#include "eval/slate.h"

/* The words without the data: the kind, and how many are drawn. */
static lorec_err words_parse(const char *words, candidates_kind *kind, uint32_t *drawn)
{
    slice rest = slice_of(words), name = slice_cut(&rest, '@');
    uint64_t n = 99;
    *drawn = 0;
    *kind = CANDIDATES_FULL;
    if (strncmp(words, "slate:", 6) == 0) {
        *kind = CANDIDATES_SLATE;
        return LOREC_OK;
    }
    if (slice_is(name, "full") && !rest.n) return LOREC_OK;
    if (slice_is(name, "uniform") || slice_is(name, "uni"))
        *kind = CANDIDATES_UNIFORM;
    else if (slice_is(name, "pop") || slice_is(name, "popularity"))
        *kind = CANDIDATES_POPULARITY;
    else
        return err_set(LOREC_USAGE,
                       "candidates \"%s\" are not known; there are full, uniform@99, pop@99, slate:FILE and METHOD@20",
                       words);
    if (rest.n && (!slice_to_u64(rest, &n) || n < 1 || n > 1000000))
        return err_set(LOREC_USAGE, "candidates \"%s\": how many are drawn has to be a whole number from 1 to 1000000",
                       words);
    *drawn = (uint32_t)n;
    return LOREC_OK;
}

lorec_err protocol_check_candidates(const char *words)
{
    candidates_kind kind;
    uint32_t drawn;
    return words_parse(words, &kind, &drawn);
}

static lorec_err candidates_parse(protocol *p, const char *words)
{
    TRY(words_parse(words, &p->kind, &p->n_candidates));
    if (p->kind == CANDIDATES_FULL) return LOREC_OK;
    if (p->kind == CANDIDATES_SLATE) {
        p->keep_seen = true;
        return slate_read(p, words + 6);
    }
    return sampler_make(&p->sampler, &p->split->train,
                        p->kind == CANDIDATES_UNIFORM ? SAMPLER_UNIFORM : SAMPLER_POPULARITY, 1);
}

/* ---- the id ------------------------------------------------------------------------------------------------------------ */

static lorec_err rules_text(const protocol *p, buf *out)
{
    const split *s = p->split;
    uint32_t *ks;
    TRY(mem_new(&ks, p->n_metrics));
    for (size_t i = 0; i < p->n_metrics; i++) ks[i] = p->metrics[i].k;
    sort_u32(ks, p->n_metrics);
    lorec_err e = buf_printf(
        out, "data %s\nsplit %s\ncandidates %d %u %llu %s\nkeep seen %d\npositive %.9g\nmetrics %d\nk", s->data->sha256,
        s->id, (int)p->kind, p->n_candidates, (unsigned long long)(p->n_candidates ? p->seed : 0), p->slate_sha256,
        (int)p->keep_seen, p->positive_rating, (int)METRICS_VERSION);
    for (size_t i = 0; i < p->n_metrics && !e; i++)
        if (i == 0 || ks[i] != ks[i - 1]) e = buf_printf(out, " %u", ks[i]);
    if (p->users && !e) e = buf_printf(out, "\nusers %u %llu", p->users, (unsigned long long)p->seed);
    mem_free(ks);
    return e;
}

static lorec_err id_make(protocol *p)
{
    buf rules = {0};
    lorec_err e = rules_text(p, &rules);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!e && !EVP_Digest(rules.p, rules.n, hash, &n, EVP_sha256(), NULL))
        e = err_set(LOREC_RESOURCE, "sha256 is not to be had");
    buf_free(&rules);
    TRY(e);
    char hex[13];
    for (int i = 0; i < 6; i++) snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    static const char *const kinds[] = {"full", "uniform", "pop", "slate"};
    char many[16] = "";
    if (p->n_candidates) snprintf(many, sizeof many, "%u", p->n_candidates);
    char users[24] = "";
    if (p->users) snprintf(users, sizeof users, "-%uusers", p->users);
    snprintf(p->id, sizeof p->id, "%s-%s%s%s%s-v%d:%s", p->split->id, kinds[p->kind], many,
             p->keep_seen && p->kind != CANDIDATES_SLATE ? "-seen" : "", users, (int)METRICS_VERSION, hex);
    return LOREC_OK;
}

/* ---- make and close ----------------------------------------------------------------------------------------------------- */

lorec_err protocol_make(protocol *p, const split *s, const char *candidates, const char *metrics, bool keep_seen,
                        uint64_t seed)
{
    *p = (protocol){.split = s, .keep_seen = keep_seen, .seed = seed};
    lorec_err e;
    TRY_GO(e, metrics_parse(&p->metrics, &p->n_metrics, metrics), failed);
    for (size_t i = 0; i < p->n_metrics; i++)
        if (p->metrics[i].k > p->max_k) p->max_k = p->metrics[i].k;
    TRY_GO(e, mem_dup(&p->words, candidates), failed);
    TRY_GO(e, candidates_parse(p, candidates), failed);
    p->positive_rating = positive_rating_default(&s->data->rows);
    TRY_GO(e, id_make(p), failed);
    return LOREC_OK;
failed:
    protocol_close(p);
    return e;
}

lorec_err protocol_set_positive(protocol *p, double positive_rating)
{
    if (!isfinite(positive_rating)) return err_set(LOREC_USAGE, "positive_rating has to be a finite number");
    p->positive_rating = positive_rating;
    return id_make(p);
}

lorec_err protocol_set_users(protocol *p, uint32_t users)
{
    p->users = users;
    return id_make(p);
}

lorec_err protocol_set_words(protocol *p, const char *words)
{
    char *copy;
    TRY(mem_dup(&copy, words));
    mem_free(p->words);
    p->words = copy;
    return LOREC_OK;
}

void protocol_close(protocol *p)
{
    mem_free(p->metrics);
    mem_free(p->start);
    mem_free(p->candidate);
    mem_free(p->words);
    sampler_free(&p->sampler);
    *p = (protocol){0};
}
