"""Language models."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _core
from ._dataset import Path

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Generated:
    """A text that a model said."""

    text: str
    logprob: float
    """The sum of the natural logs of its tokens' probabilities."""
    ended: str
    """"end", "stop", "length" or "cancelled"."""
    choice: Optional[int]
    """Which of `only` it is."""
    ids: np.ndarray = field(repr=False, compare=False)
    """int32, an end token included."""

    def __str__(self) -> str:
        return self.text


class LM:
    """A language model as published: a Hugging Face folder, a .gguf, .safetensors or llama2.c file.

    >>> lm = lorec.LM("models/qwen3")
    >>> lm.score("I liked Heat. Next I watch", [" Ronin", " Bambi"])       # log probabilities, one forward pass
    >>> lm.generate("I liked Heat. Next:", only=titles, beams=10)          # nothing but these titles, best first
    >>> lm.embed(titles)                                                   # float32 [titles, width]

    Encoders (BERT, E5 ...) only embed. A model that does both is read a second time at the first embed. Threads may share one.
    """

    def __init__(
        self,
        path: Path,
        *,
        tokenizer: Optional[Path] = None,
        weights: str = "keep",
        bf16: bool = False,
        memory: int = 0,
        pooling: Optional[str] = None,
        prompt: Optional[str] = None,
        normalize: Optional[bool] = None,
        max_tokens: int = 0,
    ):
        """tokenizer: where it is not beside the model. weights: "keep" as the file has them, "f32", "bf16", "q8", "q4". bf16:
        activations too. memory: most bytes of keys and values of a call. The rest is about embed, each as the model's own
        files say where nothing is given: pooling ("mean", "cls", "lasttoken" ...), prompt put before every text (one of the
        model's by name, or a text), normalize to length 1, max_tokens of a text."""
        self._handle = _core.lm_open(
            os.fspath(path),
            None if tokenizer is None else os.fspath(tokenizer),
            weights,
            bf16,
            memory,
            pooling,
            prompt,
            0 if normalize is None else 1 if normalize else -1,
            max_tokens,
        )
        self.path = os.fspath(path)
        self.type: str
        self.vocab: int
        self.positions: int
        self.parameters: int
        self.type, self.vocab, self.positions, self.parameters = self._handle.about()

    def tokenize(self, text: str, *, framed: bool = False) -> np.ndarray:
        """int32 ids; framed: with what the model's tokenizer puts around a text (BOS, [CLS] ... [SEP])."""
        import numpy as np

        return np.frombuffer(self._handle.tokenize(text, framed), np.int32)

    def detokenize(self, ids: Any, *, special: bool = False) -> str:
        """The text of ids; special: BOS and its like are written too. Bytes that are no UTF-8 become U+FFFD."""
        import numpy as np

        return self._handle.detokenize(np.ascontiguousarray(ids, np.int32), special).decode("utf-8", "replace")

    def logits(self, inputs: Any, *, every: bool = False, out: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits of what follows, float32: inputs is a text, one sequence of ids, or a list of either. One input gives
        [vocab], a list [inputs, vocab]; every: after each token, [tokens, vocab], of a list one behind the other. A text is
        framed as prompts are. out: a float32 array to fill."""
        import numpy as np

        one = isinstance(inputs, str) or (len(inputs) > 0 and not isinstance(inputs[0], (str, Sequence, np.ndarray)))
        rows = [self._prompt(x) if isinstance(x, str) else np.ascontiguousarray(x, np.int32) for x in ([inputs] if one else inputs)]
        lengths = np.array([len(r) for r in rows], np.int32)
        packed = np.concatenate(rows).astype(np.int32, copy=False) if rows else np.empty(0, np.int32)
        shape: tuple[int, ...] = (int(lengths.sum()) if every else len(rows), self.vocab)
        if out is None:
            out = np.empty(shape, np.float32)
        self._handle.logits(packed, lengths, every, out)
        return out.reshape(shape)[0] if one and not every else out.reshape(shape)

    def _prompt(self, text: str) -> np.ndarray:
        """Framed, but for an end token that would say that nothing follows."""
        framed = self.tokenize(text, framed=True)
        plain = self.tokenize(text)
        n = len(plain)
        for at in range(len(framed) - n, -1, -1):
            if n and (framed[at : at + n] == plain).all():
                return framed[: at + n]
        return framed

    def score(
        self, prompt: str, continuations: Iterable[str], *, ends: bool = False, mean: bool = False, cut: bool = False, keep: int = 0
    ) -> np.ndarray:
        """float64 [continuations]: the natural log of each one's probability after the prompt; mean: for each token. What
        follows brings its own blank. ends: that it is said and nothing more. cut: a prompt that is too long loses its middle
        but for `keep` first tokens; otherwise it is an InputError."""
        import numpy as np

        if isinstance(continuations, str):
            raise TypeError("continuations is a list of texts, not one text")
        texts = list(continuations)
        sums, counts = np.empty(len(texts), np.float64), np.empty(len(texts), np.int32)
        self._handle.score(prompt, texts, ends, cut, keep, sums, counts)
        return sums / np.maximum(counts, 1) if mean else sums

    def generate(
        self,
        prompt: str,
        tokens: int = 0,
        *,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 0.0,
        min_p: float = 0.0,
        repetition: float = 0.0,
        samples: int = 0,
        seed: int = 0,
        beams: int = 0,
        length_power: float = 0.0,
        stop: Union[None, str, Iterable[str]] = None,
        only: Optional[Iterable[str]] = None,
        no_end: bool = False,
        cut: bool = False,
        keep: int = 0,
        on_text: Optional[Callable[[int, str], object]] = None,
    ) -> list[Generated]:
        """What the model says after the prompt, at most `tokens` of it (0: 128, or what `only` needs).

        Without a temperature the likeliest token is taken each time; with one, `samples` texts are drawn, each a function of
        `seed` and its number. beams: so many likeliest texts, best first. stop: ends before one of these. only: nothing but
        one of these texts comes out. on_text(sample, text) is told what is certain while it is made; False ends that sample.
        """
        import numpy as np

        stops = [stop] if isinstance(stop, str) else None if stop is None else list(stop)
        said = self._handle.generate(
            prompt, tokens, temperature, top_k, top_p, min_p, repetition, samples, beams, length_power, seed, stops,
            None if only is None else list(only), no_end, cut, keep, on_text,
        )  # fmt: skip
        return [
            Generated(text.decode("utf-8", "replace"), logp, ended, None if choice < 0 else choice, np.frombuffer(ids, np.int32))
            for text, ids, logp, ended, choice in said
        ]

    @property
    def width(self) -> int:
        """Values of a vector of embed."""
        return self._handle.width()

    def embed(self, texts: Union[str, Iterable[str]], *, out: Optional[np.ndarray] = None) -> np.ndarray:
        """float32 [texts, width], or [width] of one text. out: a float32 array to fill."""
        import numpy as np

        one = isinstance(texts, str)
        rows = [texts] if isinstance(texts, str) else list(texts)
        if out is None:
            out = np.empty((len(rows), self.width), np.float32)
        self._handle.embed(rows, out)
        return out.reshape(len(rows), self.width)[0] if one else out

    def __repr__(self) -> str:
        return f"<lorec.LM {self.path}: {self.type}, {self.parameters:,} parameters, {self.positions} positions>"
