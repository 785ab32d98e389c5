/* Any bytes as a template: refused with a message that names a line, or rendered within the limits, every byte of the
 * output accounted for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char values[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"Gr\\u00fc\\u00dfe <|x|>\", \"tool_calls\": null}, {\"role\": "
    "\"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"b\"}]}], \"tools\": [{\"function\": {\"name\": "
    "\"f\"}}], \"x\": 1.5, \"n\": 3, \"s\": \"a b\", \"add_generation_prompt\": true}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *in;
    const int64_t now = 1721952000;
    template *t;
    template_text out = {0};
    if (!in && json_parse(&in, values, strlen(values), "values")) abort();
    if (template_parse(&t, (const char *)data, size, "fuzz", size % 2 ? TEMPLATE_TRIM : 0)) {
        if (!lorec_error_message()[0] || t) abort();
        return 0;
    }
    const template_limits limits = {.steps = 20000, .memory = 1 << 22, .output = 1 << 18};
    if (template_render(t, &(template_values){.values = in, .now = &now, .limits = limits}, &out) == LOREC_OK) {
        if (out.text.n > limits.output || !utf8_valid((slice){out.text.p, out.text.n})) abort();
        if ((out.n_spans ? out.span[out.n_spans - 1].end : 0) != out.text.n) abort();
    }
    template_text_free(&out);
    template_free(t);
    return 0;
}
