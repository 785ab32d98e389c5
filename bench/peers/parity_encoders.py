"""Tiny encoders, encoder-decoders and image models of many configurations, with what transformers says of them: folders for
`lorec lm check`, in its form (inputs, outputs, gradients, AdamW losses).

    python bench/peers/parity_encoders.py OUT [SEED]

Weights are random; nothing is downloaded.
"""
import json
import os
import sys

import numpy as np
import torch
import transformers as T
from safetensors.torch import load_file, save_file

out, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
torch.set_num_threads(1)
g = torch.Generator().manual_seed(seed)
V, D, H, L, F = 97 + seed % 7, 32 + 16 * (seed % 3), 4, 2 + seed % 2, 56 + 8 * (seed % 5)
STEPS = dict(lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)


def bert(**kw):
    return dict(vocab_size=V, hidden_size=D, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F,
                hidden_dropout_prob=0, attention_probs_dropout_prob=0, max_position_embeddings=40, **kw)


def t5(**kw):
    return dict(vocab_size=V, d_model=D, d_kv=12, d_ff=F, num_layers=L, num_heads=H, dropout_rate=0.0,
                decoder_start_token_id=0, **kw)


def bart(**kw):
    return dict(vocab_size=V, d_model=D, encoder_layers=L, decoder_layers=L + 1, encoder_attention_heads=H,
                decoder_attention_heads=2, encoder_ffn_dim=F, decoder_ffn_dim=F + 8, max_position_embeddings=40,
                dropout=0, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, **kw)


def distil(**kw):
    return dict(vocab_size=V, dim=D, n_layers=L, n_heads=H, hidden_dim=F, max_position_embeddings=40, dropout=0,
                attention_dropout=0, **kw)


def image(**kw):
    return dict(hidden_size=D, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F, **kw)


def clip(**kw):
    text = dict(vocab_size=V, hidden_size=D, num_hidden_layers=L, num_attention_heads=H, intermediate_size=F,
                max_position_embeddings=32, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    text.update(kw)
    return T.CLIPConfig(text_config=text, vision_config=image(image_size=24, patch_size=6), projection_dim=20)


MASKED = {
    "bert-untied": lambda: T.BertForMaskedLM(T.BertConfig(**bert(tie_word_embeddings=False))),
    "bert-relu-1layer": lambda: T.BertForMaskedLM(T.BertConfig(**{**bert(hidden_act="relu"), "num_hidden_layers": 1})),
    "bert-gelu_new": lambda: T.BertForMaskedLM(T.BertConfig(**bert(hidden_act="gelu_new", layer_norm_eps=1e-6))),
    "xlm-roberta": lambda: T.XLMRobertaForMaskedLM(T.XLMRobertaConfig(**bert(pad_token_id=1, type_vocab_size=1))),
    "electra-square": lambda: T.ElectraForMaskedLM(T.ElectraConfig(**bert(embedding_size=D))),
    "distilbert-relu": lambda: T.DistilBertForMaskedLM(T.DistilBertConfig(**distil(activation="relu"))),
}
SEQ2SEQ = {
    "t5-v1.1-silu": lambda: T.T5ForConditionalGeneration(T.T5Config(**t5(feed_forward_proj="gated-silu",
                                                                        tie_word_embeddings=False))),
    "t5-few-buckets": lambda: T.T5ForConditionalGeneration(T.T5Config(**t5(relative_attention_num_buckets=8,
                                                                          relative_attention_max_distance=10))),
    "t5-deep-decoder": lambda: T.T5ForConditionalGeneration(T.T5Config(**t5(num_decoder_layers=L + 1))),
    "mt5": lambda: T.MT5ForConditionalGeneration(T.MT5Config(**t5())),
    "bart-scaled": lambda: T.BartForConditionalGeneration(T.BartConfig(**bart(scale_embedding=True))),
    "bart-relu": lambda: T.BartForConditionalGeneration(T.BartConfig(**bart(activation_function="relu"))),
}
PLAIN = {
    "bert-body": lambda: T.BertModel(T.BertConfig(**bert())),
    "bert-classes": lambda: T.BertForSequenceClassification(T.BertConfig(**bert(num_labels=3))),
    "roberta-classes": lambda: T.RobertaForSequenceClassification(T.RobertaConfig(**bert(num_labels=4,
                                                                                        pad_token_id=1))),
    "distilbert-classes": lambda: T.DistilBertForSequenceClassification(T.DistilBertConfig(**distil(num_labels=2))),
    "electra-classes": lambda: T.ElectraForSequenceClassification(T.ElectraConfig(**bert(num_labels=5,
                                                                                        embedding_size=24))),
    "electra-discriminator": lambda: T.ElectraForPreTraining(T.ElectraConfig(**bert(embedding_size=24))),
    "t5-encoder": lambda: T.T5EncoderModel(T.T5Config(**t5())),
}
IMAGES = {
    "vit-classes": lambda: T.ViTForImageClassification(T.ViTConfig(**image(image_size=24, patch_size=8,
                                                                           num_labels=3))),
    "vit-gray-unbiased": lambda: T.ViTModel(T.ViTConfig(**image(image_size=16, patch_size=4, num_channels=1,
                                                                qkv_bias=False))),
    "clip-end": lambda: T.CLIPModel(clip(eos_token_id=5)),
}


def reset(m):
    with torch.no_grad():
        for n, p in sorted(m.named_parameters()):
            if p.dim() >= 2:
                p.copy_(torch.randn(p.shape, generator=g) * (0.6 / p.shape[-1] ** 0.5))
            elif "norm" in n.lower():
                p.copy_((1 if n.endswith("weight") else 0) + torch.randn(p.shape, generator=g) * 0.1)
            elif p.dim() == 1:
                p.copy_(torch.randn(p.shape, generator=g) * 0.05)


def dump(name, m, inputs, train=None):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    reset(m)
    m.eval()
    m.save_pretrained(folder)

    def put(key, x):
        np.save(os.path.join(folder, key + ".npy"), x)

    with torch.no_grad():
        o = m(**inputs, output_hidden_states=True)
    for k, v in inputs.items():
        put(k, v.numpy().astype(np.float32 if v.is_floating_point() else np.int64))
    for k in ("logits", "last_hidden_state", "pooler_output", "text_embeds", "image_embeds", "logits_per_image",
              "encoder_last_hidden_state"):
        if getattr(o, k, None) is not None:
            put(k, getattr(o, k).numpy().astype(np.float32))
    for k in ("hidden_states", "encoder_hidden_states", "decoder_hidden_states"):
        if getattr(o, k, None) is not None:
            put(k, torch.stack(list(getattr(o, k))).numpy().astype(np.float32))
    meta = dict(arch=name, seed=seed, transformers=T.__version__, torch=torch.__version__)
    if train:
        labels = inputs[train].clone()
        labels[:, :2] = -100
        put("labels", labels.numpy())
        args = {k: v for k, v in inputs.items() if k != "decoder_input_ids"}
        opt, losses = torch.optim.AdamW(m.parameters(), **STEPS), []
        for step in range(4):
            opt.zero_grad()
            loss = m(**args, labels=labels).loss
            loss.backward()
            losses.append(float(loss.detach()))
            if step == 0:
                kept = load_file(os.path.join(folder, "model.safetensors"))  # tied ones are stored once: under that name
                names = {p.data_ptr(): n for n, p in m.state_dict(keep_vars=True).items() if n in kept}
                save_file({names.get(p.data_ptr(), n): p.grad.contiguous().clone() for n, p in m.named_parameters()
                           if p.grad is not None}, os.path.join(folder, "grads.safetensors"))
            opt.step()
        meta.update(adamw_losses=losses, adamw=dict(STEPS, betas=list(STEPS["betas"])))
    json.dump(meta, open(os.path.join(folder, "meta.json"), "w"), indent=1)


def ids(n, t, low=6):
    return torch.randint(low, V, (n, t), generator=g)


def mask(n, t):
    m = torch.ones(n, t, dtype=torch.long)
    for i in range(1, n):
        m[i, t - 3 * i:] = 0
    return m


for name, make in MASKED.items():
    dump(name, make(), dict(input_ids=ids(3, 21), attention_mask=mask(3, 21)), "input_ids")
for name, make in SEQ2SEQ.items():
    dump(name, make(), dict(input_ids=ids(3, 23), attention_mask=mask(3, 23), decoder_input_ids=ids(3, 13)),
         "decoder_input_ids")
for name, make in PLAIN.items():
    dump(name, make(), dict(input_ids=ids(3, 15), attention_mask=mask(3, 15)))
for name, make in IMAGES.items():
    m = make()
    c = getattr(m.config, "vision_config", m.config)
    x = dict(pixel_values=torch.randn(2, c.num_channels, c.image_size, c.image_size, generator=g))
    if name.startswith("clip"):
        x["input_ids"] = ids(3, 12)
        x["input_ids"][:, 0], x["input_ids"][:, 9:] = 1, 5
    dump(name, m, x)
