"""What TensorBoard itself makes of a sweep, read through its HTTP interface and in a browser."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import BROWSER, browsing
from conftest import call_command, environment, run_here
from PIL import Image
from sweep_runs import TINY

from gan_runner.logs.log import picture_name
from gan_runner.logs.tensorboard import tag
from gan_runner.sweeps import processes
from gan_runner.training.methods import Adversarial

LOSSES = {"hinge": "Hinge", "lsgan": "LeastSquares", "wgan_gp": "Wasserstein"}
SICK = "wgan_gp"
STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three losses, one of which fails at step 3; a fourth job never begins."""
    folder = tmp_path_factory.mktemp("board")
    whole = Adversarial.step

    def step(self: Adversarial, state: Any, batches: Any) -> None:
        if state.step == 3 and type(self.objective.loss).__name__ == LOSSES[SICK]:
            raise RuntimeError("a defect")
        whole(self, state, batches)

    often = ("train.sample_every=2", "train.eval_every=3", "train.save_every=3", "sweep=losses")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(processes, "run_in_processes", run_here)
        patch.setattr(Adversarial, "step", step)
        assert call_command("gan-train", *TINY, *often, "-m", f"loss={','.join(LOSSES)}") == 8
        assert call_command("gan-train", *TINY, *often, "-m", "train.batch_size=65,8") == 8
    return folder / "outputs" / "sweeps" / "losses"


class Server:
    """TensorBoard on a free port of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **query: Any) -> Any:
        return json.loads(self.raw(f"{path}?{urllib.parse.urlencode(query)}"))

    def post(self, path: str, **content: Any) -> Any:
        return json.loads(self.raw(path, json.dumps(content).encode()))

    def raw(self, path: str, content: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.address}data/{path}", content)
        if content is not None:
            request.add_header("Content-Type", "application/json")
        with DIRECT.open(request, timeout=30) as answer:
            found: bytes = answer.read()
        return found

    def sessions(self) -> dict[str, dict[str, Any]]:
        """The rows of the HParams tab by their names."""
        groups = self.post(
            "plugin/hparams/session_groups",
            allowedStatuses=STATUSES,
            startIndex=0,
            sliceSize=100,
            colParams=[],
        )
        return {group["name"]: group for group in groups.get("sessionGroups", [])}


@pytest.fixture(scope="module")
def board(sweep: Path) -> Iterator[Server]:
    said = sweep.parent / "tensorboard.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tensorboard.main", "--logdir", str(sweep)),
                *("--host", "127.0.0.1", "--port", "0"),
            ],
            stdout=log,
            stderr=log,
            env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", said.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        board = Server(found[0])
        while not all_read(board):
            assert time.monotonic() < deadline, board.sessions()
            time.sleep(0.05)
        yield board
    finally:
        process.terminate()
        process.wait(10)


def all_read(board: Server) -> bool:
    """The end of a session is the last thing in its file."""
    found = [s["status"] for group in board.sessions().values() for s in group["sessions"]]
    return len(found) == 5 and "STATUS_UNKNOWN" not in found


def run_of(loss: str) -> str:
    return f"loss={loss}"


def rows(run: Path, name: str) -> list[tuple[int, float]]:
    """The steps and values of a name in metrics.jsonl."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row[name]) for row in found if name in row]


def test_runs_have_the_names_of_what_differs(board: Server) -> None:
    others = ["batch_size=65", "batch_size=8"]
    assert sorted(board.get("runs")) == sorted([*others, *map(run_of, LOSSES)])


@pytest.mark.parametrize("name", ["loss/generator", "logits/fake", "eval/frechet_identity"])
def test_scalars_of_a_sweep_overlay_and_are_those_of_the_rows(
    board: Server, sweep: Path, name: str
) -> None:
    for loss in set(LOSSES) - {SICK}:
        found = board.get("plugin/scalars/scalars", run=run_of(loss), tag=tag(name))
        wanted = rows(sweep / f"loss={loss}", name)
        assert [step for _, step, _ in found] == [step for step, _ in wanted]
        assert [value for *_, value in found] == pytest.approx([v for _, v in wanted], rel=1e-6)


def test_pictures_are_there_at_each_step(board: Server, sweep: Path) -> None:
    for loss in set(LOSSES) - {SICK}:
        query = {"run": run_of(loss), "tag": "Samples/fake", "sample": 0}
        found = board.get("plugin/images/images", **query)
        assert [picture["step"] for picture in found] == [0, 2, 4, 6]
        for picture in found:
            shown = board.raw(f"plugin/images/individualImage?{picture['query']}")
            file = sweep / f"loss={loss}" / "samples" / picture_name(picture["step"])
            assert np.array_equal(pixels(shown), pixels(file.read_bytes()))


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def test_hparams_compare_what_differs(board: Server) -> None:
    experiment = board.post("plugin/hparams/experiment")
    differs = {info["name"] for info in experiment["hparamInfos"] if info.get("differs")}
    # a job that never began adds nothing that only a beginning would have settled
    always = {"choices.loss", "loss.name", "loss.d_steps", "loss.penalty", "train.batch_size"}
    assert always <= differs
    assert all(name.startswith(("choices.", "loss.", "train.batch_size")) for name in differs)
    sessions = board.sessions()
    for loss, name in LOSSES.items():
        settings = sessions[f"loss={loss} (losses)"]["hparams"]
        assert (settings["choices.loss"], settings["loss.name"]) == (loss, name)
        assert settings["loss.penalty"] == ("gradient" if loss == "wgan_gp" else "none")


def test_hparams_have_the_final_metrics(board: Server, sweep: Path) -> None:
    sessions = board.sessions()
    for loss in set(LOSSES) - {SICK}:
        found = {m["name"]["tag"]: m for m in sessions[f"loss={loss} (losses)"]["metricValues"]}
        for name in ("eval/frechet_identity", "eval/coverage_identity", "loss/discriminator"):
            step, value = rows(sweep / f"loss={loss}", name)[-1]
            assert found[tag(name)]["trainingStep"] == step == 6
            assert found[tag(name)]["value"] == pytest.approx(value, rel=1e-6)


def test_hparams_have_the_status_of_each_run_once(board: Server) -> None:
    found = {name: [s["status"] for s in g["sessions"]] for name, g in board.sessions().items()}
    good, sick = ["STATUS_SUCCESS"], ["STATUS_FAILURE"]
    assert found == {
        "loss=hinge (losses)": good,
        "loss=lsgan (losses)": good,
        "loss=wgan_gp (losses)": sick,
        "batch_size=8 (losses)": good,
        "batch_size=65 (losses)": sick,
    }


def test_losses_logits_and_speeds_are_laid_out_together(board: Server) -> None:
    (category,) = board.get("plugin/custom_scalars/layout")["category"]
    charts = {chart["title"]: chart["multiline"]["tag"] for chart in category["chart"]}
    shown = {}
    for title, (pattern,) in charts.items():
        found = board.get("plugin/custom_scalars/scalars", run=run_of("hinge"), tag=pattern)
        shown[title] = set(found["tag_to_events"])
    assert shown == {
        "losses": {"Loss/discriminator", "Loss/generator"},
        "logits": {"logits/real", "logits/fake"},
        "speeds": {"speed/images_per_second"},
    }


@pytest.mark.calibration
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_hparams_and_the_layout(board: Server, tmp_path: Path) -> None:
    with browsing(tmp_path / "profile") as page:
        page.open(f"{board.address}#hparams")
        page.text("Trial ID", "choices.loss", "eval/coverage_identity", *LOSSES.values())
        page.open(f"{board.address}#custom_scalars")
        page.text("losses", "logits", "speeds", run_of("hinge"), "Matches (8)", "Matches (4)")
