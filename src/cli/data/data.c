/* lorec data: files into prepared folders and back. One subcommand a file: data_NAME.c. */
#include <time.h>

#include "cli/data/parts.h"
#include "cli/print.h"
#include "cli/term.h"

#define SUBCOMMANDS(ROW) ROW(import) ROW(show) ROW(sample) ROW(get) ROW(formats) ROW(export_split) ROW(probe)

#define DECLARE(name) extern const command command_data_##name;
SUBCOMMANDS(DECLARE)
#define ADDRESS(name) &command_data_##name,
static const command *const rows_of_data[] = {SUBCOMMANDS(ADDRESS)};

static lorec_err run(int argc, char **argv);
const command command_data = {
    .name = "data",
    .summary = "import, show, filter and fetch data sets",
    .usage = "lorec data SUBCOMMAND [words and options]",
    .details = "Every command that takes --data also takes raw files; importing once makes later starts instant.",
    .run = run,
};

static lorec_err run(int argc, char **argv)
{
    return command_dispatch(&command_data, rows_of_data, sizeof rows_of_data / sizeof *rows_of_data, argc, argv);
}

/* ---- formats --------------------------------------------------------------------------------------------------------- */

static lorec_err run_formats(int argc, char **argv);
const command command_data_formats = {
    .name = "data formats",
    .summary = "the file formats that can be read",
    .usage = "lorec data formats [--json]",
    .details =
        "A format is guessed from names and content; --format NAME forces one. Files may be compressed (.gz, .zst).",
    .run = run_formats,
};

static lorec_err formats_json(void)
{
    json_t *list = json_array();
    const char *name, *about;
    for (size_t i = 0; list && dataset_format(i, &name, &about); i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "about", about));
    return print_json_object(json_pack("{s:i, s:o}", "schema", 1, "formats", list));
}

static lorec_err run_formats(int argc, char **argv)
{
    bool json = false;
    const arg rows[] = {{"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"}};
    args a = {.command = &command_data_formats, .rows = rows, .n = 1};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 0, 0, "no words");
    if (!e && !a.done && json)
        e = formats_json();
    else if (!e && !a.done) {
        table t = {0};
        const char *name, *about;
        table_cell(&t, "format"), table_cell(&t, "what it reads"), table_row_end(&t);
        for (size_t i = 0; dataset_format(i, &name, &about); i++) {
            table_cell(&t, "%s", name), table_cell(&t, "%s", about), table_row_end(&t);
        }
        e = table_print(&t, stdout, "l");
        table_free(&t);
    }
    args_free(&a);
    return e;
}

/* ---- shared ------------------------------------------------------------------------------------------------------------ */

void data_date(int64_t time, char out[24])
{
    struct tm tm;
    time_t t = (time_t)time;
    if (!gmtime_r(&t, &tm) || strftime(out, 24, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(out, 24, "%lld", (long long)time);
}

lorec_err data_text(buf *out, slice s, size_t max)
{
    bool cut = s.n > max;
    if (cut) {
        s.n = max;
        while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80) s.n--;
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        TRY(buf_add(out, c < 0x20 || c == 0x7F ? "?" : &s.p[i], 1));
    }
    return buf_puts(out, cut ? "..." : "");
}

static void time_span(const dataset *d, int64_t *first, int64_t *last)
{
    *first = INT64_MAX, *last = INT64_MIN;
    for (uint64_t i = 0; i < d->rows.n; i++) {
        int64_t t = d->rows.time[i];
        *first = t < *first ? t : *first;
        *last = t > *last ? t : *last;
    }
}

static json_t *columns_json(const dataset *d)
{
    static const char *const sides[] = {"user", "item", "row"}, *const kinds[] = {"token", "token_seq", "float",
                                                                                  "text"};
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->n_columns; i++) {
        const column *c = &d->columns[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s}", "side", sides[c->side], "name", c->name, "kind", kinds[c->kind]));
    }
    return list;
}

json_t *data_json(const dataset *d)
{
    json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:s, s:f, s:b, s:b, s:o}", "name", d->name, "users",
                          (json_int_t)d->rows.n_users, "items", (json_int_t)d->rows.n_items, "interactions",
                          (json_int_t)d->rows.n, "sha256", d->sha256, "density",
                          (double)d->rows.n / ((double)d->rows.n_users * d->rows.n_items), "has_rating",
                          d->rows.rating != NULL, "has_time", d->rows.time != NULL, "columns", columns_json(d));
    if (o && d->rows.time) {
        int64_t first, last;
        time_span(d, &first, &last);
        json_object_set_new(o, "first_time", json_integer(first));
        json_object_set_new(o, "last_time", json_integer(last));
    }
    static const char *const from_manifest[] = {"format",    "sources",      "filters",        "bad_rows_skipped",
                                                "time_unit", "columns_read", "columns_unused", "only"};
    for (size_t i = 0; o && i < sizeof from_manifest / sizeof *from_manifest; i++) {
        json_t *v = json_object_get(d->manifest, from_manifest[i]);
        if (v) json_object_set(o, from_manifest[i], v);
    }
    return o;
}

static void print_columns(const dataset *d)
{
    static const char *const sides[] = {"users", "items", "interactions"};
    for (int side = 0; side < 3; side++) {
        bool any = false;
        for (size_t i = 0; i < d->n_columns; i++) {
            if ((int)d->columns[i].side != side) continue;
            if (any)
                printf(", %s", d->columns[i].name);
            else
                printf("  known of %-13s %s", sides[side], d->columns[i].name);
            any = true;
        }
        if (any) putchar('\n');
    }
}

static void print_filters(const dataset *d)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(d->manifest, "filters"), i, step)
    {
        printf("  removed by \"%s\": %lld users, %lld items, %lld interactions\n",
               json_string_value(json_object_get(step, "step")),
               (long long)json_integer_value(json_object_get(step, "users")),
               (long long)json_integer_value(json_object_get(step, "items")),
               (long long)json_integer_value(json_object_get(step, "rows")));
    }
}

/* What the file was taken for: "csv: user = customer, item = sku". */
static void print_form(const dataset *d, const char *format)
{
    const char *role, *sign = ": ";
    json_t *from;
    printf("  read as                %s", format);
    json_object_foreach(json_object_get(d->manifest, "columns_read"), role, from)
    {
        const char *name = json_string_value(from);
        if (name)
            printf("%s%s = %s", sign, role, name);
        else
            printf("%s%s = column %lld", sign, role, (long long)json_integer_value(from));
        sign = ", ";
    }
    const json_t *only = json_object_get(d->manifest, "only");
    if (only)
        printf("\n  only rows with         %s; %lld were left out", json_string_value(json_object_get(only, "rows")),
               (long long)json_integer_value(json_object_get(only, "left_out")));
    size_t i;
    sign = "\n  not read               ";
    json_array_foreach(json_object_get(d->manifest, "columns_unused"), i, from)
    {
        printf("%s%s", sign, json_string_value(from));
        sign = ", ";
    }
    printf("\n");
}

lorec_err data_print(const dataset *d)
{
    const interactions *r = &d->rows;
    const char *format = json_string_value(json_object_get(d->manifest, "format"));
    long long bad = json_integer_value(json_object_get(d->manifest, "bad_rows_skipped"));
    printf("%s%s%s: %u users, %u items, %llu interactions (%.1f a user, %.3f %% of all pairs)\n", term_bold(stdout),
           d->name, term_off(stdout), r->n_users, r->n_items, (unsigned long long)r->n, (double)r->n / r->n_users,
           100.0 * (double)r->n / ((double)r->n_users * r->n_items));
    if (format) print_form(d, format);
    if (r->time) {
        int64_t first, last;
        char from[24], to[24];
        time_span(d, &first, &last);
        data_date(first, from);
        data_date(last, to);
        printf("  from %s to %s\n", from, to);
    } else {
        printf("  no times: the order of the source is the order\n");
    }
    if (!r->rating) printf("  no ratings\n");
    if (d->kg.n)
        printf("  knowledge graph        %llu triples, %u entities, %u relations\n", (unsigned long long)d->kg.n,
               d->kg.entities.n, d->kg.relations.n);
    print_columns(d);
    print_filters(d);
    if (bad) printf("  bad rows skipped       %lld\n", bad);
    printf("  sha256                 %.16s...\n", d->sha256);
    return LOREC_OK;
}

lorec_err data_save(const dataset *d, const char *out, bool json)
{
    buf path = {0};
    lorec_err e = out ? buf_puts(&path, out) : path_join(&path, "prepared", d->name);
    if (!e && !out) e = folder_make("prepared");
    if (!e) e = dataset_save(d, path.p);
    if (!e && json) {
        json_t *data = data_json(d);
        if (data) json_object_set_new(data, "folder", json_string(path.p));
        e = print_json_object(json_pack("{s:i, s:o}", "schema", 1, "data", data));
    } else if (!e) {
        e = data_print(d);
        printf("written to %s; use it with --data %s\n", path.p, path.p);
    }
    buf_free(&path);
    return e;
}
