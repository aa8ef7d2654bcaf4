"""What tells columns apart: a table of an earlier version keeps its digest, another has another."""

from __future__ import annotations

from dataclasses import replace

import torch

from gan_runner.data import Column, Columns, Data, Space
from gan_runner.data.encodings import Mode, NumberEncoding
from gan_runner.data.kept_constraints import KeptConstraint

HEIGHT = Column("height", decimals=1)


def digest(*columns: Column, constraints: tuple[KeptConstraint, ...] = ()) -> str:
    held = Columns(columns, 0.2, False, constraints)
    space = Space("table", (1,), (0.0,), (1.0,), held)
    return Data(torch.tensor([[1.0], [2.0]]), space).digest


def test_a_table_that_an_earlier_version_read_has_the_digest_that_it_had() -> None:
    assert HEIGHT.facts == ("height", (), 1, False, False)
    # as version 0.2.0 wrote it before columns had encodings
    assert digest(HEIGHT) == "16e2acfa01f9be76bde4d311f123881cdbe7d5f77c2e1c285ee423c47d2a15a1"


def test_encodings_and_constraints_make_other_data() -> None:
    encoded = replace(HEIGHT, encoding=NumberEncoding((Mode((1.0, 2.0)),)))
    wider = replace(HEIGHT, encoding=NumberEncoding((Mode((1.0, 3.0)),)))
    constrained = digest(HEIGHT, constraints=(KeptConstraint("height > 0"),))
    assert len({digest(HEIGHT), digest(encoded), digest(wider), constrained}) == 4
