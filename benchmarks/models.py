"""The models that are measured: ours with an encoder stage, bare ONNX Runtime, a BERT-base peer."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

from ostraka.assess.artefact import MANIFEST, bundled_artefact_folder

TOKENS = 128
_BASE_CACHE = Path(gettempdir()) / "ostraka-bench"


def encoder_folder(given: Path | None) -> Path:
    """Where `encoder.onnx` and `tokenizer.json` lie.

    Raises:
        SystemExit: no encoder ships with the package, and none was given.
    """
    folder = given or bundled_artefact_folder()
    if not (folder / "encoder.onnx").exists():
        raise SystemExit(f"{folder} has no encoder.onnx; name a folder that has: --model FOLDER")
    return folder


def artefact_with_encoder(folder: Path, target: Path) -> Path:
    """The bundled artefact if it has the encoder of `folder`, or one in `target` that has it.

    The made-up one takes the lexical stage's calibration and bands for the encoder too: its
    speed is that of a trained one, its scores mean nothing.
    """
    bundled = bundled_artefact_folder()
    if folder == bundled:
        return bundled
    manifest = json.loads((bundled / MANIFEST).read_text("utf-8"))
    names = ("encoder.onnx", "tokenizer.json")
    lexical = manifest["stages"][0]
    encoder = lexical | {
        "name": "encoder",
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names},
        "options": {"tokens": TOKENS},
    }
    manifest["stages"] = [lexical, encoder]
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(folder / name, target / name)
    for name in lexical["files"]:
        shutil.copyfile(bundled / name, target / name)
    (target / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return target


class BareEncoder:
    """A graph in ONNX Runtime with one thread: tokenize, pad to the longest, run."""

    def __init__(self, graph: Path, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(max_length=TOKENS)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Logits of `texts`, in one pass."""
        encoded = self._tokenizer.encode_batch(list(texts))
        inputs = {
            "input_ids": np.array([each.ids for each in encoded], np.int64),
            "attention_mask": np.array([each.attention_mask for each in encoded], np.int64),
        }
        return np.asarray(self._session.run(["logits"], inputs)[0])


def bert_base(tokenizer: Path, categories: int) -> BareEncoder:
    """A classifier of BERT-base's size in int8, its weights random; kept in the temporary folder.

    Speed depends on the shape of the graph, not on its weights.
    """
    graph = _BASE_CACHE / f"bert-base-{categories}.onnx"
    if not graph.exists():
        _BASE_CACHE.mkdir(parents=True, exist_ok=True)
        _export_bert_base(graph, categories)
    return BareEncoder(graph, tokenizer)


def _export_bert_base(graph: Path, categories: int) -> None:
    torch.manual_seed(0)
    config = BertConfig(num_labels=categories, attn_implementation="eager")
    model = BertForSequenceClassification(config).eval()
    plain = graph.with_suffix(".fp32.onnx")
    example = torch.ones(2, 8, dtype=torch.long)
    axes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        model,
        (example, example),
        str(plain),
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    unfinished = graph.with_suffix(".part.onnx")
    quantize_dynamic(plain, unfinished, weight_type=QuantType.QInt8, per_channel=True)
    unfinished.rename(graph)
    plain.unlink()
