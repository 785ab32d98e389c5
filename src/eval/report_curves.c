/* Curves that a method's study tells (lists of equal length in its counts), as tables of the page. */
#include "eval/report_write.h"

/* How many points: all members are lists of so many numbers; 0: it is no curve. */
static size_t points_of(const json_t *curve)
{
    const char *name;
    json_t *list, *x;
    size_t n = 0, i;
    json_object_foreach((json_t *)(uintptr_t)curve, name, list)
    {
        size_t length = json_array_size(list); /* 0 for what is no list */
        if (!length || (n && length != n)) return 0;
        n = length;
        json_array_foreach(list, i, x)
        {
            if (!json_is_number(x)) return 0;
        }
    }
    return n;
}

static lorec_err curve_table(buf *out, const char *title, const json_t *curve, size_t n)
{
    const char *name;
    json_t *list;
    TRY(buf_puts(out, "<h3>"));
    TRY(html_escape(out, title));
    TRY(buf_puts(out, "</h3>\n<div class=\"scroll\"><table><tr>"));
    json_object_foreach((json_t *)(uintptr_t)curve, name, list)
    {
        TRY(buf_puts(out, "<th>"));
        TRY(html_escape(out, name));
        TRY(buf_puts(out, "</th>"));
    }
    TRY(buf_puts(out, "</tr>\n"));
    for (size_t i = 0; i < n; i++) {
        TRY(buf_puts(out, "<tr>"));
        json_object_foreach((json_t *)(uintptr_t)curve, name, list)
        {
            json_t *x = json_array_get(list, i);
            if (json_is_integer(x))
                TRY(buf_printf(out, "<td>%lld</td>", json_integer_value(x)));
            else
                TRY(buf_printf(out, "<td>%.4f</td>", json_number_value(x)));
        }
        TRY(buf_puts(out, "</tr>\n"));
    }
    return buf_puts(out, "</table></div>\n");
}

lorec_err report_curves_html(buf *out, const leaderboard *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const result *r = &b->row[i];
        const char *name;
        json_t *value;
        bool any = false;
        json_object_foreach(json_object_get(r->counts, "study"), name, value)
        {
            size_t n = points_of(value);
            if (!n) continue;
            if (!any) {
                TRY(buf_puts(out, "<h2>Curves of "));
                TRY(html_escape(out, r->method));
                TRY(buf_printf(out, ", seed %llu</h2>\n", (unsigned long long)r->seed));
                any = true;
            }
            TRY(curve_table(out, name, value, n));
        }
    }
    return LOREC_OK;
}
