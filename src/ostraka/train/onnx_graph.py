"""Write an encoder as an ONNX graph that runs fast on a CPU: in float32, then in int8.

The graph takes `input_ids` and `attention_mask` (int64, batch × tokens) and returns `logits`
(float32, batch × labels). Its int8 form is a quarter of the size and about twice as fast.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model

from ostraka.train.encoder import EncoderClassifier

_KIND: Final = "bert"
"""The family whose attention is looked for: that of BERT, RoBERTa and DistilBERT. Where another
architecture has none of its patterns, the graph stays as it was traced."""


def export_float(model: EncoderClassifier, file: Path) -> None:
    """Write the graph of `model` in float32, the steps of its attention put into one node each."""
    example = torch.ones(2, 8, dtype=torch.long)
    with warnings.catch_warnings(), _attention_written_out(model):
        # What the tracer doubts, the comparison of answers settles.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example, example),
            str(file),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": {0: "batch", 1: "tokens"},
                "attention_mask": {0: "batch", 1: "tokens"},
                "logits": {0: "batch"},
            },
            opset_version=17,
            dynamo=False,
        )
    config = cast(Any, model.body).config
    _fuse(file, getattr(config, "num_attention_heads", 0), getattr(config, "hidden_size", 0))


def export_int8(plain: Path, file: Path) -> None:
    """Write the graph in `plain` with weights quantised to int8 (activations as they come)."""
    with _quiet():
        quantize_dynamic(
            plain,
            file,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # No type can be inferred behind a node of ONNX Runtime's own; all of ours are floats.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def _fuse(file: Path, heads: int, width: int) -> None:
    """One node for each layer's attention, which otherwise takes some thirty small ones.

    What else could be fused is left: int8 loses too much of the embeddings' normalisation, and the
    other nodes are no faster on a CPU.
    """
    options = FusionOptions(_KIND)
    options.enable_embed_layer_norm = False
    options.enable_skip_layer_norm = False
    options.enable_bias_gelu = False
    with _quiet():
        fused = optimize_model(str(file), _KIND, heads, width, options, opt_level=0)
        fused.save_model_to_file(str(file))


@contextmanager
def _attention_written_out(model: EncoderClassifier) -> Iterator[None]:
    """Attention as plain products and a softmax, the only form in which it is recognised."""
    body = cast(Any, model.body)
    usual = body.config._attn_implementation
    body.set_attn_implementation("eager")
    try:
        yield
    finally:
        body.set_attn_implementation(usual)


@contextmanager
def _quiet() -> Iterator[None]:
    """Both libraries write to the root logger what a user can do nothing about."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
