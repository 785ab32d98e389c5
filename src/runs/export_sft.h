/* export_sft.h: what a method tunes its language model on, as files for a trainer elsewhere; what comes back is judged here.
 *
 *     sft_exported done;
 *     TRY(export_sft(&done, &settings, "for-the-gpu"));      // the settings' one method
 *
 * The folder then holds
 *   train.jsonl, valid.jsonl   {"prompt", "answer", "user", "item"} a line: as `lorec lm train` and other trainers read it
 *   candidates.tsv             what is ranked for each test user, where that is not everything
 *   adapter_config.json        peft's: rank, alpha, dropout and products of the method's options
 *   README.md                  how to train with it, and how to judge here what comes back
 *   manifest.json              data, split, options, counts; written last
 *
 * Ownership: nothing is kept. */
#ifndef LOREC_RUNS_EXPORT_SFT_H
#define LOREC_RUNS_EXPORT_SFT_H

#include "runs/settings.h"

typedef struct sft_exported {
    uint64_t train, valid;
    bool candidates;
} sft_exported;

lorec_err export_sft(sft_exported *out, const settings *s, const char *folder);

#endif
