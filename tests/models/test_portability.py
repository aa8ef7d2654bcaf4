"""Networks as others use them: called with and without labels, exported with a free batch, and on
torch's meta device."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import model_settings
from torch import Tensor, nn
from torch.export import Dim

from gan_runner.config.component import build_component
from gan_runner.config.groups import conf_folder
from gan_runner.data import Space
from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.models import GenerativeModel, Model
from gan_runner.models.conditioning import Conditioning

CLASSES = 3
COLUMNS = (Column("age"), Column("color", ("a", "b", "c")), Column("ill", ("no", "yes")))
SPACES = {
    "images": Space("images", (1, 8, 8), inputs=Space("images", (2, 8, 8))),
    "vectors": Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2),
    "sequences": Space("sequences", (6, 2), (0.0,) * 2, (1.0,) * 2),
    "table": Space("table", (6,), (0.0,) * 6, (1.0,) * 6, Columns(COLUMNS, 1.0, True)),
}
KINDS = {"mlp": "vectors", "rnn": "sequences"}
OPTIONS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml"))
WAYS: tuple[Conditioning, ...] = ("none", "concat", "embedding", "projection", "auxiliary")
NORMS = {"rnn": "none", "r3gan": "none", "mlp": "layer", "vae": "layer"}
SMALL = {"width": 8, "widths": [8], "cardinality": [2], "blocks": [1], "receptive_field": 16}
TRANSLATORS = ("resnet_translator", "rrdb", "srresnet", "unet")
CODE = {"categorical": [3], "continuous": 2, "weight": 1.0}


def model(option: str, *, network: dict[str, Any] | None = None, **changes: Any) -> GenerativeModel:
    """The option's YAML made small; `network` are settings of both networks."""
    plain = model_settings(option)
    layered = isinstance(plain["generator"].get("hidden"), list)
    settings = {**SMALL, "hidden": [8, 8] if layered else 8, "norm": NORMS.get(option, "batch")}
    if option in TRANSLATORS:
        settings |= {"blocks": 1, "norm": "instance"}
    settings |= network or {}
    for part in {"generator", "discriminator", "encoder"} & {*plain}:
        plain[part] |= {key: value for key, value in settings.items() if key in plain[part]}
    if option not in TRANSLATORS:
        plain["latent_size"] = 12
    return build_component({**plain, **changes}, GenerativeModel, where="model")


def inputs(made: GenerativeModel, count: int) -> tuple[Tensor, ...]:
    """Latents or a translator's inputs, and labels where the model is conditional."""
    shape = (made.latent_dims,) if made.latent_dims else made.generator_input(SPACES["images"])
    latents = torch.randn(count, *shape)
    return (latents, torch.arange(count) % CLASSES) if made.conditional else (latents,)


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("option", OPTIONS)
def test_an_unconditional_generator_is_called_with_and_without_labels(option: str) -> None:
    made = model(option)
    generator = made.build_networks(SPACES[KINDS.get(option, "images")])["generator"].eval()
    (latents,) = inputs(made, 3)
    expected = generator(latents)
    assert torch.equal(generator(latents, None), expected)
    assert torch.equal(generator(latents, labels=None), expected)


@pytest.mark.parametrize("way", WAYS[1:])
def test_a_conditional_network_says_that_it_needs_labels(way: Conditioning) -> None:
    made = model("dcgan", conditioning=way)
    networks = made.build_networks(SPACES["images"], CLASSES)
    with pytest.raises(ValueError, match=r"labels=None\. Pass int64 labels"):
        networks["generator"](torch.randn(3, made.latent_dims))
    if way != "auxiliary":  # whose logits are of examples alone
        with pytest.raises(ValueError, match=r"labels=None\. Pass int64 labels"):
            networks["discriminator"](torch.randn(3, 1, 8, 8))


# ---------------------------------------------------------------- export


class Wrapped(nn.Module):
    """A generator one level down: a graph module can't have a part called `code` at its root, as
    that is the name of its own source."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        examples: Tensor = self.generator(latents, labels)
        return examples


EXPORTED: dict[str, dict[str, Any]] = {
    **{f"dcgan_{way}": {"option": "dcgan", "conditioning": way} for way in WAYS},
    **{option: {"option": option} for option in OPTIONS if option != "dcgan"},
    "dcgan_codes": {"option": "dcgan", "code": CODE},
    "dcgan_layer_norms": {
        **{"option": "dcgan", "conditioning": "projection"},
        "network": {"norm": "layer"},
    },
    "resnet_instance_norms": {
        **{"option": "resnet", "conditioning": "projection"},
        "network": {"norm": "instance", "attention": [4]},
    },
    "resnet_spectral": {"option": "resnet", "network": {"norm": "spectral"}},
    "rnn_whole": {
        **{"option": "rnn", "conditioning": "concat"},
        "network": {"cell": "gru", "latent": "whole", "layers": 2},
    },
    "mlp_images": {"option": "mlp", "kind": "images", "conditioning": "projection"},
    "mlp_table": {"option": "mlp", "kind": "table", "conditioning": "projection"},
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_generator_makes_the_same_examples_of_any_batch(name: str) -> None:
    settings = dict(EXPORTED[name])
    option = settings.pop("option")
    space = SPACES[settings.pop("kind", KINDS.get(option, "images"))]
    torch.manual_seed(0)
    made = model(option, **settings)
    generator = made.build_networks(space, CLASSES)["generator"].eval()
    for parameter in generator.parameters():  # those that begin at 0 hide what is baked in
        nn.init.normal_(parameter, std=0.3)
    if settings.get("conditioning") == "embedding":
        generator = Wrapped(generator)
    given = inputs(made, 4)
    batch = tuple({0: Dim("batch")} for _ in given)
    exported = torch.export.export(generator, given, dynamic_shapes=batch).module()
    for count in 1, 7, 64:
        given = inputs(made, count)
        assert torch.equal(exported(*given), generator(*given))


# ---------------------------------------------------------------- the meta device


META: dict[str, dict[str, Any]] = {
    **{
        f"{option}_{way}": {"option": option, "conditioning": way}
        for option in ("mlp", "simple_conv", "dcgan", "infogan", "resnet", "r3gan", "rnn")
        for way in WAYS
        if way != "projection" or option not in ("r3gan", "rnn")
    },
    **{option: {"option": option} for option in ("vae", "conv_vae", "infogan_vae", "vae_gan")},
    **{option: {"option": option} for option in TRANSLATORS},
    "dropout": {"option": "dcgan", "network": {"dropout": 0.5}},
    "codes": {"option": "dcgan", "code": CODE},
    "attention": {"option": "resnet", "network": {"attention": [4], "norm": "spectral"}},
    "stddev": {"option": "dcgan", "network": {"minibatch": "stddev", "norm": "instance"}},
    "discrimination": {"option": "dcgan", "network": {"minibatch": "discrimination"}},
    "table": {"option": "mlp", "kind": "table", "conditioning": "embedding"},
    "packing": {"option": "mlp", "kind": "images", "packing": 2},
}


@pytest.mark.parametrize("name", META)
def test_networks_are_differentiated_on_the_meta_device(name: str) -> None:
    settings = dict(META[name])
    option = settings.pop("option")
    space = SPACES[settings.pop("kind", KINDS.get(option, "images"))]
    made = model(option, **settings)
    networks = {name: one.to("meta") for name, one in made.build_networks(space, CLASSES).items()}
    latents, *labels = (given.to("meta") for given in inputs(made, 6))
    fakes = networks["generator"](latents, *labels)
    assert fakes.device.type == "meta" and fakes.shape == (6, *space.shape)
    losses = [fakes.sum()]
    if "discriminator" in networks:
        packing = made.packing if isinstance(made, Model) else 1
        discriminator: Any = networks["discriminator"]
        output = discriminator(fakes.reshape(6 // packing, -1, *space.shape[1:]), *labels)
        assert len(output.logits) == 6 // packing
        assert output.logits.ndim == 1 or option in TRANSLATORS
        codes = None if made.latent_code is None else latents[:, -made.latent_code.size :]
        auxiliary = discriminator.auxiliary_losses(
            output.features, labels=labels[0] if labels else None, codes=codes
        )
        losses += [output.logits.sum(), *(loss.sum() for loss in auxiliary.values())]
    if "encoder" in networks:
        losses += [part.sum() for part in networks["encoder"](fakes)]
    torch.stack(losses).sum().backward()
    for network in networks.values():
        for tensor in [*network.parameters(), *network.buffers()]:
            assert tensor.device.type == "meta"
        assert all(p.grad is not None for p in network.parameters())
