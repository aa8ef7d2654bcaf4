"""Imports point one way, and each third-party library has one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gan_runner

ROOT = Path(gan_runner.__file__).parent
FILES = {
    ".".join(["gan_runner", *path.relative_to(ROOT).with_suffix("").parts]): path
    for path in sorted(ROOT.rglob("*.py"))
}
FILES["hydra_plugins.gan_runner_sweeps"] = ROOT.parent / "hydra_plugins" / "gan_runner_sweeps.py"
MODULES = {name.removesuffix(".__init__"): path for name, path in FILES.items()}

ROOMS = (
    *(
        "errors",
        "seeds",
        "system",
        "decoding",
        "config",
        "data",
        "data_report",
        "datasets",
        "models",
    ),
    *(
        "augmentations",
        "objectives",
        "storage",
        "sampling",
        "evaluation",
        "health",
        "logs",
        "training",
        "runs",
    ),
    *("comparison", "augmentation_study", "sweeps", "cli", "api", "train"),
)
"""The rooms of the package from the bottom up: each imports from rooms before it."""

HYDRA = {"gan_runner.cli.hydra", "hydra_plugins.gan_runner_sweeps"}

# library -> the modules that may import it; a package stands for all its modules
DOORS = {
    "hydra": HYDRA,
    "omegaconf": HYDRA,
    "torchvision": {"gan_runner.datasets"},
    "tensorboard": {"gan_runner.logs.tensorboard"},
    "wandb": {"gan_runner.logs.wandb"},
    "mlflow": {"gan_runner.logs.mlflow"},
    "torch.utils.tensorboard": {"gan_runner.logs.tensorboard"},
    "rich": {f"gan_runner.logs.{name}" for name in ("terminal", "live_region", "preview")},
    "pyarrow": {
        "gan_runner.datasets.readers.parquet",
        "gan_runner.datasets.readers.parquet_table",
    },
    "opacus": {"gan_runner.training.privacy"},
    "submitit": {"gan_runner.sweeps.cluster", "gan_runner.sweeps.cluster_task"},
    "safetensors": {"gan_runner.storage.tensors"},
    "filelock": {"gan_runner.storage.run_folder"},
    "psutil": {"gan_runner.system.machine", "gan_runner.system.processes"},
    "torch_fidelity": {"gan_runner.evaluation.features.inception"},
    "yaml": {
        *("gan_runner.config.schema", "gan_runner.config.reference"),
        "gan_runner.config.plain_yaml",
        *("gan_runner.cli.plugin_options", "gan_runner.cli.hydra.records"),
        # the file of a table's columns: read, and written
        *("gan_runner.config.column_settings", "gan_runner.data_report.columns_file"),
    },
    "PIL": {"gan_runner.sampling.pictures", "gan_runner.decoding", "gan_runner.datasets"},
    "matplotlib": {"gan_runner.sampling.pictures.figure"},
    "jinja2": {"gan_runner.comparison.page.page"},
    "markupsafe": set(),
    "scipy": {
        *("gan_runner.evaluation.metrics.agreement", "gan_runner.evaluation.metrics.tables"),
        *("gan_runner.augmentation_study.intervals", "gan_runner.comparison.search"),
    },
    "sklearn": {
        *("gan_runner.augmentation_study.classifiers", "gan_runner.evaluation.metrics.tstr"),
        *("gan_runner.comparison.search", "gan_runner.evaluation.metrics.efficacy"),
        "gan_runner.datasets.number_encodings",  # mixtures
    },
    "pickle": set(),
    "importlib": {
        *("gan_runner", "gan_runner.config.plugins"),
        "gan_runner.datasets",  # to find the file of the digits
        "gan_runner.logs.loggers",  # to see whether a package is there
    },
}


def imported_modules(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever in the file it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


IMPORTS = {name: imported_modules(path) for name, path in MODULES.items()}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def ours(name: str) -> set[str]:
    """The modules of ours that a module imports."""
    return (IMPORTS[name] & set(MODULES)) - {"gan_runner", name}


def test_every_module_is_checked() -> None:
    assert {"gan_runner.train", "gan_runner.models.dcgan", "gan_runner.cli.sample"} <= set(MODULES)
    assert "gan_runner.objectives.losses" in ours("gan_runner.objectives.objective")
    assert "gan_runner.cli.hydra.plugins" in ours("hydra_plugins.gan_runner_sweeps")
    assert "gan_runner.runs.resume" in ours("gan_runner.cli.train")  # an import within a function


def test_every_module_stands_in_a_room_and_every_room_is_listed() -> None:
    assert {name.split(".")[1] for name in MODULES if name.startswith("gan_runner.")} == {*ROOMS}


def test_a_room_imports_only_from_rooms_before_it() -> None:
    place = {room: number for number, room in enumerate(ROOMS)}
    upward = {
        f"{name} -> {target}"
        for name in MODULES
        if name.startswith("gan_runner.")
        for target in ours(name)
        if place[target.split(".")[1]] > place[name.split(".")[1]]
    }
    assert upward == set()


def test_imports_point_one_way() -> None:
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for target in sorted(ours(name)):
                follow(target, (*path, name))
            done.add(name)

    for name in MODULES:
        follow(name, ())
    assert done == set(MODULES)


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_its_door(library: str) -> None:
    users = {
        name
        for name, targets in IMPORTS.items()
        if any(within(target, library) for target in targets)
    }
    strangers = {u for u in users if not any(within(u, door) for door in DOORS[library])}
    assert strangers == set()


MATHEMATICS = {"torch", "pydantic", "typing", "abc", "collections", "math", "__future__"}


@pytest.mark.parametrize(
    "module",
    [
        "objectives.losses",
        "objectives.penalties",
        "objectives.terms",
        "augmentations.base",
        "augmentations.transforms",
        "models.activations",
        "models.discriminator",
    ],
)
def test_mathematics_imports_torch_and_mathematics_and_nothing_else(module: str) -> None:
    mathematics = {
        "gan_runner.objectives.returns",  # holds plugins to the shapes that are promised here
        "gan_runner.objectives.terms",
        "gan_runner.augmentations.base",  # what a term remembers
        "gan_runner.augmentations.transforms",
        "gan_runner.models.discriminator",  # the type of D's output
        "gan_runner.system",
        "gan_runner.system.ranks",  # the rows of a batch that this process has
    }
    name = f"gan_runner.{module}"
    assert ours(name) <= {"gan_runner.config.component", *mathematics}
    others = {t.split(".")[0] for t in IMPORTS[name]} - {"gan_runner"}
    assert others <= MATHEMATICS


def test_networks_and_data_know_nothing_of_runs() -> None:
    below = {
        "gan_runner.config.column_settings",
        "gan_runner.config.component",
        "gan_runner.config.overrides",  # remedies, as they are typed
        "gan_runner.errors",
        "gan_runner.seeds",
    }
    below |= {"gan_runner.system.files"}
    below |= {"gan_runner.system", "gan_runner.system.ranks"}  # the rows of a batch that are here
    below |= {"gan_runner.system.units"}
    for package in "gan_runner.models", "gan_runner.datasets":
        for name in MODULES:
            if within(name, package):
                known = {t for t in ours(name) if not within(t, package)}
                shared = ("gan_runner.data", "gan_runner.decoding")
                known = {t for t in known if not any(within(t, room) for room in shared)}
                assert known <= below, name


def test_nobody_imports_an_entry_point() -> None:
    entries = {n for n in MODULES if within(n, "gan_runner.cli")} | {"gan_runner.train"}
    for name in MODULES:
        above = within(name, "hydra_plugins") or within(name, "gan_runner.api")
        if name not in entries and not above:
            assert not ours(name) & entries, name


ENTRIES = (
    *("train", "config.schema", "config.groups", "config.reference"),
    *("storage.run_folder", "storage.status", "storage.summary"),
    *("cli.train", "cli.sample", "cli.evaluate", "cli.runs", "cli.augment"),
    *("cli.compare", "cli.report", "cli.data", "cli.translate"),
    *("data_report.report", "data_report.text", "comparison.record"),
)


def test_entry_points_answer_before_torch_is_imported() -> None:
    code = f"""
import sys
from importlib import import_module
for name in {ENTRIES}:
    import_module(f"gan_runner.{{name}}")
    heavy = [module for module in {HEAVY} if module in sys.modules]
    assert not heavy, (name, heavy)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_runs_are_listed_before_pydantic_is_imported() -> None:
    """Its import takes as long as the files of a hundred runs."""
    code = "import sys, gan_runner.cli.runs, gan_runner.storage.summary, gan_runner.logs.terminal; "
    code += "sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_starts_without_torchs_compiler(tmp_path: Path) -> None:
    """Its import takes as long as that of torch; torch's own optimizers need it."""
    overrides = [
        "dataset=ring",
        "model=mlp",
        "train.steps=5",
        "evaluation.num=500",
    ]  # evaluated, too
    code = (
        "import sys; from gan_runner.train import run_command; code = run_command(sys.argv[1:]); "
    )
    code += "sys.exit(code or 'torch._dynamo' in sys.modules)"
    command = [sys.executable, "-c", code, *overrides, "threads=1", f"cache={tmp_path}"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)


def test_optimizers_are_made_behind_one_door() -> None:
    kinds = {"Adam", "AdamW", "RMSprop", "SGD"}
    for name, path in MODULES.items():
        if name != "gan_runner.system.eager_optimizers":
            tree = ast.parse(path.read_text())
            attributes = (n for n in ast.walk(tree) if isinstance(n, ast.Attribute))
            made = [ast.unparse(n) for n in attributes if n.attr in kinds]
            assert not [each for each in made if each.startswith(("torch.optim.", "optim."))], name
            assert not {f"torch.optim.{kind}" for kind in kinds} & IMPORTS[name], name


HEAVY = [
    *("torch", "torchvision", "numpy", "sklearn", "tensorboard", "safetensors", "PIL"),
    *("matplotlib", "jinja2", "scipy"),
]
