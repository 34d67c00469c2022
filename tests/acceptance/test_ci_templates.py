"""The pipelines in ci/templates: each is what its service takes, and its commands, as they are written, do their work.

pip is told by its environment where the wheel is; everything else is run as a runner would, one that has KEXTREL_LAB
set for the job on real Macs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tree_sitter
import tree_sitter_groovy
from ruamel.yaml import YAML

TEMPLATES = Path(__file__).parents[2] / "ci" / "templates"
GITHUB, GITLAB, JENKINS = (TEMPLATES / name for name in ("github-actions.yml", "gitlab-ci.yml", "Jenkinsfile"))
ONE_RULE = "--rule BOOT-10"  # so that a pipeline is over in seconds
OWN_TEST = """
def test_of_their_own(mac):
    assert mac.name == "mini"
"""
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def check(schema: str, *arguments: str | Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_s_own_schema_takes_its_workflow() -> None:
    check("vendor.github-workflows", GITHUB)


def test_gitlab_s_own_schema_takes_its_pipeline() -> None:
    check("vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB)


def test_the_jenkinsfile_is_groovy_that_parses() -> None:
    tree = parsed(JENKINS.read_bytes())
    assert not tree.root_node.has_error
    assert parsed(JENKINS.read_bytes().replace(b"steps {", b"steps ", 1)).root_node.has_error


@pytest.fixture
def groovyc(tmp_path: Path) -> Callable[[str], Any]:
    """Compiles a script with Groovy 2.4, which is what Jenkins compiles its pipelines with."""
    java, jars = shutil.which("java"), sorted(Path("/usr/share/groovy/embeddable").glob("groovy-all-2.4.*.jar"))
    if java is None or not jars:
        pytest.skip("no Groovy 2.4; `bash ci/install-peers night` installs it")
    opened = ["--add-opens", "java.base/java.lang=ALL-UNNAMED"]  # it is older than Java's modules
    compiler = [java, *opened, "-cp", jars[0], "org.codehaus.groovy.tools.FileSystemCompiler", "-d", tmp_path / "out"]

    def compiled(script: str) -> Any:
        (tmp_path / "Jenkinsfile").write_text(script)
        (tmp_path / "out").mkdir(exist_ok=True)
        command = [*compiler, tmp_path / "Jenkinsfile"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    return compiled


@pytest.mark.night
def test_jenkins_own_compiler_takes_the_jenkinsfile(groovyc: Callable[[str], Any], tmp_path: Path) -> None:
    done = groovyc(JENKINS.read_text())
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "Jenkinsfile.class").is_file()


@pytest.mark.night
@pytest.mark.parametrize(
    ("right", "wrong"), [("steps {", "steps "), ("sh 'python3", "sh python3"), ("time: 30, unit", "time: 30 unit")]
)
def test_and_refuses_it_damaged(right: str, wrong: str, groovyc: Callable[[str], Any]) -> None:
    done = groovyc(JENKINS.read_text().replace(right, wrong, 1))
    assert done.returncode == 1
    assert "MultipleCompilationErrorsException" in done.stdout + done.stderr


def parsed(source: bytes) -> Any:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language())).parse(source)


def arguments_of(call: str, node: Any) -> Iterator[str]:
    """The text of every `call 'text'` below a node of the Jenkinsfile."""
    words = node.text.decode()
    if node.type == "juxt_function_call" and words.startswith(f"{call} '"):
        yield words.removeprefix(f"{call} '").removesuffix("'")
    for child in node.children:
        yield from arguments_of(call, child)


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def commands_of(service: str) -> list[str]:
    """The commands of the jobs on virtual Macs, in their order."""
    if service == "github":
        steps = yaml(GITHUB)["jobs"]["virtual-macs"]["steps"]
        return [step["run"] for step in steps if "run" in step]
    if service == "gitlab":
        pipeline = yaml(GITLAB)
        own = pipeline["own-tests"]["script"]
        return [*pipeline[".kextrel"]["before_script"], *pipeline["virtual-macs"]["script"], *own]
    return list(arguments_of("sh", parsed(JENKINS.read_bytes()).root_node))[:3]


def published_by(service: str) -> list[str]:
    """The patterns of what the job on virtual Macs publishes."""
    if service == "github":
        steps = yaml(GITHUB)["jobs"]["virtual-macs"]["steps"]
        (report,) = [one["with"]["path"] for one in steps if one.get("uses", "").startswith("actions/upload-artifact")]
        return str(report).split()
    if service == "gitlab":
        artifacts = yaml(GITLAB)[".kextrel"]["artifacts"]
        return [*artifacts["paths"], artifacts["reports"]["junit"]]
    return [*arguments_of("junit", parsed(JENKINS.read_bytes()).root_node)][:1]


@pytest.fixture
def runner(packaged: Any, settings: dict[str, str], tmp_path: Path) -> Callable[[str], Any]:
    """A runner's machine: an empty checkout, a `python3` and a `python`, and an index that has our wheel. What that
    depends on is found where it is installed here."""
    tools, checkout = tmp_path / "tools", tmp_path / "checkout"
    tools.mkdir()
    checkout.mkdir()
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    subprocess.run([tools / "python3", "-m", "venv", tmp_path / "own"], check=True)
    environment = {
        **settings,
        "PATH": f"{tmp_path / 'own' / 'bin'}:{tools}:/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(packaged.wheel.parent),
        "PIP_NO_DEPS": "1",
        "PIP_IGNORE_INSTALLED": "1",  # what lies here for its dependencies is not its own
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": "",
        "KEXTREL_LAB": str(tmp_path / "rack.yaml"),  # as a variable of the whole pipeline; it is not there
    }

    def run(command: str) -> Any:
        for packages in (*tmp_path.glob("own/lib/*/site-packages"), *checkout.glob(".kextrel/lib/*/site-packages")):
            (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return subprocess.run(
            ["/bin/sh", "-e", "-c", command], cwd=checkout, env=environment, capture_output=True, text=True, timeout=600
        )

    return run


@pytest.mark.night
@pytest.mark.parametrize("service", ["github", "gitlab", "jenkins"])
def test_its_commands_certify_and_leave_what_it_publishes(
    service: str, runner: Callable[[str], Any], tmp_path: Path
) -> None:
    own = tmp_path / "checkout" / "mac-tests" / "test_own.py"
    own.parent.mkdir()
    own.write_text(OWN_TEST)
    commands = commands_of(service)
    assert [word for one in commands for word in one.split() if word in ("install", "certify")] == [
        "install",
        "certify",
    ]
    for command in commands:
        shorter = f" {ONE_RULE}" if " certify " in command else ""
        done = runner(command + shorter)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said = " held, 0 violated, " if shorter else "1 passed" if " mac-tests " in command else ""
        assert said in done.stdout
    for pattern in published_by(service):
        assert list((tmp_path / "checkout").glob(pattern)), pattern


def test_each_installs_the_version_that_it_came_with(kextrel: Process) -> None:
    version = kextrel("--version").stdout.split()[1]
    for path in (GITHUB, GITLAB, JENKINS):
        installed = re.findall(r"pip install ([^\s']+)", path.read_text())
        assert set(installed) == {f"kextrel=={version}"}


def test_of_the_jobs_on_real_macs_one_runs_at_a_time() -> None:
    assert yaml(GITHUB)["jobs"]["real-macs"]["concurrency"]["cancel-in-progress"] is False
    assert yaml(GITLAB)["real-macs"]["resource_group"]
    (locked,) = re.findall(r"lock\('[^']+'\) \{(.*?)\n {16}\}", JENKINS.read_text(), re.DOTALL)
    assert "kextrel certify --extension" in locked


def test_a_vendor_s_job_names_options_that_there_are(kextrel: Process) -> None:
    told = kextrel("certify", "--help").stdout
    for path in (GITHUB, GITLAB, JENKINS):
        (line,) = [line for line in path.read_text().splitlines() if "kextrel certify --extension" in line]
        for word in line.split():
            assert not word.startswith("--") or word in told
