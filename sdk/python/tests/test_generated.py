"""The blocking client is generated from the async one, and is what that says today."""

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent


def generate(folder: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-B", str(folder / "scripts" / "gen_sync.py"), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_blocking_client_is_what_the_async_one_says() -> None:
    result = generate(FOLDER, "--check")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_change_of_the_async_client_is_seen_and_taken_over(tmp_path: Path) -> None:
    for name in ("scripts", "src"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    package = tmp_path / "src" / "avatar_sdk"
    session = package / "session.py"
    before = session.read_text("utf-8")
    after = before.replace("mode: Optional[TaskMode] = None,\n    ) -> SpeakResult:", 'mode: TaskMode = "queue",\n    ) -> SpeakResult:')
    assert after != before
    session.write_text(after, "utf-8")
    result = generate(tmp_path, "--check")
    assert result.returncode == 1 and "npm run gen" in result.stderr
    assert generate(tmp_path).returncode == 0
    assert generate(tmp_path, "--check").returncode == 0
    assert 'mode: TaskMode = "queue",\n    ) -> SpeakResult:' in (package / "sync.py").read_text("utf-8")


def test_words_about_what_is_gone_do_not_stay(tmp_path: Path) -> None:
    for name in ("scripts", "src"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    session = tmp_path / "src" / "avatar_sdk" / "session.py"
    session.write_text(session.read_text("utf-8").replace("`async with` connects it", "It connects"), "utf-8")
    result = generate(tmp_path)
    assert result.returncode == 1 and "`async with` connects" in result.stderr
