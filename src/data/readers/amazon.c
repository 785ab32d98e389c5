/* amazon.c: reviews as JSON lines: Amazon 2014, 2018 and 2023, and other review sets of that form (Yelp, Goodreads,
 * Steam), with an item metadata file beside them ("meta_X.json.gz" for "X_5.json.gz" or "reviews_X.json.gz"). */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/item_text.h"
#include "data/readers/columns.h"
#include "data/readers/json_rows.h"

static const char *const user_keys[] = {"reviewerID", "user_id", "reviewer_id", "username", "user", NULL};
static const char *const item_keys[] = {"parent_asin", "asin", "product_id", "business_id", "item_id", "book_id", NULL};
static const char *const rating_keys[] = {"overall", "rating", "stars", "score", NULL};
static const char *const time_keys[] = {"unixReviewTime", "timestamp", "sort_timestamp", "date", "time",
                                        "reviewTime",     NULL};

static const char *const review_keys[] = {"reviewText", "review_text", "text", "review", NULL};
static const char *const summary_keys[] = {"summary", "review_summary", "title", NULL};

static bool is_meta(const char *name)
{
    return strncmp(name, "meta", 4) == 0;
}

static bool names_one(slice head, const char *const *keys)
{
    char quoted[40];
    for (; *keys; keys++) {
        size_t n = (size_t)snprintf(quoted, sizeof quoted, "\"%s\"", *keys);
        if (memmem(head.p, head.n, quoted, n)) return true;
        quoted[0] = quoted[n - 1] = '\'';
        if (memmem(head.p, head.n, quoted, n)) return true;
    }
    return false;
}

static int likes(const importing *in)
{
    slice head = {in->head.p ? in->head.p : "", in->head.n};
    if (in->is_folder || !json_looks(head)) return 0;
    return names_one(head, user_keys) && names_one(head, item_keys) ? 80 : 15;
}

/* "09 13, 2009" */
static bool parse_us_date(slice s, int64_t *out)
{
    int64_t month, day, year;
    slice m = slice_cut(&s, ' '), d = slice_cut(&s, ',');
    return slice_to_i64(m, &month) && slice_to_i64(slice_trim(d), &day) && slice_to_i64(slice_trim(s), &year) &&
           date_to_time(year, month, day, out);
}

static bool time_of(const json_t *v, int64_t *out)
{
    if (json_is_integer(v))
        *out = json_integer_value(v);
    else if (json_is_real(v) && fabs(json_real_value(v)) < 9e18)
        *out = (int64_t)json_real_value(v);
    else if (json_is_string(v)) {
        slice s = {json_string_value(v), json_string_length(v)};
        return parse_time(s, out) || parse_us_date(s, out);
    } else
        return false;
    return *out != TIME_NONE;
}

static bool rating_of(const json_t *v, float *out)
{
    double value;
    if (json_is_number(v))
        value = json_number_value(v);
    else if (json_is_boolean(v))
        value = json_is_true(v);
    else if (!json_is_string(v) || !parse_rating((slice){json_string_value(v), json_string_length(v)}, &value))
        return false;
    *out = (float)value;
    return true;
}

/* What was written, of the row last added. */
static lorec_err take_text(importing *in, const json_t *object, const char *name, const char *const *keys)
{
    const json_t *text = json_first(object, keys);
    if (!json_is_string(text)) return LOREC_OK;
    slice s = {json_string_value(text), json_string_length(text)};
    if (memchr(s.p, 0, s.n)) return LOREC_OK;
    return dataset_builder_cell(in->builder, SIDE_ROW, name, COLUMN_TEXT, (slice){0}, s, 0);
}

/* Which of the keys the file has is settled by its first review: then a review without one is a bad row. Where the usual
 * keys are not there, those that would be known as the header of a CSV are taken; --columns names others. */
enum { USER, ITEM, RATING, TIME, KEYS };
typedef struct keys {
    bool known;
    int only_at; /* of own's names */
    const char *only;
    layout own;
    const char *one[KEYS][2];
    const char *const *of[KEYS]; /* NULL: none */
} keys;

static lorec_err settle(importing *in, const json_t *object, keys *k)
{
    static const char *const *const usual[KEYS] = {user_keys, item_keys, rating_keys, time_keys};
    const char *words = in->options->columns;
    TRY(layout_of_object(&k->own, object));
    if (words) TRY(layout_set(&k->own, in->path, words));
    const int own[KEYS] = {k->own.user, k->own.item, k->own.rating, k->own.time};
    for (int i = 0; i < KEYS; i++) {
        bool has = json_first(object, usual[i]) != NULL;
        if (own[i] >= 0 && (words || !has)) {
            k->one[i][0] = k->own.names[own[i]];
            k->of[i] = k->one[i];
        } else
            k->of[i] = (has && !words) || i == USER || i == ITEM ? usual[i] : NULL;
    }
    k->known = true;
    return in->options->only ? layout_only(&k->own, in->path, in->options->only, &k->only_at, &k->only) : LOREC_OK;
}

static bool is_wanted(const json_t *object, const keys *k)
{
    char room[32];
    slice cell;
    const json_t *v = json_object_get(object, k->own.names[k->only_at]);
    return v && json_text(v, room, &cell) && word_among(cell, k->only);
}

static lorec_err take(importing *in, json_rows *j, keys *k)
{
    char user_room[32], item_room[32];
    raw_row row = {.rating = NAN, .time = TIME_NONE};
    if (j->fault) return import_bad_row(in, in->path, j->line, "%s", j->fault);
    if (!k->known) TRY(settle(in, j->object, k));
    if (k->only && !is_wanted(j->object, k)) {
        atomic_fetch_add(&in->left_out, 1);
        return LOREC_OK;
    }
    const json_t *user = json_first(j->object, k->of[USER]), *item = json_first(j->object, k->of[ITEM]);
    if (!user || !json_text(user, user_room, &row.user))
        return import_bad_row(in, in->path, j->line,
                              "no user id (looked for %s ...; --columns user=KEY,item=KEY names it)", k->of[USER][0]);
    if (!item || !json_text(item, item_room, &row.item))
        return import_bad_row(in, in->path, j->line,
                              "no item id (looked for %s ...; --columns user=KEY,item=KEY names it)", k->of[ITEM][0]);
    const json_t *rating = k->of[RATING] ? json_first(j->object, k->of[RATING]) : NULL,
                 *time = k->of[TIME] ? json_first(j->object, k->of[TIME]) : NULL;
    if (k->of[RATING] && (!rating || !rating_of(rating, &row.rating)))
        return import_bad_row(in, in->path, j->line, "no rating, or not a number");
    if (k->of[TIME] && (!time || !time_of(time, &row.time)))
        return import_bad_row(in, in->path, j->line, "no time, or not one");
    TRY(dataset_builder_row(in->builder, &row));
    if (!in->options->review_text) return LOREC_OK;
    TRY(take_text(in, j->object, "review", review_keys));
    return take_text(in, j->object, "summary", summary_keys);
}

/* "All_Beauty" of "All_Beauty_5.json.gz", "reviews_All_Beauty.json.gz", "All_Beauty.jsonl". */
static slice subject(const char *name)
{
    slice s = name_plain(name);
    if (s.n > 8 && memcmp(s.p, "reviews_", 8) == 0) s.p += 8, s.n -= 8;
    const char *dot = memchr(s.p, '.', s.n);
    if (dot) s.n = (size_t)(dot - s.p);
    if (s.n > 2 && memcmp(s.p + s.n - 2, "_5", 2) == 0) s.n -= 2;
    return s;
}

static const char *find_meta(const importing *in)
{
    slice about = subject(path_base(in->path));
    for (size_t i = 0; i < in->n_names; i++) {
        if (!is_meta(in->names[i]) || strlen(in->names[i]) < 5) continue;
        slice s = subject(in->names[i] + 5);
        if (s.n == about.n && memcmp(s.p, about.p, s.n) == 0) return in->names[i];
    }
    return NULL;
}

static lorec_err read_amazon(importing *in)
{
    if (in->is_folder) return err_set(LOREC_USAGE, "%s: is a folder; name the file of reviews", in->path);
    TRY(dataset_builder_source(in->builder, in->path));
    json_rows j;
    keys k = {0};
    TRY(json_rows_open(&j, in->path));
    lorec_err e = LOREC_OK;
    while (!e && json_rows_next(&j)) e = take(in, &j, &k);
    lorec_err closed = json_rows_close(&j);
    layout_free(&k.own);
    TRY(e);
    TRY(closed);
    buf meta = {0};
    const char *beside = in->builder->n ? find_meta(in) : NULL;
    if (beside) e = import_path(in, beside, &meta);
    if (beside && !e) e = json_items_join(in, meta.p);
    buf_free(&meta);
    return e;
}

const reader reader_amazon = {
    "amazon", "reviews or events as JSON lines, or one array: Amazon 2014, 2018, 2023, Yelp, Steam, your own", likes,
    read_amazon};
