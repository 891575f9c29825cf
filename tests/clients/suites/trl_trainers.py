"""TRL's own trainers take a step on exports of judged turns and of trees, with a tiny model."""

import os
from pathlib import Path

import pytest
from datasets import load_dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)
from trl import (
    DPOConfig,
    DPOTrainer,
    KTOConfig,
    KTOTrainer,
    RewardConfig,
    RewardTrainer,
    SFTConfig,
    SFTTrainer,
)

EXPORTS = Path(os.environ["OSTRAKA_TEST_EXPORTS"])
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"
)


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    words = ["[PAD]", "[UNK]", "[EOS]", "user", "assistant", "question", "answer", "good", "bad"]
    raw = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, "[UNK]"))
    raw.pre_tokenizer = Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", eos_token="[EOS]"
    )
    made.chat_template = TEMPLATE
    return made


@pytest.fixture
def shape(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )


def options(folder: Path) -> dict:
    return {
        "output_dir": str(folder),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "max_length": 64,
    }


def rows(name: str):
    return load_dataset("json", data_files=str(EXPORTS / name), split="train")


@pytest.mark.parametrize(
    "name", ["preference.jsonl", "preference-plain.jsonl", "trees-reward.jsonl"]
)
def test_reward_trainer(name: str, tokenizer, shape: LlamaConfig, tmp_path: Path) -> None:
    trainer = RewardTrainer(
        model=LlamaForSequenceClassification(shape),
        args=RewardConfig(**options(tmp_path)),
        train_dataset=rows(name),
        processing_class=tokenizer,
    )
    assert trainer.train().training_loss > 0


@pytest.mark.parametrize("name", ["kto.jsonl", "kto-plain.jsonl", "trees-kto.jsonl"])
def test_kto_trainer(name: str, tokenizer, shape: LlamaConfig, tmp_path: Path) -> None:
    trainer = KTOTrainer(
        model=LlamaForCausalLM(shape),
        ref_model=LlamaForCausalLM(shape),
        args=KTOConfig(**options(tmp_path)),
        train_dataset=rows(name),
        processing_class=tokenizer,
    )
    assert trainer.train().training_loss > 0


def test_dpo_trainer(tokenizer, shape: LlamaConfig, tmp_path: Path) -> None:
    trainer = DPOTrainer(
        model=LlamaForCausalLM(shape),
        ref_model=LlamaForCausalLM(shape),
        args=DPOConfig(**options(tmp_path)),
        train_dataset=rows("trees-preference.jsonl"),
        processing_class=tokenizer,
    )
    assert trainer.train().training_loss > 0


def test_sft_trainer(tokenizer, shape: LlamaConfig, tmp_path: Path) -> None:
    trainer = SFTTrainer(
        model=LlamaForCausalLM(shape),
        args=SFTConfig(**options(tmp_path)),
        train_dataset=rows("trees-sft.jsonl"),
        processing_class=tokenizer,
    )
    assert trainer.train().training_loss > 0
