/* parts.h: the inside of a tokenizer: its vocabulary, its steps and the workspace that a call uses.
 *
 * A step (normalizer, pre-tokenizer or decoder) turns the workspace's text and words into new ones. Its kind is a row
 * of one of three tables; adding one is a function and a row.
 *
 *     static lorec_err strip(const step *s, workspace *w) { ... }
 *     {"Strip", read_strip, strip},
 *
 * Ownership: a tokenizer owns everything below it; workspaces are lent by workspace_take and go back to it. */
#ifndef LOREC_TEXT_TOKENIZER_PARTS_H
#define LOREC_TEXT_TOKENIZER_PARTS_H

#include <pthread.h>

#include "base/ids.h"
#include "base/mem.h"
#include "text/regex.h"
#include "text/tokenizer.h"
#include "text/tokenizer/byte_trie.h"
#include "text/tokenizer/charsmap.h"

/* ---- vocabulary --------------------------------------------------------------------------------------------------------- */

typedef struct vocabulary {
    ids texts;         /* the different texts */
    int32_t *id_of;    /* [texts.n] the id of a text (the last one that has it) */
    uint32_t *text_of; /* [n] the text of an id + 1; 0: a gap */
    uint8_t *type;     /* [n] tokenizer_type */
    double *score;     /* [n] */
    size_t n;          /* the largest id + 1 */
    size_t expected;   /* how many tokens a reader is about to add, for the check of ids */
    size_t id_of_cap, text_of_cap, type_cap, score_cap;
} vocabulary;

/* Ids far above the number of tokens are refused: a file of a few bytes must not claim gigabytes. */
lorec_err vocabulary_add(vocabulary *v, int64_t id, slice text, double score, tokenizer_type type);
lorec_err vocabulary_check(const vocabulary *v);
bool vocabulary_find(const vocabulary *v, slice text, int32_t *id);
slice vocabulary_text(const vocabulary *v, int32_t id); /* p NULL: a gap */
void vocabulary_free(vocabulary *v);

lorec_err base64_decode(slice text, buf *out);  /* appended */
lorec_err base64_encode(slice bytes, buf *out); /* appended */

/* "<0x0A>" is 10; anything else, "<0x-1>" too, is -1. */
int byte_piece(slice text);

/* The characters by which byte-level vocabularies write bytes (GPT-2's table). */
lorec_err byte_level_encode(slice bytes, buf *out);         /* appended */
bool byte_level_decode(slice text, buf *out, lorec_err *e); /* false: a character that stands for no byte */
int byte_level_byte(uint32_t c);                            /* or -1 */
uint32_t byte_level_character(unsigned char byte);

/* ---- steps -------------------------------------------------------------------------------------------------------------- */

typedef struct span {
    size_t begin, end; /* of workspace.text */
} span;
typedef struct spans {
    span *at;
    size_t n, cap;
} spans;
lorec_err spans_add(spans *s, size_t begin, size_t end); /* empty ones too */

typedef struct step step;
typedef struct workspace workspace;
typedef struct step_kind {
    const char *name;                              /* Hugging Face's "type" */
    lorec_err (*read)(step *s, const json_t *row); /* or NULL: no settings */
    lorec_err (*run)(const step *s, workspace *w);
} step_kind;

typedef enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_WITH_PREVIOUS,
    SPLIT_WITH_NEXT,
    SPLIT_CONTIGUOUS
} split_behavior;

typedef enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER } prepend_scheme;

struct step { /* what the kinds need, each its own few */
    const step_kind *kind;
    regex *pattern;
    buf text, content;
    charsmap map;
    const byte_trie *keep; /* pieces that SentencePiece's normalizer leaves alone */
    int form;              /* unicode_form, prepend_scheme */
    split_behavior behavior;
    bool invert, left, right, split, lower, accents, clean, cjk, individual;
    int64_t start, stop;
};

typedef struct steps {
    step *at;
    size_t n, cap;
} steps;
lorec_err steps_add(steps *s, const step_kind *kind, step **out); /* zeroed */
const step_kind *step_kind_find(const step_kind *kinds, const char *name);
/* A row, a Sequence of rows (flattened, at most 8 deep) or null. `list` is the name of a Sequence's list. */
lorec_err steps_read(steps *s, const step_kind *kinds, const char *list, const char *what, const json_t *row);
lorec_err steps_run(const steps *s, workspace *w);
void steps_free(steps *s);
lorec_err step_pattern(step *s, const json_t *pattern); /* {"String": ...} or {"Regex": ...} */

extern const step_kind normalizer_kinds[], pre_tokenizer_kinds[], decoder_kinds[];   /* ended by a NULL name */
extern const step_kind normalizer_sentencepiece, pre_tokenizer_marks, decoder_clean; /* kinds that no file names */
extern const char byte_level_pattern[];                                              /* GPT-2's words */
lorec_err replace_all(const step *s, workspace *w, slice text, buf *out);            /* s->pattern by s->content */

/* ---- workspace ---------------------------------------------------------------------------------------------------------- */

typedef struct bpe_symbol {
    int32_t id;             /* -1: unknown; n and more: a loose character */
    int32_t previous, next; /* -1: none */
    uint32_t rank;          /* of the merge with the next one; UINT32_MAX: none */
    int32_t merged;         /* what that merge makes */
    size_t begin, end;      /* of the word */
} bpe_symbol;
typedef struct bpe_candidate {
    uint32_t rank;
    int32_t left, left_id, right_id;
} bpe_candidate;
typedef struct lattice_node {
    double score;
    size_t from; /* SIZE_MAX: not reached */
    int32_t id;
} lattice_node;

enum { WORD_CACHE = 1 << 13, WORD_CACHE_BYTES = 40, WORD_CACHE_IDS = 12 };
typedef struct cached_word {
    uint8_t bytes, n; /* n 0: empty */
    char text[WORD_CACHE_BYTES];
    int32_t id[WORD_CACHE_IDS];
} cached_word;

struct workspace {
    workspace *next;
    buf text, other;   /* steps read the one and write the other, then swap */
    spans words, made; /* the same for words */
    bool at_start;     /* the text begins where the user's text begins */
    buf escaped, held, bytes, piece;
    regex_scratch *regex;
    bpe_symbol *symbol;
    bpe_candidate *heap;
    lattice_node *node;
    size_t symbol_cap, heap_cap, heap_n, node_cap;
    cached_word *cache;
    tokens ids;
};
void workspace_swap_text(workspace *w);
void workspace_swap_words(workspace *w);
static inline slice workspace_word(const workspace *w, size_t i)
{
    return (slice){w->text.p + w->words.at[i].begin, w->words.at[i].end - w->words.at[i].begin};
}
lorec_err workspace_take(const tokenizer *t, workspace **out);
void workspace_give(const tokenizer *t, workspace *w);
void tokenizer_drop_idle(tokenizer *t); /* frees the workspaces that wait */

/* ---- models ------------------------------------------------------------------------------------------------------------- */

typedef struct model_kind {
    const char *name;                                   /* Hugging Face's "type" */
    lorec_err (*read)(tokenizer *t, const json_t *row); /* vocabulary and settings */
    lorec_err (*build)(tokenizer *t);                   /* after the vocabulary is complete */
    lorec_err (*encode)(const tokenizer *t, workspace *w, slice word, tokens *out); /* a word that is not empty */
    bool cached;                                                                    /* worth remembering words */
} model_kind;
extern const model_kind model_bpe, model_unigram, model_wordpiece, model_wordlevel;

typedef struct merge {   /* a slot of the table of merges */
    int32_t left, right; /* left -1: free */
    uint32_t rank;
    int32_t result;
} merge;

typedef struct merges {
    merge *slot; /* [size], size a power of 2 */
    size_t n, size;
} merges;
lorec_err merges_add(merges *m, int32_t left, int32_t right, uint32_t rank, int32_t result); /* the first one counts */
const merge *merges_find(const merges *m, int32_t left, int32_t right);

/* ---- added tokens and frames -------------------------------------------------------------------------------------------- */

typedef struct added_token {
    int32_t id;
    bool single_word, strip_left, strip_right, normalized, special;
    bool verbatim; /* `text` is how it stands in normalised text already */
    buf text;      /* as it is looked for: normalised where it says so */
} added_token;

typedef struct frame_part {
    enum { FRAME_TOKEN, FRAME_A, FRAME_B } what;
    int32_t id;
    int32_t segment;
} frame_part;
typedef struct frame {
    frame_part *part;
    size_t n, cap;
} frame;
lorec_err frame_add(frame *f, int what, int32_t id, int32_t segment);
void frame_free(frame *f);
lorec_err frames_read(tokenizer *t, const json_t *post_processor);
/* The usual ones: `before` and `after` are ids or -1; [before] a [after] and [before] a [after] b [after]. */
lorec_err frames_simple(tokenizer *t, int32_t before, int32_t after);

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

struct tokenizer {
    vocabulary vocabulary;
    steps normalizer, pre_tokenizer, decoder;
    const model_kind *model;
    frame single, pair;

    added_token *added;
    size_t n_added, added_cap;
    byte_trie raw_added, normalized_added; /* text -> index into `added` */
    uint8_t *special;                      /* [vocabulary.n] */
    int32_t role[TOKENIZER_ROLES];

    /* BPE and what the others share */
    bool byte_level;       /* words are bytes: the vocabulary writes them by GPT-2's table */
    bool byte_fallback;    /* characters that are not known are written as <0xNN> */
    bool ignore_merges;    /* a word that is a token is that token */
    bool fuse_unknown;     /* unknown characters in a row are one token */
    bool single_precision; /* Unigram sums scores in floats, as SentencePiece does */
    bool first_marked;     /* WordPiece as GGUF writes it: "▁un", "able" for "un", "##able" */
    bool add_bos, add_eos; /* the frame where no post-processor makes one */
    buf prefix, suffix;    /* of pieces inside a word, at its end: "##", "</w>" */
    int64_t longest_word;  /* WordPiece: in characters; longer ones are unknown */
    merges merges;
    int32_t byte_id[256], last_byte_id[256]; /* -1: there is none */
    ids loose;              /* characters that only occur inside pieces: symbols n, n + 1, ... while merging */
    byte_trie first, inner; /* WordPiece: pieces at the begin of a word, and inside */
    packed_trie packed;     /* Unigram's pieces */
    byte_trie kept;         /* user-defined pieces */
    double unknown_score, best_score;
    int32_t anchor; /* a token of one letter: what an id adds is what it adds after this one */

    pthread_mutex_t lock;
    workspace *idle;
};

lorec_err tokenizer_new(tokenizer **out);
lorec_err bpe_add_merge(tokenizer *t, slice left, slice right, uint32_t rank);
/* An added token: into the vocabulary where it is new there. `text` is its content, a->text is filled in here. */
lorec_err tokenizer_add(tokenizer *t, added_token a, slice text);
lorec_err tokenizer_finish(tokenizer *t); /* after all was put in: checks, tables, tries */
void tokenizer_set_role(tokenizer *t, tokenizer_role role, slice text); /* left alone where there is no such token */
/* The next added token in s at or after `from`: with single_word, strips and the flags of encode considered. */
bool added_next(const tokenizer *t, const byte_trie *trie, slice s, size_t from, unsigned flags, span *at, int32_t *id);
lorec_err tokenizer_find_anchor(tokenizer *t);
lorec_err added_build(tokenizer *t);                            /* both tries */
extern const char *const tokenizer_role_names[TOKENIZER_ROLES]; /* "bos_token" ... */

/* The settings files beside a vocabulary: tokenizer_config.json, special_tokens_map.json, added_tokens.json (absent ones
 * are skipped). Between reading a vocabulary and tokenizer_finish. */
lorec_err settings_read(tokenizer *t, const char *folder);

/* A tokenizer.json without tokenizer_finish, and the same of other files; `made` is empty but for tokenizer_new. */
lorec_err read_tokenizer_json(tokenizer *made, const json_t *tree);
lorec_err read_sentencepiece(tokenizer *made, slice bytes);
lorec_err read_llama2c(tokenizer *made, slice bytes);
lorec_err read_tiktoken(tokenizer *made, slice file, bool qwen);
bool looks_like_tiktoken(slice file);
lorec_err read_vocabulary(tokenizer *made, const tokenizer_vocabulary *v);
lorec_err read_gguf(tokenizer *made, const char *path);
lorec_err read_vocab_txt(tokenizer *made, const char *path, const char *folder);
lorec_err read_vocab_json(tokenizer *made, json_t *tree, const char *folder); /* {"piece": id}, and merges.txt there */
/* Steps written as rows of a tokenizer.json, for sources that do not hold theirs. */
lorec_err preset_normalizer(tokenizer *t, const char *rows);
lorec_err preset_pre_tokenizer(tokenizer *t, const char *rows);
lorec_err preset_decoder(tokenizer *t, const char *rows);
lorec_err bert_steps(tokenizer *t, bool lower, bool accents, bool cjk);
void roles_guess(tokenizer *t); /* special tokens by the names that models use */

#endif
