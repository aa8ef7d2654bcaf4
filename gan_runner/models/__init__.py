"""Networks. A file under `conf/model/` names a class of this package."""

from gan_runner.models import conv_vae, dcgan, infogan, mlp, r3gan, resnet, rnn, simple_conv, vae
from gan_runner.models.autoencoder import Autoencoder
from gan_runner.models.base import GenerativeModel
from gan_runner.models.model import Model

__all__ = [
    "Autoencoder",
    "GenerativeModel",
    "Model",
    "conv_vae",
    "dcgan",
    "infogan",
    "mlp",
    "r3gan",
    "resnet",
    "rnn",
    "simple_conv",
    "vae",
]
