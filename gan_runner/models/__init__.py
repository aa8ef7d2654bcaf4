"""Networks. A file under `conf/model/` names a class of this package."""

from gan_runner.models import dcgan, mlp, resnet, rnn, simple_conv
from gan_runner.models.base import Model, Networks

__all__ = ["Model", "Networks", "dcgan", "mlp", "resnet", "rnn", "simple_conv"]
