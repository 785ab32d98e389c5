/* What stands around a text: Hugging Face's post-processors, all of them as lists of tokens and places for the texts. */
#include "text/tokenizer/parts.h"

enum { PARTS_MAX = 4096 };

lorec_err frame_add(frame *f, int what, int32_t id, int32_t segment)
{
    if (f->n >= PARTS_MAX) return err_set(LOREC_INPUT, "a template of more than %d parts", PARTS_MAX);
    TRY(mem_grow(&f->part, &f->cap, f->n + 1));
    f->part[f->n++] = (frame_part){what, id, segment};
    return LOREC_OK;
}

void frame_free(frame *f)
{
    mem_free(f->part);
    *f = (frame){0};
}

lorec_err frames_simple(tokenizer *t, int32_t before, int32_t after)
{
    frame_free(&t->single);
    frame_free(&t->pair);
    frame *frames[] = {&t->single, &t->pair};
    for (int k = 0; k < 2; k++) {
        if (before >= 0) TRY(frame_add(frames[k], FRAME_TOKEN, before, 0));
        TRY(frame_add(frames[k], FRAME_A, 0, 0));
        if (after >= 0) TRY(frame_add(frames[k], FRAME_TOKEN, after, 0));
        if (k == 0) continue;
        TRY(frame_add(frames[k], FRAME_B, 0, 1));
        if (after >= 0) TRY(frame_add(frames[k], FRAME_TOKEN, after, 1));
    }
    return LOREC_OK;
}

/* {"id": "[CLS]", "ids": [101], ...}: the ids of a special token of a template, added to f. */
static lorec_err add_special(tokenizer *t, frame *f, const json_t *specials, const char *name, int64_t segment)
{
    const json_t *list = json_object_get(json_object_get(specials, name), "ids"), *one;
    int32_t id;
    size_t i;
    if (!json_is_array(list)) {
        if (!vocabulary_find(&t->vocabulary, slice_of(name), &id))
            return err_set(LOREC_INPUT, "the template names \"%.60s\", which is no token", name);
        return frame_add(f, FRAME_TOKEN, id, (int32_t)segment);
    }
    json_array_foreach(list, i, one)
    {
        json_int_t value = json_integer_value(one);
        if (!json_is_integer(one) || value < 0 || (size_t)value >= t->vocabulary.n)
            return err_set(LOREC_INPUT, "the template's \"%.60s\" has an id outside the vocabulary", name);
        TRY(frame_add(f, FRAME_TOKEN, (int32_t)value, (int32_t)segment));
    }
    return LOREC_OK;
}

static lorec_err read_template(tokenizer *t, frame *f, const json_t *rows, const json_t *specials)
{
    const json_t *row;
    size_t i;
    frame_free(f);
    json_array_foreach(rows, i, row)
    {
        const json_t *special = json_object_get(row, "SpecialToken"), *text = json_object_get(row, "Sequence");
        const char *name;
        int64_t segment;
        TRY(json_get_string(special ? special : text, "id", &name));
        TRY(json_get_i64_or(special ? special : text, "type_id", 0, INT32_MAX, 0, &segment));
        if (special)
            TRY(add_special(t, f, specials, name, segment));
        else
            TRY(frame_add(f, name[0] == 'B' ? FRAME_B : FRAME_A, 0, (int32_t)segment));
    }
    return LOREC_OK;
}

/* ["[SEP]", 102] */
static lorec_err read_named(tokenizer *t, const json_t *row, const char *key, int32_t *id)
{
    const json_t *number = json_array_get(json_object_get(row, key), 1);
    json_int_t value = json_integer_value(number);
    if (!json_is_integer(number) || value < 0 || (size_t)value >= t->vocabulary.n)
        return err_set(LOREC_INPUT, "\"%s\" is not a token and its id", key);
    *id = (int32_t)value;
    return LOREC_OK;
}

static lorec_err read_bert(tokenizer *t, const json_t *row)
{
    int32_t before, after;
    TRY(read_named(t, row, "cls", &before));
    TRY(read_named(t, row, "sep", &after));
    return frames_simple(t, before, after);
}

/* As BERT, but the pair's second text has a separator before it as well and all is segment 0. */
static lorec_err read_roberta(tokenizer *t, const json_t *row)
{
    int32_t before, after;
    TRY(read_named(t, row, "cls", &before));
    TRY(read_named(t, row, "sep", &after));
    TRY(frames_simple(t, before, after));
    frame_free(&t->pair);
    TRY(frame_add(&t->pair, FRAME_TOKEN, before, 0));
    TRY(frame_add(&t->pair, FRAME_A, 0, 0));
    TRY(frame_add(&t->pair, FRAME_TOKEN, after, 0));
    TRY(frame_add(&t->pair, FRAME_TOKEN, after, 0));
    TRY(frame_add(&t->pair, FRAME_B, 0, 0));
    return frame_add(&t->pair, FRAME_TOKEN, after, 0);
}

static lorec_err read_template_processing(tokenizer *t, const json_t *row)
{
    const json_t *specials = json_object_get(row, "special_tokens");
    TRY(read_template(t, &t->single, json_object_get(row, "single"), specials));
    return read_template(t, &t->pair, json_object_get(row, "pair"), specials);
}

static lorec_err read_nothing(tokenizer *t, const json_t *row) /* ByteLevel: offsets only */
{
    (void)t, (void)row;
    return LOREC_OK;
}

static const struct {
    const char *name;
    lorec_err (*read)(tokenizer *t, const json_t *row);
} kinds[] = {{"TemplateProcessing", read_template_processing},
             {"BertProcessing", read_bert},
             {"RobertaProcessing", read_roberta},
             {"ByteLevel", read_nothing}};

static lorec_err read_row(tokenizer *t, const json_t *row, int depth)
{
    if (!row || json_is_null(row)) return LOREC_OK;
    const char *type;
    TRY(json_get_string(row, "type", &type));
    if (strcmp(type, "Sequence") == 0 && depth < 8) {
        const json_t *rows = json_object_get(row, "processors"), *one;
        size_t i;
        json_array_foreach(rows, i, one) TRY(read_row(t, one, depth + 1));
        return LOREC_OK;
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(type, kinds[k].name) == 0) return kinds[k].read(t, row);
    return err_set(LOREC_INPUT, "there is no post-processor \"%.60s\"", type);
}

lorec_err frames_read(tokenizer *t, const json_t *post_processor)
{
    lorec_err e = read_row(t, post_processor, 0);
    return e ? err_context(e, "post_processor") : LOREC_OK;
}
