#!/usr/bin/env python3
"""A GGUF without a vocabulary, and a llama2.c tokenizer: one GGUF with both, which llama.cpp's server can use.

    python3 gguf_vocabulary.py IN.gguf tok512.bin OUT.gguf        # needs gguf
"""
import struct, sys
import gguf

def main(source, vocabulary, target):
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture" or field.name.startswith("tokenizer."):
            continue
        kind = field.types[0]
        value = field.contents()
        writer.add_key_value(field.name, value, kind, field.types[1] if kind == gguf.GGUFValueType.ARRAY else None)
    data, at, tokens, scores = open(vocabulary, "rb").read(), 4, [], []
    while at < len(data):
        score, n = struct.unpack_from("<fi", data, at)
        tokens.append(data[at + 8 : at + 8 + n])
        scores.append(score)
        at += 8 + n
    kinds = []
    for i, t in enumerate(tokens):
        tokens[i] = t.replace(b" ", "\u2581".encode())
        kinds.append(2 if i == 0 else 3 if i < 3 else 6 if 3 <= i < 259 else 1)
    tokens[:3] = [b"<unk>", b"<s>", b"</s>"]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for t in reader.tensors:
        writer.add_tensor(t.name, t.data, raw_dtype=t.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

main(*sys.argv[1:])
