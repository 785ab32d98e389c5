/* amazon.c: reviews as JSON lines: Amazon 2014, 2018 and 2023, and other review sets of that form (Yelp, Goodreads,
 * Steam), with an item metadata file beside them ("meta_X.json.gz" for "X_5.json.gz" or "reviews_X.json.gz"). */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "data/item_text.h"
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
    else if (!json_is_string(v) || !slice_to_f64((slice){json_string_value(v), json_string_length(v)}, &value))
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

/* Which of the keys the file has is settled by its first review: then a review without one is a bad row. */
typedef struct keys {
    bool rated, timed, known;
} keys;

static lorec_err take(importing *in, json_rows *j, keys *k)
{
    char user_room[32], item_room[32];
    raw_row row = {.rating = NAN, .time = TIME_NONE};
    uint64_t line = j->in.number;
    if (j->fault) return import_bad_row(in, in->path, line, "%s", j->fault);
    const json_t *user = json_first(j->object, user_keys), *item = json_first(j->object, item_keys);
    if (!user || !json_text(user, user_room, &row.user))
        return import_bad_row(in, in->path, line, "no user id (looked for reviewerID, user_id ...)");
    if (!item || !json_text(item, item_room, &row.item))
        return import_bad_row(in, in->path, line, "no item id (looked for parent_asin, asin, product_id ...)");
    const json_t *rating = json_first(j->object, rating_keys), *time = json_first(j->object, time_keys);
    if (!k->known) *k = (keys){.rated = rating != NULL, .timed = time != NULL, .known = true};
    if (k->rated && (!rating || !rating_of(rating, &row.rating)))
        return import_bad_row(in, in->path, line, "no rating, or not a number");
    if (k->timed && (!time || !time_of(time, &row.time)))
        return import_bad_row(in, in->path, line, "no time, or not one");
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
    TRY(e);
    TRY(closed);
    buf meta = {0};
    const char *beside = in->builder->n ? find_meta(in) : NULL;
    if (beside) e = import_path(in, beside, &meta);
    if (beside && !e) e = json_items_join(in, meta.p);
    buf_free(&meta);
    return e;
}

const reader reader_amazon = {"amazon", "reviews as JSON lines: Amazon 2014, 2018, 2023, Yelp, Steam", likes,
                              read_amazon};
