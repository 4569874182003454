"""The Dockerfile by its text: what can be known without building it. `make image-test` builds and runs it."""

import ast
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]


class Instruction(Struct, frozen=True):
    """`COPY --from=packages a b`: its word, its options, the rest."""

    word: str
    options: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest, as the shell would split it, or as its JSON says."""
        words: list[str] = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        return words


class Stage(Struct, frozen=True):
    """From one FROM to the next."""

    base: str
    name: str | None
    instructions: list[Instruction]

    def all(self, word: str) -> list[Instruction]:
        """Its instructions of one kind."""
        return [each for each in self.instructions if each.word == word]

    def environment(self) -> dict[str, str]:
        """What its ENV lines set."""
        return dict(word.split("=", 1) for each in self.all("ENV") for word in each.words)


def parse(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[Stage] = []
    for line in filter(str.strip, text.splitlines()):
        word, rest = line.split(maxsplit=1)
        options = {}
        while option := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
            options[option[1]] = option[2]
            rest = rest[option.end() :]
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name or None, []))
        else:
            stages[-1].instructions.append(Instruction(word, options, rest.strip()))
    return stages


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STAGES = parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
SHIPPED = STAGES[-1]
COPIED = sorted(
    source.removeprefix("./").rstrip("/")
    for stage in STAGES
    for copy in stage.all("COPY")
    if "from" not in copy.options
    for source in copy.words[:-1]
)


def test_the_parser_finds_stages_options_and_continued_lines() -> None:
    stages = parse('# c\nFROM a:1 AS one\nRUN x \\\n && y\n# c\nFROM b:2\nCOPY --from=one /p /q\nCMD ["r", "s t"]\n')
    assert [(stage.base, stage.name) for stage in stages] == [("a:1", "one"), ("b:2", None)]
    assert stages[0].instructions == [Instruction("RUN", {}, "x   && y")]
    assert stages[1].instructions[0] == Instruction("COPY", {"from": "one"}, "/p /q")
    assert stages[1].instructions[1].words == ["r", "s t"]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name or "shipped")
def test_bases_are_stages_or_images_of_a_named_version(stage: Stage) -> None:
    names = {each.name for each in STAGES}
    if stage.base not in names:
        _, colon, tag = stage.base.partition(":")
        assert colon
        assert tag[0].isdigit()
    assert {copy.options.get("from") for copy in stage.all("COPY")} <= {*names, None}
    assert stage.all("ADD") == []


def test_every_file_that_is_copied_exists() -> None:
    assert [source for source in COPIED if not (ROOT / source).exists()] == []


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    assert sorted({line[1:] for line in lines if line.startswith("!")}) == sorted(set(COPIED))


def test_it_ships_the_interpreter_that_the_packages_were_installed_for() -> None:
    assert {stage.base for stage in STAGES if ":" in stage.base} == {SHIPPED.base}
    version = re.match(r"python:(3\.\d+)-", SHIPPED.base)
    assert version
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"lib/python(3\.\d+)", text)) == {version[1]}


def test_it_runs_as_an_ordinary_user_by_number() -> None:
    (user,) = SHIPPED.all("USER")
    uid, gid = user.rest.split(":")  # a number: what refuses root can be told so without a look into the image
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000
    assert SHIPPED.all("RUN") == []


def test_packages_are_installed_by_their_hashes_and_then_torch() -> None:
    installs = [command for stage in STAGES for run in stage.all("RUN") for command in run.rest.split("&&")]
    pinned, torch = [command.split() for command in installs if " pip " in f" {command} "]
    assert {"--require-hashes", "--no-deps", "--only-binary", "requirements.txt"} <= set(pinned)
    (needed,) = [each for each in PROJECT["dependencies"] if each.startswith("torch")]
    assert torch[-1] == needed


def test_what_the_app_imports_is_installed_with_it() -> None:
    """In the image, and after `make run`, there is only what pyproject.toml asks for."""
    installed = required(declared())
    providers = metadata.packages_distributions()
    missing = {
        module
        for module in imported(ROOT / "app")
        if not installed & {canonicalize_name(name) for name in providers.get(module, ())}
    }
    assert missing == set()


def test_the_server_listens_where_the_container_is_reached() -> None:
    environment = SHIPPED.environment()
    settings = Settings.from_environment(
        {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    )
    assert settings.host == "0.0.0.0"
    assert [expose.rest for expose in SHIPPED.all("EXPOSE")] == [str(settings.port)]


def test_health_is_asked_for_without_a_shell_by_a_program_that_is_there() -> None:
    (check,) = SHIPPED.all("HEALTHCHECK")
    assert {"interval", "timeout", "start-period", "retries"} == check.options.keys()
    program, *options, code = json.loads(check.rest.removeprefix("CMD "))
    assert (program, options) == ("python", ["-IS", "-c"])
    compile(code, "HEALTHCHECK", "exec")
    assert "/healthz" in code


def test_signals_reach_the_server() -> None:
    (entry,), (command,), (stop,) = (SHIPPED.all(word) for word in ("ENTRYPOINT", "CMD", "STOPSIGNAL"))
    # Lists, not shell lines: a shell would be the first process and keep the signal to itself.
    assert json.loads(entry.rest) + json.loads(command.rest) == ["python", "-m", "app", "serve"]
    assert stop.rest == "SIGTERM"


def declared() -> set[str]:
    """The packages that pyproject.toml asks for."""
    return {canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]}


def required(names: set[str]) -> set[str]:
    """`names`, what those require, and so on."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        needs = map(Requirement, metadata.requires(name) or ())
        todo += [canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate()]
    return found


def imported(folder: Path) -> set[str]:
    """The modules of others, by their first name, that the files below `folder` import."""
    return {
        name.partition(".")[0]
        for path in folder.rglob("*.py")
        for name in _imports(ast.parse(path.read_text(encoding="utf-8")))
        if name.partition(".")[0] not in {*sys.stdlib_module_names, folder.name}
    }


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
