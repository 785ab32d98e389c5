/* lorec data get: a public data set by name. */
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/args.h"
#include "cli/print.h"
#include "cli/term.h"
#include "data/fetch.h"

static lorec_err run(int argc, char **argv);
const command command_data_get = {
    .name = "data get",
    .summary = "download a public data set by name",
    .usage = "lorec data get [NAME] [--out FOLDER] [--accept-licence]",
    .details =
        "Without a name: what there is. The licence is shown first; --accept-licence says that you have read it and\n"
        "agree. What is fetched is checked against its known sha256 and unpacked into raw/NAME.",
    .examples = "  lorec data get ml-100k --accept-licence\n  lorec data get amazon-2018:All_Beauty --accept-licence\n",
    .run = run,
};

static lorec_err list(bool json)
{
    if (json) {
        json_t *sets = json_array();
        for (size_t i = 0; sets && i < n_public_sets; i++)
            json_array_append_new(sets, json_pack("{s:s, s:s, s:s}", "name", public_sets[i].name, "url",
                                                  public_sets[i].url[0], "licence", public_sets[i].licence));
        return print_json_object(json_pack("{s:i, s:o}", "schema", 1, "sets", sets));
    }
    table t = {0};
    table_cell(&t, "name"), table_cell(&t, "from"), table_row_end(&t);
    for (size_t i = 0; i < n_public_sets; i++) {
        const char *name = public_sets[i].name;
        bool open = name[strlen(name) - 1] == ':';
        table_cell(&t, "%s%s", name, open ? "CATEGORY" : ""), table_cell(&t, "%s", public_sets[i].url[0]),
            table_row_end(&t);
    }
    lorec_err e = table_print(&t, stdout, "l");
    table_free(&t);
    return e;
}

/* One URL of the set into the folder; archives are unpacked and not kept. */
static lorec_err fetch_one(const public_set *set, const char *category, const char *pattern, const char *mirror,
                           const char *folder)
{
    buf url = {0}, path = {0};
    lorec_err e = LOREC_OK;
    const char *at = strstr(pattern, "%s");
    if (mirror)
        e = buf_printf(&url, "%s/%s", mirror, path_base(pattern)); /* a copy of the same files elsewhere */
    else
        e = buf_puts(&url, pattern);
    if (!e && at) {
        buf whole = {0};
        at = strstr(url.p, "%s");
        e = buf_printf(&whole, "%.*s%s%s", (int)(at - url.p), url.p, category, at + 2);
        buf_free(&url);
        url = whole;
    }
    if (!e && set->archive)
        e = buf_printf(&path, "%s.download", folder);
    else if (!e)
        e = path_join(&path, folder, path_base(url.p));
    if (!e) log_info("fetching %s", url.p);
    if (!e) e = fetch_file(url.p, path.p, pattern == set->url[0] ? set->sha256 : NULL, mirror != NULL);
    if (!e && set->archive) {
        e = archive_unpack(path.p, folder);
        (void)unlink(path.p);
    }
    buf_free(&url);
    buf_free(&path);
    return e;
}

static lorec_err get(const char *name, const char *out, const char *mirror, bool accepted, bool json)
{
    const public_set *set;
    const char *category;
    TRY(public_set_find(name, &set, &category));
    fprintf(stderr, "%s\n", set->licence);
    if (!accepted) return err_set(LOREC_USAGE, "%s: read the terms above and say --accept-licence to agree", name);
    buf folder = {0};
    lorec_err e = out ? buf_puts(&folder, out) : buf_printf(&folder, "raw/%s", name);
    for (char *p = folder.p; !e && !out && *p; p++) *p = *p == ':' ? '-' : *p;
    if (!e && folder_exists(folder.p)) {
        e = err_set(LOREC_USAGE, "%s: is there already; remove it or choose another --out", folder.p);
    } else if (!e) {
        char *slash = strrchr(folder.p, '/');
        if (slash) *slash = 0;
        if (slash && slash != folder.p) e = folder_make(folder.p);
        if (slash) *slash = '/';
        if (!e && !set->archive) e = folder_make(folder.p);
        for (int i = 0; !e && i < 2 && set->url[i]; i++) e = fetch_one(set, category, set->url[i], mirror, folder.p);
    }
    if (!e && json)
        e = print_json_object(json_pack("{s:i, s:s, s:s}", "schema", 1, "name", name, "folder", folder.p));
    else if (!e)
        printf("in %s; next: lorec data import %s\n", folder.p, folder.p);
    buf_free(&folder);
    return e;
}

static lorec_err run(int argc, char **argv)
{
    const char *out = NULL, *mirror = NULL;
    bool accepted = false, json = false;
    const arg rows[] = {
        {"out", 'o', ARG_TEXT, &out, "FOLDER", "where to put it; default: raw/NAME"},
        {"mirror", 0, ARG_TEXT, &mirror, "URL", "fetch the same files from there (https://..., file:///...)"},
        {"accept-licence", 0, ARG_FLAG, &accepted, NULL, "you have read the data set's terms and agree"},
        {"json", 0, ARG_FLAG, &json, NULL, "one JSON object on stdout"},
    };
    args a = {.command = &command_data_get, .rows = rows, .n = sizeof rows / sizeof *rows};
    lorec_err e = args_parse(&a, argc, argv);
    if (!e && !a.done) e = args_need_words(&a, 0, 1, "NAME");
    if (!e && !a.done) e = a.n_words ? get(a.word[0], out, mirror, accepted, json) : list(json);
    args_free(&a);
    return e;
}
