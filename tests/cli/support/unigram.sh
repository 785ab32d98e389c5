# unigram FOLDER: a GPT-2 that anyone can foretell: all weights are 0 but a bias of the last norm, so what follows is always
# the same distribution: logits a 1, b 2, c 0, blank 0, <|end|> -1; 16 positions. Its tokens are single letters.
unigram() {
    local at=0 header='{' name shape bytes
    mkdir -p "$1"
    for name in transformer.wte.weight:5,2 transformer.ln_f.bias:2 transformer.wpe.weight:16,2 transformer.ln_f.weight:2 \
        transformer.h.0.ln_1.weight:2 transformer.h.0.ln_1.bias:2 transformer.h.0.ln_2.weight:2 transformer.h.0.ln_2.bias:2 \
        transformer.h.0.attn.c_attn.weight:2,6 transformer.h.0.attn.c_attn.bias:6 transformer.h.0.attn.c_proj.weight:2,2 \
        transformer.h.0.attn.c_proj.bias:2 transformer.h.0.mlp.c_fc.weight:2,4 transformer.h.0.mlp.c_fc.bias:4 \
        transformer.h.0.mlp.c_proj.weight:4,2 transformer.h.0.mlp.c_proj.bias:2; do
        shape=${name#*:}
        bytes=$((4 * ${shape/,/*}))
        header+="\"${name%:*}\":{\"dtype\":\"F32\",\"shape\":[$shape],\"data_offsets\":[$at,$((at + bytes))]},"
        at=$((at + bytes))
    done
    header="${header%,}}"
    while [ $((${#header} % 8)) != 0 ]; do header+=' '; done
    {
        printf "\\x$(printf %02x $((${#header} % 256)))\\x$(printf %02x $((${#header} / 256)))\0\0\0\0\0\0%s" "$header"
        for one in '\0\0\x80\x3f' '\0\0\0\x40' '\0\0\0\0' '\0\0\0\0' '\0\0\x80\xbf'; do printf "$one\0\0\0\0"; done # wte
        printf '\0\0\x80\x3f\0\0\0\0'                                                                              # ln_f.bias
        head -c $((at - 48)) /dev/zero
    } >"$1/model.safetensors"
    cat >"$1/config.json" <<'JSON'
{"model_type": "gpt2", "vocab_size": 5, "n_positions": 16, "n_embd": 2, "n_layer": 1, "n_head": 1, "n_inner": 4,
 "eos_token_id": 4}
JSON
    cat >"$1/tokenizer.json" <<'JSON'
{"added_tokens": [{"id": 4, "content": "<|end|>", "special": true}], "decoder": {"type": "Fuse"},
 "model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1, "c": 2, " ": 3}}}
JSON
}
