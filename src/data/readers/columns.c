#include "data/readers/columns.h"

#include "base/log.h"
#include "base/mem.h"

/* Words that public files use, letters and digits only, lower case; earlier ones win where a file has several. */
static const char *const user_words[] = {
    "userid",    "user",      "uid",      "reviewerid", "customerid", "memberid", "visitorid", "personid",
    "accountid", "sessionid", "session",  "username",   "customer",   "member",   "visitor",   "person",
    "account",   "client",    "clientid", "buyer",      "buyerid",    "reader",   "readerid",  "viewer",
    "viewerid",  "listener",  "player",   "playerid",   "email",      "u",        NULL};
static const char *const item_words[] = {
    "itemid",  "parentasin", "asin",      "movieid",     "productid", "businessid", "bookid", "isbn",    "songid",
    "trackid", "artistid",   "newsid",    "articleid",   "videoid",   "gameid",     "appid",  "item",    "product",
    "movie",   "iid",        "gametitle", "song",        "track",     "artist",     "book",   "article", "video",
    "game",    "sku",        "skuid",     "productcode", "stockcode", "show",       "showid", "course",  "courseid",
    "recipe",  "recipeid",   "url",       "i",           NULL};
static const char *const rating_words[] = {
    "rating",     "overall",   "ratings", "stars", "score",   "ratingvalue",  "value", "label",
    "preference", "playcount", "weight",  "star",  "grade",   "reviewrating", "plays", "liked",
    "like",       "islike",    "isliked", "click", "clicked", "isclick",      NULL};
static const char *const time_words[] = {
    "timestamp",    "unixreviewtime", "time",        "ts",         "unixtime",  "datetime",  "date",
    "createdat",    "reviewtime",     "timestamps",  "day",        "eventtime", "orderdate", "orderedat",
    "purchasedate", "purchasedat",    "invoicedate", "reviewdate", "ratedat",   "clickedat", "viewedat",
    "watchedat",    "playedat",       "updatedat",   "t",          NULL};
static const char *const title_words[] = {"title",     "movietitle", "itemtitle",   "producttitle", "booktitle",
                                          "name",      "itemname",   "productname", "appname",      "bookname",
                                          "moviename", "songname",   "trackname",   "description",  NULL};
/* Words for what an item is, beside its title. */
static const char *const kind_words[] = {"category",    "categories", "genre",     "genres",     "tag",   "tags",
                                         "brand",       "author",     "authors",   "artist",     "maker", "color",
                                         "colour",      "director",   "publisher", "department", "type",  "itemtype",
                                         "producttype", "language",   NULL};
static const char *const text_words[] = {"description", "itemdescription", "productdescription", "summary", "plot",
                                         NULL};
static const struct {
    const char *role;
    const char *const *words;
} roles[] = {
    {"user", user_words}, {"item", item_words}, {"rating", rating_words}, {"time", time_words}, {"title", title_words}};
enum { ROLES = sizeof roles / sizeof *roles };

static int *role_column(layout *l, const char *role)
{
    int *at[ROLES] = {&l->user, &l->item, &l->rating, &l->time, &l->title};
    for (int i = 0; i < ROLES; i++) {
        if (strcmp(roles[i].role, role) == 0) return at[i];
    }
    return NULL;
}

static void normal_word(const char *name, char out[40])
{
    size_t n = 0;
    for (; *name && n < 39; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out[n++] = c;
    }
    out[n] = 0;
}

static int known_column(char *const *cells, int n, const char *const *words)
{
    char word[40];
    for (; *words; words++) {
        for (int i = 0; i < n; i++) {
            normal_word(cells[i], word);
            if (strcmp(word, *words) == 0) return i;
        }
    }
    return -1;
}

int layout_known(const layout *l, const char *role)
{
    for (int i = 0; l->names && i < ROLES; i++) {
        if (strcmp(roles[i].role, role) == 0) return known_column(l->names, l->n, roles[i].words);
    }
    return -1;
}

column_kind layout_says(const layout *l, int i)
{
    char *const *name = l->names ? l->names + i : NULL;
    if (i == l->title) return COLUMN_TEXT;
    if (!name || i == l->user || i == l->item || i == l->rating || i == l->time) return COLUMN_FLOAT;
    return known_column(name, 1, kind_words) == 0   ? COLUMN_TOKEN_SEQ
           : known_column(name, 1, text_words) == 0 ? COLUMN_TEXT
                                                    : COLUMN_FLOAT;
}

void layout_free(layout *l)
{
    names_free(l->names, l->names ? (size_t)l->n : 0);
    *l = (layout){0};
}

/* ---- the separator ---------------------------------------------------------------------------------------------------- */

static int count_cells(slice line, const char *separator, bool quoted)
{
    int n = 1;
    if (separator[0] == ' ') {
        n = 0;
        for (slice rest = slice_trim(line); rest.n;) {
            while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t')) rest.p++, rest.n--;
            if (rest.n) n++;
            while (rest.n && rest.p[0] != ' ' && rest.p[0] != '\t') rest.p++, rest.n--;
        }
        return n;
    }
    bool inside = false;
    size_t width = strlen(separator);
    for (size_t i = 0; i + width <= line.n; i++) {
        if (quoted && line.p[i] == '"')
            inside = !inside;
        else if (!inside && memcmp(line.p + i, separator, width) == 0) {
            n++;
            i += width - 1;
        }
    }
    return n;
}

enum { SAMPLED = 50 };

/* How many of the first lines have as many cells as the first one. */
static int agreement(slice head, const char *separator, bool quoted, int *columns)
{
    int same = 0;
    *columns = 0;
    for (int i = 0; head.n && i < SAMPLED; i++) {
        slice line = slice_cut(&head, '\n');
        if (slice_trim(line).n == 0) continue;
        int n = count_cells(line, separator, quoted);
        if (*columns == 0) *columns = n;
        same += n == *columns;
    }
    return same;
}

static lorec_err guess_separator(layout *l, const char *path, slice head)
{
    static const char *const candidates[] = {"\t", ",", ";", "|", "::", " "};
    int best = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        const char *s = candidates[i];
        bool quoted = s[0] == ',' || s[0] == ';' || s[0] == '\t';
        int columns, same = agreement(head, s, quoted, &columns);
        if (columns < 2 || same <= best) continue;
        best = same;
        l->n = columns;
        l->quoted = quoted && s[0] != '\t';
        snprintf(l->separator, sizeof l->separator, "%s", s);
    }
    if (best) return LOREC_OK;
    return err_set(
        LOREC_INPUT,
        "%s, line 1: one column where at least a user and an item are needed; separate them by a comma or TAB", path);
}

/* ---- the header --------------------------------------------------------------------------------------------------------- */

static lorec_err split_names(const layout *l, slice line, char ***out, size_t *n)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    for (bool more = true; more;) {
        slice cell;
        if (l->separator[0] == ' ') {
            line = slice_trim(line);
            size_t k = 0;
            while (k < line.n && line.p[k] != ' ' && line.p[k] != '\t') k++;
            cell = (slice){line.p, k};
            line.p += k, line.n -= k;
            more = line.n > 0;
        } else {
            const char *end = line.p + line.n;
            cell = slice_cut_text(&line, l->separator);
            more = cell.p + cell.n < end;
        }
        cell = slice_trim(cell);
        if (cell.n >= 2 && cell.p[0] == '"' && cell.p[cell.n - 1] == '"') cell.p++, cell.n -= 2;
        char text[128]; /* a name that is longer is not one that anybody refers to */
        snprintf(text, sizeof text, "%.*s", (int)(cell.n < 127 ? cell.n : 127), cell.p);
        TRY(mem_grow(out, &cap, *n + 1));
        TRY(mem_dup(&(*out)[*n], text));
        (*n)++;
    }
    return LOREC_OK;
}

static void drop_types(char **cells, size_t n)
{
    static const char *const types[] = {":token", ":token_seq", ":float", ":float_seq"};
    for (size_t i = 0; i < n; i++) {
        char *colon = strrchr(cells[i], ':');
        for (size_t k = 0; colon && k < 4; k++) {
            if (strcmp(colon, types[k]) == 0) *colon = 0;
        }
    }
}

static bool is_number(const char *text)
{
    double value;
    return parse_rating(slice_of(text), &value);
}

static double number_of(const char *text)
{
    double value;
    return parse_rating(slice_of(text), &value) ? value : 0;
}

/* An ASIN or ISBN before an Amazon reviewer's id: the 2018 rating-only files have the item first. */
static bool item_is_first(char *const *row)
{
    size_t a = strlen(row[0]), b = strlen(row[1]);
    bool asin = a == 10 && (row[0][0] == 'B' || (row[0][0] >= '0' && row[0][0] <= '9'));
    return asin && b >= 11 && b <= 21 && row[1][0] == 'A' && !is_number(row[1]);
}

static void guess_by_place(layout *l, char *const *row)
{
    bool swapped = item_is_first(row);
    l->user = swapped ? 1 : 0;
    l->item = swapped ? 0 : 1;
    l->rating = l->time = -1;
    if (l->n == 3) {
        if (is_number(row[2]) && number_of(row[2]) > 1e8)
            l->time = 2;
        else if (is_number(row[2]))
            l->rating = 2;
    } else if (l->n >= 4) {
        int64_t t;
        if (is_number(row[2])) l->rating = 2;
        if (parse_time(slice_of(row[3]), &t) && (!is_number(row[3]) || number_of(row[3]) > 1e8)) l->time = 3;
    }
}

lorec_err layout_guess(layout *l, const char *path, slice head)
{
    *l = (layout){.user = -1, .item = -1, .rating = -1, .time = -1, .title = -1};
    if (head.n >= 3 && memcmp(head.p, "\xEF\xBB\xBF", 3) == 0) head.p += 3, head.n -= 3;
    while (head.n && (head.p[0] == '\n' || head.p[0] == '\r')) head.p++, head.n--;
    TRY(guess_separator(l, path, head));
    char **first = NULL, **second = NULL;
    size_t n_first = 0, n_second = 0;
    slice line = slice_cut(&head, '\n');
    lorec_err e = split_names(l, line, &first, &n_first);
    if (!e && head.n) e = split_names(l, slice_cut(&head, '\n'), &second, &n_second);
    if (!e) {
        drop_types(first, n_first);
        l->n = (int)n_first;
        bool known = false, numbers = false;
        for (int r = 0; r < ROLES; r++) known |= known_column(first, (int)n_first, roles[r].words) >= 0;
        /* Words above numbers are a header too, whatever they say. */
        bool above = n_second == n_first;
        for (size_t i = 0; i < n_first; i++) {
            numbers |= is_number(first[i]);
            above = above && i < n_second && (!is_number(second[i]) || !is_number(first[i]));
        }
        bool second_numbers = false;
        for (size_t i = 0; i < n_second; i++) second_numbers |= is_number(second[i]);
        l->header = known || (above && !numbers && second_numbers);
        if (l->header) {
            l->names = first;
            first = NULL;
            for (int r = 0; r < ROLES; r++) *role_column(l, roles[r].role) = layout_known(l, roles[r].role);
            l->named = l->user >= 0 && l->item >= 0;
            if (l->user >= 0 && l->item < 0)
                l->item = l->title, l->title = -1; /* titles are ids where there are no others */
            if (!l->named && !known && n_first >= 2 && n_second == n_first) guess_by_place(l, second);
        } else {
            guess_by_place(l, first);
        }
    }
    names_free(first, first ? n_first : 0); /* NULL: the layout has them now */
    names_free(second, n_second);
    if (e) layout_free(l);
    return e;
}

lorec_err layout_of_object(layout *l, const json_t *object)
{
    *l = (layout){.user = -1, .item = -1, .rating = -1, .time = -1, .title = -1, .header = true};
    size_t cap = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        lorec_err e = l->n < ROW_COLUMNS_MAX ? mem_grow(&l->names, &cap, (size_t)l->n + 1) : LOREC_OK;
        if (!e && l->n < ROW_COLUMNS_MAX) e = mem_dup(&l->names[l->n], key);
        if (e) {
            layout_free(l);
            return e;
        }
        if (l->n < ROW_COLUMNS_MAX) l->n++;
    }
    for (int r = 0; r < ROLES; r++) *role_column(l, roles[r].role) = layout_known(l, roles[r].role);
    return LOREC_OK;
}

/* ---- what the user says --------------------------------------------------------------------------------------------------- */

static int find_name(const layout *l, const char *name)
{
    for (int i = 0; l->names && i < l->n; i++) {
        if (strcmp(l->names[i], name) == 0) return i;
    }
    return -1;
}

/* A word of the header, or a number from 1. */
static lorec_err find_column(const layout *l, const char *path, const char *name, int *at)
{
    int64_t number;
    *at = find_name(l, name);
    if (*at >= 0) return LOREC_OK;
    if (slice_to_i64(slice_of(name), &number) && number >= 1 && number <= l->n) {
        *at = (int)number - 1;
        return LOREC_OK;
    }
    const char *near = l->names ? err_nearest(name, (const char *const *)l->names, (size_t)l->n) : NULL;
    return err_set(LOREC_USAGE, "%s: no column \"%s\" (there are %d)%s%s%s", path, name, l->n,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

lorec_err layout_set(layout *l, const char *path, const char *words)
{
    slice rest = slice_of(words);
    while (rest.n) {
        slice cell = slice_cut(&rest, ','), role = slice_trim(slice_cut(&cell, '='));
        cell = slice_trim(cell);
        char role_text[32], name[128];
        snprintf(role_text, sizeof role_text, "%.*s", (int)(role.n < 31 ? role.n : 31), role.p);
        snprintf(name, sizeof name, "%.*s", (int)(cell.n < 127 ? cell.n : 127), cell.p);
        int *at = role_column(l, role_text);
        if (!at || cell.n == 0)
            return err_set(LOREC_USAGE,
                           "--columns: \"%s=%s\"; write user=NAME,item=NAME,rating=NAME,time=NAME,title=NAME, "
                           "NAME being a header word, a column number from 1, or none",
                           role_text, name);
        if (strcmp(name, "none") == 0 && find_name(l, "none") < 0)
            *at = -1;
        else
            TRY(find_column(l, path, name, at));
    }
    return LOREC_OK;
}

lorec_err layout_only(const layout *l, const char *path, const char *text, int *at, const char **words)
{
    char name[128];
    const char *equal = strchr(text, '=');
    if (!equal || equal == text || !equal[1] || (size_t)(equal - text) >= sizeof name)
        return err_set(LOREC_USAGE, "--only %s: write COLUMN=WORD or COLUMN=WORD|WORD, as in event=cart|purchase",
                       text);
    snprintf(name, sizeof name, "%.*s", (int)(equal - text), text);
    *words = equal + 1;
    return find_column(l, path, name, at);
}
