"""Architectures that people train, small and untrained: exact, and every parameter by rule."""

import numpy as np
import pytest
import torch
import transformers as hf
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn import functional

from tests.workers.influence.networks import with_statistics
from tests.workers.influence.reference import squared_norms, total
from tests.workers.influence.resnets import resnet
from workers.influence import SelfInfluence, Treatment, self_influence
from workers.influence.losses import cross_entropy, resolve_loss

N, LENGTH, VOCABULARY, CLASSES = 5, 7, 50, 3
GENERATOR = torch.Generator().manual_seed(3)
IDS = torch.randint(3, VOCABULARY, (N, LENGTH), generator=GENERATOR)
MASK = torch.ones_like(IDS)
MASK[1, 5:] = MASK[3, 4:] = 0
PADDED = IDS.masked_fill(MASK == 0, 0)
LABELS = torch.tensor([0, 2, 1, 1, 0])
TEXT = {"vocab_size": VOCABULARY, "num_labels": CLASSES}
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL |= {"intermediate_size": 24}


class Logits(nn.Module):
    """A model that returns more than its logits, as one that returns these."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> Tensor:
        return self.model(**inputs).logits


def next_token(logits: Tensor, ids: Tensor) -> Tensor:
    """The causal language model's loss, summed over each example: (B, T, V), (B, T) → (B,)."""
    return functional.cross_entropy(logits[:, :-1].mT, ids[:, 1:], reduction="none").sum(1)


def assert_exact_and_by_rule(
    model: nn.Module, inputs: object, targets: Tensor, loss: object = "cross_entropy"
) -> SelfInfluence:
    torch.manual_seed(0)
    model = with_statistics(model.double())
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = self_influence(
        model,
        [(inputs, targets)],
        loss=loss,  # type: ignore[arg-type]
        checkpoints=[(state, 1.0)],
    )
    own = resolve_loss(loss)  # type: ignore[arg-type]
    true = total(squared_norms(model, state, inputs, targets, own))
    np.testing.assert_allclose(result.self_influence, true, rtol=1e-9)
    treatments = {entry.treatment for entry in result.coverage.entries}
    assert treatments == {Treatment.RULE}, result.coverage
    return result


both_attentions = pytest.mark.parametrize("attention", ["sdpa", "eager"])


@both_attentions
def test_bert(attention: str) -> None:
    config = hf.BertConfig(
        **SMALL, **TEXT, max_position_embeddings=12, attn_implementation=attention
    )
    model = Logits(hf.BertForSequenceClassification(config))
    inputs = {"input_ids": PADDED, "attention_mask": MASK}
    assert_exact_and_by_rule(model, inputs, LABELS)


@both_attentions
def test_bert_with_token_types(attention: str) -> None:
    config = hf.BertConfig(
        **SMALL, **TEXT, max_position_embeddings=12, attn_implementation=attention
    )
    types = (torch.arange(LENGTH) > 3).long().expand(N, -1)
    inputs = {"input_ids": PADDED, "attention_mask": MASK, "token_type_ids": types}
    assert_exact_and_by_rule(Logits(hf.BertForSequenceClassification(config)), inputs, LABELS)


@both_attentions
def test_distilbert(attention: str) -> None:
    config = hf.DistilBertConfig(
        **TEXT,
        dim=16,
        n_layers=2,
        n_heads=2,
        hidden_dim=24,
        max_position_embeddings=12,
        attn_implementation=attention,
    )
    model = Logits(hf.DistilBertForSequenceClassification(config))
    inputs = {"input_ids": PADDED, "attention_mask": MASK}
    assert_exact_and_by_rule(model, inputs, LABELS)


def gpt2(attention: str) -> hf.GPT2Config:
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return hf.GPT2Config(
        **TEXT,
        **special,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=12,
        attn_implementation=attention,
    )


@both_attentions
def test_gpt2_language_model_with_a_tied_head(attention: str) -> None:
    model = Logits(hf.GPT2LMHeadModel(gpt2(attention)))
    result = assert_exact_and_by_rule(model, {"input_ids": IDS}, IDS, next_token)
    (embedding,) = [e for e in result.coverage.entries if e.name.endswith("wte.weight")]
    assert embedding.also == ("model.lm_head.weight",)


@both_attentions
def test_gpt2_classifier(attention: str) -> None:
    model = Logits(hf.GPT2ForSequenceClassification(gpt2(attention)))
    assert_exact_and_by_rule(model, {"input_ids": PADDED}, LABELS)


@both_attentions
def test_vision_transformer(attention: str) -> None:
    config = hf.ViTConfig(
        **SMALL, image_size=8, patch_size=4, num_labels=CLASSES, attn_implementation=attention
    )
    images = {"pixel_values": torch.randn(N, 3, 8, 8, generator=GENERATOR).double()}
    assert_exact_and_by_rule(Logits(hf.ViTForImageClassification(config)), images, LABELS)


def test_convnext() -> None:
    config = hf.ConvNextConfig(
        hidden_sizes=[4, 8], depths=[1, 2], num_stages=2, num_labels=CLASSES,
        layer_scale_init_value=0.3,
    )  # fmt: skip
    images = {"pixel_values": torch.randn(N, 3, 32, 32, generator=GENERATOR).double()}
    assert_exact_and_by_rule(Logits(hf.ConvNextForImageClassification(config)), images, LABELS)


@pytest.mark.parametrize("bottleneck", [False, True], ids=["basic", "bottleneck"])
def test_resnet(bottleneck: bool) -> None:
    model = resnet(bottleneck=bottleneck, width=4, depths=(1, 2), classes=CLASSES)
    images = torch.randn(N, 3, 32, 32, generator=GENERATOR).double()
    assert_exact_and_by_rule(model, images, LABELS)


def test_low_rank_adapters_with_the_rest_frozen() -> None:
    config = hf.BertConfig(**SMALL, **TEXT, max_position_embeddings=12)
    adapted = get_peft_model(
        hf.BertForSequenceClassification(config),
        LoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS"),
    )
    torch.manual_seed(0)
    model = with_statistics(Logits(adapted).double())
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs = {"input_ids": PADDED, "attention_mask": MASK}
    result = self_influence(
        model, [(inputs, LABELS)], loss="cross_entropy", checkpoints=[(state, 1.0)]
    )
    true = squared_norms(model, state, inputs, LABELS, cross_entropy)
    np.testing.assert_allclose(result.self_influence, total(true), rtol=1e-9)
    assert result.coverage.names(Treatment.RULE) == list(true)
    assert any("lora_A" in name for name in true)
    assert len(result.coverage.names(Treatment.FROZEN)) > 20
