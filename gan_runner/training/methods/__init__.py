"""Training methods, one a module. A file under `conf/method/` names a class."""

from gan_runner.training.methods.adversarial import Adversarial
from gan_runner.training.methods.base import Method, UpdateSettings
from gan_runner.training.methods.cut import CUT
from gan_runner.training.methods.paired import Paired
from gan_runner.training.methods.unpaired import Unpaired
from gan_runner.training.methods.vae import VAE
from gan_runner.training.methods.vae_gan import VAEGAN

__all__ = ["CUT", "VAE", "VAEGAN", "Adversarial", "Method", "Paired", "Unpaired", "UpdateSettings"]
