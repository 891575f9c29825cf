"""How graphs are run: the same wherever one is served, checked or measured."""

from pathlib import Path

import onnxruntime


def open_graph(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session on the CPU. Its threads sleep while there is nothing to do.

    ONNX Runtime would put each addition and the layer normalisation behind it into one node, which
    takes some four times as long as the two (60 µs for 32 tokens of 384 numbers); that is switched
    off.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(path),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )
