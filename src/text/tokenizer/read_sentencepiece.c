/* SentencePiece's .model: a protobuf message.
 *   1  repeated piece: 1 text, 2 float score, 3 type
 *   2  trainer: 3 model type (1 Unigram, 2 BPE, 3 word, 4 char), 24 spaces are suffixes, 40-43 ids of unk, bos, eos, pad
 *   3  normalizer: 2 rules, 3 add a dummy prefix, 4 remove extra spaces, 5 escape spaces
 * Everything else is passed over. */
#include "text/tokenizer/sentencepiece.h"

typedef struct field {
    uint64_t number;
    unsigned wire;
    uint64_t value; /* of a varint, or the bits of a fixed one */
    slice bytes;    /* of a length-delimited one */
} field;

static bool varint(slice *s, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && s->n; shift += 7) {
        unsigned char b = (unsigned char)*s->p++;
        s->n--;
        *out |= (uint64_t)(b & 0x7F) << shift;
        if (!(b & 0x80)) return true;
    }
    return false;
}

static bool fixed(slice *s, size_t n, uint64_t *out)
{
    if (s->n < n) return false;
    *out = 0;
    memcpy(out, s->p, n); /* little-endian, as this machine is (tensor/safetensors.c asserts it) */
    s->p += n;
    s->n -= n;
    return true;
}

/* The next field of a message; LOREC_INPUT where the bytes are none. */
static lorec_err field_next(slice *s, field *f)
{
    uint64_t tag, n;
    *f = (field){0};
    if (!varint(s, &tag)) return err_set(LOREC_INPUT, "a field of it is cut off");
    f->number = tag >> 3;
    f->wire = (unsigned)(tag & 7);
    switch (f->wire) {
    case 0:
        if (varint(s, &f->value)) return LOREC_OK;
        break;
    case 1:
        if (fixed(s, 8, &f->value)) return LOREC_OK;
        break;
    case 5:
        if (fixed(s, 4, &f->value)) return LOREC_OK;
        break;
    case 2:
        if (!varint(s, &n) || n > s->n) break;
        f->bytes = (slice){s->p, (size_t)n};
        s->p += n;
        s->n -= (size_t)n;
        return LOREC_OK;
    default:
        break;
    }
    return err_set(LOREC_INPUT, "field %llu, of wire type %u, is cut off or no protobuf", (unsigned long long)f->number,
                   f->wire);
}

static lorec_err read_piece(tokenizer *t, slice message)
{
    slice text = {"", 0};
    uint64_t type = TOKENIZER_TYPE_NORMAL;
    float score = 0;
    while (message.n) {
        field f;
        TRY(field_next(&message, &f));
        if (f.number == 1 && f.wire == 2) text = f.bytes;
        if (f.number == 2 && f.wire == 5) memcpy(&score, &f.value, sizeof score);
        if (f.number == 3 && f.wire == 0) type = f.value;
    }
    if (type < TOKENIZER_TYPE_NORMAL || type > TOKENIZER_TYPE_BYTE)
        return err_set(LOREC_INPUT, "piece %zu has type %llu", t->vocabulary.n, (unsigned long long)type);
    if (score != score) return err_set(LOREC_INPUT, "the score of piece %zu is no number", t->vocabulary.n);
    return vocabulary_add(&t->vocabulary, (int64_t)t->vocabulary.n, text, (double)score, (tokenizer_type)type);
}

static lorec_err read_trainer(sentencepiece *s, int64_t role[TOKENIZER_ROLES], slice message)
{
    uint64_t kind = 1;
    while (message.n) {
        field f;
        TRY(field_next(&message, &f));
        if (f.wire != 0) continue;
        if (f.number == 3) kind = f.value;
        if (f.number == 24) s->suffix = f.value != 0;
        if (f.number == 40) role[TOKENIZER_UNK] = (int32_t)f.value;
        if (f.number == 41) role[TOKENIZER_BOS] = (int32_t)f.value;
        if (f.number == 42) role[TOKENIZER_EOS] = (int32_t)f.value;
        if (f.number == 43) role[TOKENIZER_PAD] = (int32_t)f.value;
    }
    if (kind != 1 && kind != 2)
        return err_set(LOREC_INPUT, "its model is of type %llu; 1 (Unigram) and 2 (BPE) are read",
                       (unsigned long long)kind);
    s->bpe = kind == 2;
    return LOREC_OK;
}

static lorec_err read_normalizer(sentencepiece *s, slice message)
{
    while (message.n) {
        field f;
        TRY(field_next(&message, &f));
        if (f.number == 2 && f.wire == 2) s->charsmap = f.bytes;
        if (f.wire != 0) continue;
        if (f.number == 3) s->dummy_prefix = f.value != 0;
        if (f.number == 4) s->remove_extra = f.value != 0;
        if (f.number == 5) s->escape = f.value != 0;
    }
    return LOREC_OK;
}

lorec_err read_sentencepiece(tokenizer *t, slice bytes)
{
    sentencepiece s = {.dummy_prefix = true, .remove_extra = true, .escape = true};
    int64_t role[TOKENIZER_ROLES] = {
        [TOKENIZER_UNK] = 0,  [TOKENIZER_BOS] = 1,  [TOKENIZER_EOS] = 2,  [TOKENIZER_PAD] = -1,
        [TOKENIZER_SEP] = -1, [TOKENIZER_CLS] = -1, [TOKENIZER_MASK] = -1};
    while (bytes.n) {
        field f;
        TRY(field_next(&bytes, &f));
        if (f.wire != 2) continue;
        if (f.number == 1) TRY(read_piece(t, f.bytes));
        if (f.number == 2) TRY(read_trainer(&s, role, f.bytes));
        if (f.number == 3) TRY(read_normalizer(&s, f.bytes));
    }
    TRY(vocabulary_check(&t->vocabulary));
    for (int r = 0; r < TOKENIZER_ROLES; r++)
        if (role[r] >= 0 && (size_t)role[r] < t->vocabulary.n) t->role[r] = (int32_t)role[r];
    t->single_precision = true;
    t->add_bos = t->role[TOKENIZER_BOS] >= 0; /* LLaMA begins with <s>; T5, which has none, ends with </s> */
    t->add_eos = !t->add_bos && t->role[TOKENIZER_EOS] >= 0;
    return sentencepiece_finish(t, &s);
}
