"""Networks. A file under `conf/model/` names a class of this package."""

from gan_runner.models import (
    conv_vae,
    dcgan,
    infogan,
    mlp,
    r3gan,
    resnet,
    resnet_translator,
    rnn,
    rrdb,
    simple_conv,
    srresnet,
    unet,
    vae,
)
from gan_runner.models.autoencoder import Autoencoder
from gan_runner.models.base import GenerativeModel
from gan_runner.models.model import Model
from gan_runner.models.translator import Translator

__all__ = [
    "Autoencoder",
    "GenerativeModel",
    "Model",
    "Translator",
    "conv_vae",
    "dcgan",
    "infogan",
    "mlp",
    "r3gan",
    "resnet",
    "resnet_translator",
    "rnn",
    "rrdb",
    "simple_conv",
    "srresnet",
    "unet",
    "vae",
]
