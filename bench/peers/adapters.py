"""Adapters as peft computes them, as fixture folders for `lorec lm check`, and adapters that lorec wrote, loaded by peft.

    python bench/peers/adapters.py make OUT                      # OUT/gpt2-lora, OUT/llama-lora, OUT/llama-prefix ...
    python bench/peers/adapters.py load BASE ADAPTER IDS.npy     # prints the mean loss of the next token under peft

make: random small models with adapters whose every value is drawn, their logits, the gradients of the adapter and four AdamW losses.
"""
import json
import os
import sys

import numpy as np
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=61, n_positions=48, n_embd=32, n_layer=2, n_head=4, resid_pdrop=0, embd_pdrop=0,
                                      attn_pdrop=0))


def llama():
    return LlamaForCausalLM(LlamaConfig(vocab_size=61, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=48))


CASES = {
    "gpt2-lora": (gpt2, LoraConfig(r=3, lora_alpha=6, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")),
    "gpt2-lora-all": (gpt2, LoraConfig(r=2, lora_alpha=5, use_rslora=True, target_modules=["c_attn", "c_proj", "c_fc"],
                                       fan_in_fan_out=True, task_type="CAUSAL_LM")),
    "llama-lora": (llama, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")),
    "llama-lora-ffn": (llama, LoraConfig(r=4, use_rslora=True, target_modules=["gate_proj", "o_proj", "down_proj"],
                                         task_type="CAUSAL_LM")),
    "gpt2-prefix": (gpt2, PrefixTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM")),
    "llama-prefix": (llama, PrefixTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM")),
    "gpt2-prompt": (gpt2, PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")),
    "llama-prompt": (llama, PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")),
}


def make(out):
    for name, (base, config) in CASES.items():
        torch.manual_seed(len(name))
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        plain = base()
        for p in plain.parameters():
            p.data.normal_(std=0.15)
        plain.save_pretrained(folder)
        model = get_peft_model(plain, config)
        learn = {n: p for n, p in model.named_parameters() if p.requires_grad}
        for p in learn.values():
            p.data.normal_(std=0.3)
        model.save_pretrained(folder)
        model.train()  # no dropout anywhere; peft reads prefixes from another place when it does not train
        ids = torch.randint(0, 61, (3, 11))
        virtual = getattr(config, "num_virtual_tokens", 0)

        def loss():
            logits = model(input_ids=ids).logits
            logits = logits[:, logits.shape[1] - ids.shape[1]:]  # a soft prompt's rows come first
            return logits, torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())

        logits, value = loss()
        value.backward()
        saved = lambda n: "prompt_embeddings" if virtual else n.replace(".default.", ".")
        grads = {saved(n): p.grad.clone().contiguous() for n, p in learn.items()}
        np.save(os.path.join(folder, "input_ids.npy"), ids.numpy())
        np.save(os.path.join(folder, "labels.npy"), ids.numpy())
        np.save(os.path.join(folder, "logits.npy"), logits.detach().numpy())
        save_file(grads, os.path.join(folder, "grads.safetensors"))
        optimizer = torch.optim.AdamW(learn.values(), lr=1e-2, weight_decay=0.01)
        losses = []
        for _ in range(4):
            optimizer.zero_grad()
            value = loss()[1]
            losses.append(value.item())
            value.backward()
            optimizer.step()
        with open(os.path.join(folder, "meta.json"), "w") as f:
            json.dump({"adamw": {"lr": 1e-2, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}, "adamw_losses": losses}, f)
        print(name, losses)


def load(base, adapter, ids):
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
    ids = torch.from_numpy(np.load(ids)).long()
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    logits = logits[:, logits.shape[1] - ids.shape[1]:]
    print(torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item())


if __name__ == "__main__":
    make(sys.argv[2]) if sys.argv[1] == "make" else load(*sys.argv[2:5])
