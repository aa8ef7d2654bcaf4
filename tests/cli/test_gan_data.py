"""gan-data says what a data set is read as, composed as gan-train composes it; so does a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Answer, small_run
from PIL import Image

from gan_runner.config.schema import Config
from gan_runner.data_report.report import read_report
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.storage.run_folder import RunFolder

Here = Callable[..., Answer]

CODES = "size,code,kind\n" + "\n".join(f"{k % 7 + 0.5},{k % 3},{'ab'[k % 2]}" for k in range(60))
SCHEDULE = ("threads=1", "device=cpu", "train.batch_size=8", "train.save_every=1")


def test_a_table_is_said_column_by_column(here: Here, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(CODES)
    answer = here("gan-data", "dataset=table", "dataset.path=own.csv")
    assert (answer.code, answer.err) == (0, "")
    assert "42 rows for training, 18 held out" in " ".join(answer.out.split())
    assert re.search(r"^  size +numeric +0\.5 to 6\.5", answer.out, re.MULTILINE)
    assert re.search(r"^  kind +label +2: a 21, b 21", answer.out, re.MULTILINE)
    assert max(map(len, answer.out.splitlines())) <= 100  # a remedy is never broken
    assert not (tmp_path / "outputs").exists()


def test_a_doubtful_decision_stands_above_the_columns_with_its_remedy(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text(CODES)
    lines = here("gan-data", "dataset=table", "dataset.path=own.csv").out.splitlines()
    assert lines.index("often wrong:") < lines.index("columns:")
    (remedy,) = (line for line in lines if "dataset.numeric=[code]" in line)
    assert remedy.startswith("    ")


def test_the_columns_are_written_to_be_edited_and_read_back(here: Here, tmp_path: Path) -> None:
    rows = [f"{k},{k % 28 + 1}.2.2020,{'ab'[k % 2]},{k * 37 % 41}" for k in range(60)]
    (tmp_path / "own.csv").write_text("\n".join(["id,on day,kind,x", *rows]))
    words = ("gan-data", "dataset=table", "dataset.path=own.csv")
    answer = here(*words, "--write-columns", "columns.yaml")
    assert (answer.code, answer.err) == (0, "")
    text = (tmp_path / "columns.yaml").read_text()
    assert "id:\n  kind: identifier  # one in each row" in text
    assert '"on day":\n  kind: date  # dates, ' in text and 'format: "%-d.%-m.%Y"' in text
    again = here(*words, "dataset.columns=columns.yaml", "--json")
    roles = {part["name"]: part["role"] for part in json.loads(again.out)["parts"]}
    assert list(roles.values()) == ["identifier", "date", "categorical", "numeric"]
    assert "often wrong" not in here(*words, "dataset.columns=columns.yaml").out
    refused = here(*words, "--write-columns", "columns.yaml")
    assert refused.code == 2 and "the file is there already" in refused.err


def test_as_json_the_report_is_all_that_is_printed(here: Here) -> None:
    answer = here("gan-data", "dataset=iris", "--json")
    report = json.loads(answer.out)
    assert (report["examples"], report["held_out"], report["kind"]) == (105, 45, "table")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (("dataset=table", "dataset.path=own data.csv"), "own data.csv"),
        (("dataset=iris",), "iris"),
        (("dataset=ring", "dataset.count=50"), "ring"),
    ],
)
def test_a_page_is_named_after_the_file_or_the_data_set(
    here: Here, tmp_path: Path, settings: tuple[str, ...], name: str
) -> None:
    (tmp_path / "own data.csv").write_text(CODES)
    answer = here("gan-data", *settings, "--html", "x.html")
    assert (answer.code, answer.err) == (0, "")
    page = (tmp_path / "x.html").read_text()
    assert f"<h1>{name}</h1>" in page and f"<title>{name}</title>" in page


def test_a_shell_completes_the_settings_of_gan_data(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "complete " in here("gan-data", "-sc", "install=bash").out
    monkeypatch.setenv("COMP_LINE", "gan-data dataset=ta")
    assert here("gan-data", "-sc", "query=bash").out.split() == ["dataset=table"]


def test_options_and_settings_stand_in_any_order(here: Here, tmp_path: Path) -> None:
    answer = here("gan-data", "dataset=iris", "--json", f"cache={tmp_path / 'c'}", "dataset.seed=3")
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dataset=irs",), 2, "Did you mean 'iris'?"),
        (("dataset=iris", "dataset.sed=3"), 2, "dataset.seed"),
        (("dataset=iris", "dataset.test_ratio=2"), 2, "test_ratio"),
        (("iris",), 2, "neither a setting nor a run folder, iris"),
        (("dataset=iris,wine",), 2, "one data set"),
        (("dataset=iris", "resume=run"), 2, "trains nothing"),
        (("dataset=iris", "dry_run=true"), 2, "trains nothing"),
        (("dataset=iris", "--html", "."), 2, "--html"),
        (("dataset=table", "dataset.path=nowhere.csv"), 3, "nowhere.csv"),
        (("dataset=image_folder", "dataset.root=nowhere"), 3, "nowhere"),
        (("folder",), 6, "not a run folder"),
    ],
)
def test_a_fault_ends_with_the_code_of_the_contract(
    here: Here, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "folder").mkdir()
    answer = here("gan-data", *words)
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith("error: ")
    assert said in answer.err


def picture_folder(root: Path) -> None:
    for name in ("cats", "dogs <b>"):
        (root / name).mkdir(parents=True)
        for k in range(3):
            Image.new("L", (9, 9), 40 * k).save(root / name / f"{k}.png")


def test_a_page_and_a_picture_show_examples_of_images(here: Here, tmp_path: Path) -> None:
    picture_folder(tmp_path / "pictures")
    words = ("dataset=image_folder", "dataset.root=pictures", f"cache={tmp_path / 'c'}")
    answer = here("gan-data", *words, "--html", "out/x.html", "--png", "out/x.png")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-2:] == ["--html: out/x.html", "--png: out/x.png"]
    page = (tmp_path / "out" / "x.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "dogs &lt;b&gt;" in page
    assert "<b>" not in page
    assert Image.open(tmp_path / "out" / "x.png").mode == "RGB"


def test_a_page_of_a_table_has_some_of_its_rows_escaped(here: Here, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(CODES.replace("kind", "<script>"))
    words = ("dataset=table", "dataset.path=own.csv", "--html", "x.html")
    assert here("gan-data", *words).code == 0
    page = (tmp_path / "x.html").read_text()
    assert page.count("<script>") == 1  # that of the page
    assert "Some rows" in page


# ---------------------------------------------------------------- a run


def test_a_run_says_how_data_was_read_before_its_first_step_and_keeps_all_of_it(
    here: Here, tmp_path: Path
) -> None:
    answer = here("gan-train", *small_run(tmp_path / "run", "train.steps=0"))
    lines = answer.out.splitlines()
    begun = next(k for k, line in enumerate(lines) if line.startswith("run: "))
    said = lines[begun + 1 : begun + 9]
    assert said[0].startswith("data ")
    assert "1,797 images" in said[0]
    assert "mirrored  no" in said
    assert said[0] in (tmp_path / "run" / "train.log").read_text()
    stored = here("gan-data", "run")
    assert stored.code == 0
    assert "1,797 images for" in stored.out
    assert read_report(tmp_path / "run" / "data.json").examples == 1797


def test_a_doubtful_decision_is_one_warning_of_the_run_and_a_hint_in_its_report(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text(CODES)
    words = ("dataset=table", "dataset.path=own.csv", "train.steps=0", "hydra.run.dir=run")
    answer = here("gan-train", *words, *SCHEDULE)
    assert answer.code == 0, answer.err
    assert answer.out.count("few whole numbers") == 1
    assert "doubtful  2 decisions that are often wrong: see the warnings" in answer.out
    assert len(RunFolder(tmp_path / "run").status().warnings) == 2


def test_a_resumed_run_says_again_only_what_is_not_as_it_was(
    tmp_path: Path, configured: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    path.mkdir()
    run = create(configured("dataset=iris", "train.steps=0"), path, Terminal())

    def said() -> str:
        run._report_reading()
        return capsys.readouterr().out

    assert "left out  nothing" in said()
    report = (path / "data.json").read_bytes()
    assert said() == ""
    for content in (report.replace(b'"held_out": 45', b'"held_out": 44'), b"{"):
        (path / "data.json").write_bytes(content)
        assert "left out  nothing" in said()
        assert (path / "data.json").read_bytes() == report
    run.folder.release()


def test_a_quiet_run_keeps_its_report_and_prints_nothing(
    tmp_path: Path, configured: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    path.mkdir()
    run = create(configured("dataset=iris", "train.steps=0"), path, Terminal(quiet=True))
    run._report_reading()
    run.folder.release()
    assert capsys.readouterr().out == ""
    assert run.folder.reading_report() == run.reading
    assert "left out  nothing" in (path / "train.log").read_text()


def test_a_dry_run_says_it_with_its_warnings(here: Here, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(CODES)
    words = ("dataset=table", "dataset.path=own.csv", "dry_run=true")
    answer = here("gan-train", *words, *SCHEDULE)
    assert answer.code == 0, answer.err
    assert "42 rows for training, 18 held out" in answer.out
    assert answer.out.count("warning: columns of few whole numbers") == 1


def test_a_run_trains_though_its_held_out_examples_are_damaged(here: Here, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)

    def idx(name: str, array: np.ndarray) -> None:  # type: ignore[type-arg]
        head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
        (raw / name).write_bytes(head + array.tobytes())

    idx("train-images-idx3-ubyte", np.zeros((20, 28, 28), np.uint8))
    idx("train-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 10)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"damaged")
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
    answer = here("gan-data", "dataset=mnist", f"dataset.root={tmp_path}")
    assert answer.code == 0, answer.err
    assert "can't be read" in " ".join(answer.out.split())


def test_a_picture_of_a_stored_report_is_refused(here: Here, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    answer = here("gan-data", "run", "--png", "x.png")
    assert (answer.code, "needs the data" in answer.err) == (2, True)
