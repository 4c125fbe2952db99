"""Decisions: settings on one noise and one book, what is refused, and that a killed one goes on where it stood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stress
from stress.cli.compose import load
from stress.cli.main import BAD_INPUT, INTERRUPTED, OK, main
from stress.decisions import desk as desks
from stress.decisions.desk import Desk
from stress.errors import UserError
from stress.files import held, read_json

SMALL = ["price=merton", "price.jump.intensity=2000", "price.jump.std=0.08", "run.paths=256", "run.horizon_hours=1",
         "book.accounts=200", "run.progress=false", "decide.fund.horizons_hours=[]"]

pytestmark = pytest.mark.usefixtures("compiled_soon")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(load(SMALL)[1], tmp_path)


def test_a_setting_gives_what_a_run_of_its_own_gives(desk: Desk) -> None:
    alone = stress.run([*SMALL, "protocol.insurance_fund=3e4", "liquidity.half_spread_bps=10"])
    found = desk.run({"protocol.insurance_fund": 3e4, "liquidity.half_spread_bps": 10.0})
    for name, values in alone.paths.items():
        np.testing.assert_array_equal(found.columns[name], values, err_msg=name)
    assert found.metrics == alone.summary["metrics"]


def test_the_accounts_stay_unless_the_change_is_of_them(desk: Desk) -> None:
    stricter = {"protocol.initial_margin": 0.2, "protocol.maintenance_margin": 0.1}
    held, generated = desk.study(stricter), desk.study(stricter, hold_book=False)
    np.testing.assert_array_equal(held.book.quote, desk.base.book.quote)
    assert not np.array_equal(generated.book.quote, desk.base.book.quote)
    assert desk.study({"book.accounts": 50}).book.accounts < desk.base.book.accounts


def test_a_setting_is_simulated_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.run({"protocol.insurance_fund": 3e4})
    monkeypatch.setattr(desks, "simulate", lambda *_, **__: pytest.fail("simulated again"))
    assert desk.run({"protocol.insurance_fund": 3e4}) is first
    again = Desk(desk.container, desk.folder).run({"protocol.insurance_fund": 3e4})
    np.testing.assert_array_equal(again.columns["bad_debt"], first.columns["bad_debt"])


def test_a_study_that_was_built_to_look_at_is_the_one_that_is_simulated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a decision asks first what the configuration takes; nothing is kept that is simulated, or beyond the room."""
    built, simulated = list[Any](), list[Any]()
    honest = desks.build_study
    monkeypatch.setattr(desks, "build_study", lambda *given, **named: built.append(honest(*given, **named)) or built[-1])
    monkeypatch.setattr(Desk, "_simulate", lambda _, study, folder, progress: simulated.append(study))
    monkeypatch.setattr(desks, "simulate_together", lambda wanted, *_, **__: simulated.extend(w.plan for w in wanted))
    settings = [{"protocol.insurance_fund": fund} for fund in (3e4, 4e4)]
    assert desk.together(settings)
    desk.runs(settings)
    assert [study.plan for study in built[1:]] == simulated[:2]  # the first is the base
    assert simulated[2:] == built[1:]
    assert not desk._studies
    another = {"protocol.insurance_fund": 5e4}
    desk.keep(another, desk.study(another))
    assert desk.study(another) is built[-1]
    assert desk.study(another, hold_book=False) is not built[-2]
    monkeypatch.setattr(desks, "KEPT_BYTES", 1)
    further = {"protocol.insurance_fund": 6e4}
    desk.keep(further, desk.study(further))
    assert set(desk._studies) == {desks.setting_name(another, True)}


@pytest.mark.parametrize(("changes", "word"), [
    ({"protocol.insurance_found": 1.0}, "insurance_found"), ({"protocol.insurance_fund": -1.0}, "insurance_fund"),
    ({"protocol.backstop.capital": 1.0}, "backstop"),
])
def test_settings_that_cannot_be(desk: Desk, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        desk.run(changes)
    assert not list(desk.folder.rglob("*"))


def test_an_interrupted_decision_is_finished_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "killed"

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(desks, "join", stop)
        assert main(["fund", *SMALL, f"hydra.run.dir={folder}"]) == INTERRUPTED
    assert f"run.resume={folder}" in capsys.readouterr().err
    assert not read_json(folder / "decision.json")["complete"]
    assert main([f"run.resume={folder}", "run.paths=512"]) == BAD_INPUT
    assert main([f"run.resume={folder}", "report.enabled=false"]) == OK
    assert not (folder / "report.html").exists()
    assert main([f"run.resume={folder}"]) == OK
    whole = stress.decide("fund", SMALL)
    assert read_json(folder / "decision.json")["found"] == whole.found
    assert whole.in_short[0] in capsys.readouterr().out
    page = folder / "report.html"
    page.unlink()
    assert main(["report", str(folder)]) == OK
    assert "insurance fund" in page.read_text()


def test_what_is_no_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="Questions: fund"):
        stress.decide("fond")
    assert main(["fund", *SMALL, "run.fund_curve=false"]) == BAD_INPUT
    assert "run.fund_curve" in capsys.readouterr().err
    assert main(["fund", *SMALL, "-m", "protocol.insurance_fund=1,2"]) == BAD_INPUT
    assert main(["fund", *SMALL, "decide.fund.targets=[2]"]) == BAD_INPUT
    assert "decide.fund.targets" in capsys.readouterr().err


def test_what_was_refused_leaves_its_folder_to_the_next_try(tmp_path: Path) -> None:
    at = f"hydra.run.dir={tmp_path}"
    assert main(["search", *SMALL, "limits.depletion_probability=0.1", "decide.search.key=run.seed", at]) == BAD_INPUT
    assert not (tmp_path / "decision.json").exists()
    corrected = ["decide.search.key=protocol.insurance_fund", "decide.search.method=auto"]
    assert main(["search", *SMALL, "limits.depletion_probability=0.1", *corrected, at]) == OK


def test_what_is_refused_leaves_the_folder_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run and a decision do not take each other's place, and what was there can still be resumed."""
    small = [*SMALL, "report.enabled=false"]
    search = ["search", *small, "decide.search.key=protocol.insurance_fund", "limits.depletion_probability=0.1"]
    for mine, others in ((["run", *small], [search]), (search, [["run", *small], [*search, "run.seed=7"]])):
        folder = tmp_path / mine[0]
        at = f"hydra.run.dir={folder}"
        assert main([*mine, at]) == OK
        config = (folder / ".hydra" / "config.yaml").read_text()
        files = sorted(file for file in folder.rglob("*") if ".hydra" not in file.parts)
        for other in others:
            capsys.readouterr()
            assert main([*other, at]) == BAD_INPUT
            assert "Choose an empty folder" in capsys.readouterr().err
        assert (folder / ".hydra" / "config.yaml").read_text() == config
        assert sorted(file for file in folder.rglob("*") if ".hydra" not in file.parts) == files
        assert main([f"run.resume={folder}"]) == OK


@pytest.mark.parametrize(("file", "size"), [("paths.parquet", 0), ("paths.parquet", 3000), ("setting.json", 1)])
def test_a_damaged_setting_is_named(desk: Desk, file: str, size: int) -> None:
    folder = desk.run().folder
    (folder / file).write_bytes((folder / file).read_bytes()[:size])
    with pytest.raises(UserError, match="Remove this folder"):
        Desk(desk.container, desk.folder).run()


def test_a_folder_is_one_command_s_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = ["search", *SMALL, "decide.search.key=protocol.insurance_fund", "limits.depletion_probability=0.1",
              "report.enabled=false", f"hydra.run.dir={tmp_path}"]
    with held(tmp_path):
        assert main(search) == BAD_INPUT
        assert main(["run", *SMALL, "report.enabled=false", f"hydra.run.dir={tmp_path}"]) == BAD_INPUT
    assert not (tmp_path / "manifest.json").exists()
    assert "another command is at work there" in capsys.readouterr().err
    assert main(search) == OK
