"""Networks. A file under `conf/model/` names a class of this package."""

from gan_runner.models.base import Model, Networks
