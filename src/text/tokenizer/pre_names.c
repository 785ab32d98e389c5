#include "text/tokenizer/pre_names.h"

#include <string.h>

#include "text/tokenizer/parts.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define PUNCTUATION  "!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~"
#define GPT2         "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
/* the family of GPT-4's pattern: contractions, words, numbers, marks, lines, spaces */
#define WORDS        "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define MARKS        " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define LINES        "\\s*[\\r\\n]+"
#define SPACES       "\\s+(?!\\S)|\\s+"
#define LLAMA3       CONTRACTIONS "|" WORDS "|\\p{N}{1,3}|" MARKS "|" LINES "|" SPACES
#define QWEN2        CONTRACTIONS "|" WORDS "|\\p{N}|" MARKS "|" LINES "|" SPACES
/* words by case: a capital begins a new one */
#define UPPER        "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER        "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(c)     "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" c "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" c
#define SLASHED      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
#define GPT4O        CASED("(?:" CONTRACTIONS ")?") "|\\p{N}{1,3}|" SLASHED "|" LINES "|" SPACES
#define DEEPSEEK3                                                                                                      \
    "[" PUNCTUATION "][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" LINES         \
    "|" SPACES
#define KANA_AND_HAN  "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"
#define HAN_TO_HANGUL "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"
#define BLOOM         " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{964}\\x{6D4}\\x{60C})]+"

/* letters with case of Latin, Greek, Cyrillic, Armenian, Georgian, Cherokee ... as DeepSeek's tokenizer.json lists them */
#define DEEPSEEK_LETTERS                                                                                               \
    "\\s?["                                                                                                            \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}\\x{1C4}-\\x{293}"                    \
    "\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}\\x{386}\\x{388}-\\x{38A}"             \
    "\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}"                    \
    "\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}"                  \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}"                  \
    "\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}"          \
    "\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}"         \
    "\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}"                   \
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}"                    \
    "\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}"                    \
    "\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}"                   \
    "\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}"                  \
    "\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}"                \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}"                             \
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"                                                                       \
    "]+"

static const pre_name rows[] = {
    {"default", {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert mpt olmo jais trillion "
     "granite-docling exaone4 gpt-neox",
     {GPT2}},
    {"roberta-bpe jina-v1-en jina-v2-code", {GPT2}, .add_sep = 1},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     {LLAMA3},
     .ignore_merges = 1,
     .add_bos = 1},
    {"dbrx smaug-bpe chatglm-bpe", {LLAMA3}},
    {"glm4 glm5", {LLAMA3}, .ignore_merges = 1},
    {"minicpm5", {"\\p{N}{1,3}", CONTRACTIONS "|" WORDS "|\\p{N}+|" MARKS "|" LINES "|" SPACES}, .ignore_merges = 1},
    {"jais-2",
     {CONTRACTIONS "|" WORDS "|\\p{N}{1,3}|" MARKS "|" LINES
                   "|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)|"
                   "\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}"}},
    {"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2", {QWEN2}},
    {"qwen35",
     {CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES
                   "|" SPACES}},
    {"ufakzeka", {WORDS "|\\p{N}|" MARKS "|" LINES "|" SPACES}},
    {"laguna", {"[^\\n]+|[\\n]+", QWEN2}},
    {"seed-coder", {CONTRACTIONS "|" WORDS "|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINES "|" SPACES}},
    {"bailingmoe bailingmoe2 llada-moe", {"'(?i:[sdmt]|ll|ve|re)|" WORDS "|\\p{N}|" MARKS "|\\s*[\\r\\n]|" SPACES}},
    {"exaone-moe",
     {CONTRACTIONS
      "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|"
      "\\s*[\\r\\n]|" SPACES}},
    {"gpt-4o llama4 kanana2 talkie minimax-m2", {GPT4O}},
    {"granite-embed-multi-97m", {GPT4O}, .ignore_merges = 1},
    {"tiny_aya cohere2moe", {"\\d{1,3}(?=(?:\\d{3})*\\b)", GPT4O}},
    {"tekken", {CASED("") "|\\p{N}|" SLASHED "|" LINES "|" SPACES}, .ignore_merges = 1, .add_bos = 1},
    {"youtu",
     {"[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+|[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}\\x{2018}\\x{2019}\\x{2014}\\x{"
      "FF1A}"
      "\\x{FF1B}\\x{FF0C}\\x{3001}-\\x{303F}\\x{FE30}-\\x{FE4F}]+|[\\x{3105}-\\x{312F}]+|" KANA_AND_HAN,
      CASED("(?:" CONTRACTIONS ")?") "|\\p{N}|" SLASHED "|" LINES "|" SPACES},
     .ignore_merges = 1},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", {"\\p{N}{1,3}", KANA_AND_HAN, DEEPSEEK3}},
    {"spark2_5",
     {"\\p{N}{1,3}", KANA_AND_HAN,
      "[" PUNCTUATION "][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+|[\\r\\n]|" SPACES,
      "\\p{N}"}},
    {"deepseek-coder", {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN_TO_HANGUL, "\\p{N}"}},
    {"deepseek-llm",
     {"[\\r\\n]", DEEPSEEK_LETTERS,
      "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+", "\\s+$",
      HAN_TO_HANGUL, "\\p{N}+"}},
    {"falcon", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", {"\\p{N}", GPT2}},
    {"bloom poro-chat gpt3-finnish", {BLOOM}},
    {"viking", {BLOOM, "\\p{N}"}},
    {"chameleon",
     {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", "([\\t\\n]|    |  )", "\\p{N}",
      "[\\p{P}!-/:-@\\[-`{-~]", GPT2},
     .add_bos = 1},
    {"superbpe", {"\\p{N}+", "(?=(\\d{3})+(?!\\d))"}},
    {"kimi-k2", {"\\p{Han}+", CASED("(?:" CONTRACTIONS ")?") "|\\p{N}{1,3}|" MARKS "|" LINES "|" SPACES}},
    {"afmoe",
     {"\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))",
      "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{F900}-\\x{FAFF}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}\\x{FF65}-"
      "\\x{FF9F}\\x{2F00}-\\x{2FDF}\\x{E40}-\\x{EFF}\\x{1780}-\\x{17FF}\\x{1000}-\\x{109F}\\x{AA60}-\\x{AA7F}\\x{A9E0}-"
      "\\x{A9FF}\\x{AC00}-\\x{D7AF}\\x{1100}-\\x{11FF}]+",
      DEEPSEEK3}},
    {"gemma4 granite-embed-multi-311m", {"[^\\n]+|[\\n]+"}, .add_bos = 1, .characters = 1},
    {"sarvam-moe", {"[^\\n]+|[\\n]+"}, .characters = 1},
};

const pre_name *pre_name_find(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && n; i++)
        for (const char *at = rows[i].names; (at = strstr(at, name)); at += n)
            if ((at == rows[i].names || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return &rows[i];
    return NULL;
}

const pre_name *pre_name_at(size_t i)
{
    return i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}
