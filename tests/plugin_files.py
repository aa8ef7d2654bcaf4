"""Files of plugins that tests write: classes of every family, and packages with entry points."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOSS = '''
from torch import Tensor
from torch.nn.functional import softplus

import gan_runner


class MyLoss(gan_runner.Loss):
    """A loss of one's own."""

    temperature: float = 2.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real / self.temperature) + softplus(fake / self.temperature)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        return softplus(-fake / self.temperature)
'''
METRIC = """
import gan_runner


@gan_runner.metric(gan_runner.Number("spread", "min"), description="The spread of samples.")
def spread(of: gan_runner.MetricInputs) -> list[gan_runner.Measurement]:
    return [gan_runner.Measurement("spread", float(of.fake.float().std()), compares="examples")]
"""


def code_blocks(page: Path) -> list[str]:
    """The blocks of Python on a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def write_package(folder: Path, name: str, content: str, *, version: str = "1.0") -> Path:
    """A package as pip leaves it in a folder on the path: a module and an entry point; the
    package."""
    package = folder / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(content)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[gan_runner.plugins]\nmain = {name}\n")
    return package
