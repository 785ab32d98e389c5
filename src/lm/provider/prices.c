#include "lm/provider/prices.h"

#include <stdio.h>

static bool fits(const char *pattern, const char *model, size_t *quality)
{
    size_t n = strlen(pattern);
    bool star = n && pattern[n - 1] == '*';
    *quality = star ? n : SIZE_MAX;
    return star ? strncmp(pattern, model, n - 1) == 0 : strcmp(pattern, model) == 0;
}

static lorec_err row(const json_t *fields, llm_price *out)
{
    const char *currency;
    if (!json_is_object(fields)) return err_set(LOREC_INPUT, "{input: ..., output: ...} is needed");
    TRY(json_get_f64_or(fields, "input", -1, &out->input));
    TRY(json_get_f64_or(fields, "output", -1, &out->output));
    TRY(json_get_string_or(fields, "currency", "USD", &currency));
    if (!(out->input >= 0 && out->output >= 0 && out->input < 1e9 && out->output < 1e9))
        return err_set(LOREC_INPUT, "\"input\" and \"output\" have to be prices per million tokens, 0 or more");
    snprintf(out->currency, sizeof out->currency, "%.7s", currency);
    out->known = true;
    return LOREC_OK;
}

lorec_err prices_read(const char *path, const char *model, llm_price *out)
{
    json_t *table, *fields;
    const char *pattern;
    size_t best = 0;
    *out = (llm_price){.currency = "USD"};
    TRY(yaml_read(&table, path));
    lorec_err e = json_is_object(table) ? LOREC_OK : err_set(LOREC_INPUT, "a table of models is needed");
    json_object_foreach(table, pattern, fields)
    {
        llm_price p = {0};
        size_t quality;
        if (e) break;
        e = row(fields, &p);
        if (e) e = err_context(e, "%.100s", pattern);
        if (e || !fits(pattern, model, &quality) || quality < best) continue;
        best = quality;
        *out = p;
    }
    json_decref(table);
    return e ? err_context(e, "%s", path) : LOREC_OK;
}

double price_of(const llm_price *p, double input_tokens, double output_tokens)
{
    return p->known ? (input_tokens * p->input + output_tokens * p->output) / 1e6 : 0;
}
