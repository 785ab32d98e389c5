/* prices.h: what tokens cost, from a file of the user's: prices change, and lorec ships none.
 *
 *     gpt-4o-mini: {input: 0.15, output: 0.60}      # YAML: money per million tokens
 *     "qwen*": {input: 0, output: 0, currency: EUR} # a star at the end: every model that begins so
 *
 * Ownership: the price is a value. */
#ifndef LOREC_LM_PROVIDER_PRICES_H
#define LOREC_LM_PROVIDER_PRICES_H

#include "base/json.h"

typedef struct llm_price {
    bool known;
    double input, output; /* per million tokens */
    char currency[8];
} llm_price;

/* The model's row: its own name, or the longest that ends in a star. LOREC_INPUT for a file that is not such a table. */
lorec_err prices_read(const char *path, const char *model, llm_price *out);
double price_of(const llm_price *p, double input_tokens, double output_tokens);

#endif
