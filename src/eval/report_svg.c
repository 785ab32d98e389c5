/* Two plots as SVG text. Colours come from the page's classes, so that light and dark both read well. */
#include <math.h>

#include "eval/report_write.h"

enum { WIDTH = 720, ROW = 26, LEFT = 150, RIGHT = 90, TOP = 34, BOTTOM = 40, HEIGHT = 360 };

typedef struct axis {
    double low, high; /* of the values, after log10 where the axis is logarithmic */
    double from, to;  /* on the paper */
    double step;
} axis;

/* Ticks at 1, 2 or 5 times a power of ten, about four of them; the ends move out to the next tick. */
static axis axis_make(double low, double high, double from, double to)
{
    if (!(high > low)) {
        double half = fabs(low) > 0 ? fabs(low) * 0.1 : 0.5;
        low -= half;
        high += half;
    }
    double rough = (high - low) / 4, power = pow(10, floor(log10(rough)));
    double step = rough / power < 1.5   ? power
                  : rough / power < 3.5 ? 2 * power
                  : rough / power < 7.5 ? 5 * power
                                        : 10 * power;
    return (axis){floor(low / step) * step, ceil(high / step) * step, from, to, step};
}

static double place_on(const axis *a, double x)
{
    return a->from + (x - a->low) / (a->high - a->low) * (a->to - a->from);
}

static lorec_err svg_text(buf *out, double x, double y, const char *anchor, const char *class, const char *text)
{
    TRY(buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class));
    TRY(html_escape(out, text));
    return buf_puts(out, "</text>\n");
}

static lorec_err svg_line(buf *out, double x1, double y1, double x2, double y2, const char *class)
{
    return buf_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2,
                      class);
}

static lorec_err svg_dot(buf *out, double x, double y, const svg_point *p)
{
    TRY(buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" class=\"%s\"><title>", x, y,
                   p->control ? "control" : "method"));
    TRY(html_escape(out, p->name));
    return buf_printf(out, ": %.4f</title></circle>\n", p->y);
}

static lorec_err svg_open(buf *out, const char *title, double height)
{
    TRY(buf_printf(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>", WIDTH,
                   height));
    TRY(html_escape(out, title));
    TRY(buf_puts(out, "</title>\n"));
    return svg_text(out, 8, 18, "start", "head", title);
}

static lorec_err x_ticks(buf *out, const axis *a, double top, double bottom, bool logarithmic)
{
    char label[32];
    for (double t = a->low; t <= a->high + a->step / 2; t += a->step) {
        double x = place_on(a, t);
        TRY(svg_line(out, x, top, x, bottom, "grid"));
        snprintf(label, sizeof label, "%.4g", logarithmic ? pow(10, t) : fabs(t) < a->step / 1e6 ? 0 : t);
        TRY(svg_text(out, x, bottom + 16, "middle", "tick", label));
    }
    return LOREC_OK;
}

lorec_err svg_intervals(buf *out, const char *title, const svg_point *p, size_t n)
{
    double low = INFINITY, high = -INFINITY, bottom = TOP + ROW * (double)n;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, isnan(p[i].low) ? p[i].y : p[i].low);
        high = fmax(high, isnan(p[i].high) ? p[i].y : p[i].high);
    }
    axis a = axis_make(low, high, LEFT, WIDTH - RIGHT);
    char label[32];
    TRY(svg_open(out, title, bottom + BOTTOM));
    TRY(x_ticks(out, &a, TOP, bottom, false));
    for (size_t i = 0; i < n; i++) {
        double y = TOP + ROW * ((double)i + 0.5);
        TRY(svg_text(out, LEFT - 10, y + 4, "end", "label", p[i].name));
        if (!isnan(p[i].low))
            TRY(svg_line(out, place_on(&a, p[i].low), y, place_on(&a, p[i].high), y,
                         p[i].control ? "whisker-control" : "whisker"));
        TRY(svg_dot(out, place_on(&a, p[i].y), y, &p[i]));
        snprintf(label, sizeof label, "%.4f", p[i].y);
        TRY(svg_text(out, WIDTH - RIGHT + 12, y + 4, "start", "tick", label));
    }
    return buf_puts(out, "</svg>\n");
}

lorec_err svg_scatter(buf *out, const char *title, const char *x_label, const char *y_label, const svg_point *p,
                      size_t n)
{
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double x = log10(fmax(p[i].x, 1e-3));
        x0 = fmin(x0, x), x1 = fmax(x1, x), y0 = fmin(y0, p[i].y), y1 = fmax(y1, p[i].y);
    }
    axis ax = axis_make(x0, x1, 70, WIDTH - RIGHT), ay = axis_make(y0, y1, HEIGHT - BOTTOM - 10, TOP);
    if (ax.step < 1) { /* powers of ten only */
        ax.step = 1;
        ax.low = floor(x0);
        ax.high = ceil(x1) > ax.low ? ceil(x1) : ax.low + 1;
    }
    char label[32];
    TRY(svg_open(out, title, HEIGHT));
    TRY(x_ticks(out, &ax, TOP, HEIGHT - BOTTOM - 10, true));
    for (double t = ay.low; t <= ay.high + ay.step / 2; t += ay.step) {
        double y = place_on(&ay, t);
        TRY(svg_line(out, 70, y, WIDTH - RIGHT, y, "grid"));
        snprintf(label, sizeof label, "%.4g", fabs(t) < ay.step / 1e6 ? 0 : t);
        TRY(svg_text(out, 62, y + 4, "end", "tick", label));
    }
    for (size_t i = 0; i < n; i++) {
        double x = place_on(&ax, log10(fmax(p[i].x, 1e-3))), y = place_on(&ay, p[i].y);
        TRY(svg_dot(out, x, y, &p[i]));
        TRY(svg_text(out, x + 8, y + (i % 2 ? 12 : -4), "start", "label", p[i].name));
    }
    TRY(svg_text(out, (70 + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "middle", "tick", x_label));
    TRY(svg_text(out, WIDTH - 8, 18, "end", "tick", y_label));
    return buf_puts(out, "</svg>\n");
}
