"""The workflows: what they run is in the makefile, what they name is there, and a release is made of one version."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
VALIDATOR = ROOT / "tests/packages/node_modules/.bin/action-validator"
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.fixture(params=WORKFLOWS, ids=lambda p: p.stem)
def workflow(request):
    return yaml.safe_load(request.param.read_text())


def steps(workflow):
    return [(name, s) for name, job in workflow["jobs"].items() for s in job["steps"]]


def test_what_runs_is_there(workflow):
    """`make TARGET`, as root where its tests are root's, or the packages that make needs: nothing is done in CI that cannot be done
    elsewhere."""
    for name, step in steps(workflow):
        assert ("run" in step) != ("uses" in step), step
        for part in re.split(r"&&|\n", step.get("run", "")):
            words = part.removeprefix("sudo ").split()
            if words[:1] == ["make"]:
                for target in (w for w in words[1:] if "=" not in w):
                    assert re.search(rf"^{target}:", MAKEFILE, re.M), f"{name}: {part}"
            else:
                assert not words or words[0] == "apt-get", f"{name}: {part}"


def runs(workflow):
    """What a workflow does, by job: the targets of make and the actions, without versions."""
    found = {}
    for name, step in steps(workflow):
        for part in re.split(r"&&|\n", step.get("run", "")):
            words = part.removeprefix("sudo ").split()
            found.setdefault(name, []).extend(w for w in words[1:] if words[0] == "make" and "=" not in w)
        found.setdefault(name, []).extend([step["uses"].partition("@")[0]] if "uses" in step else [])
    return found


def load(name):
    return yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())


def test_all_that_has_to_be_there_is():
    """Of every push: build, tests, sanitizers, fuzzing, packages, the image, what is in it, what is known of that; each night the long
    forms; of a tag the same tests before anything leaves, and what is pushed is what was looked at."""
    ci, nightly, release = (runs(load(n)) for n in ("ci", "nightly", "release"))
    assert load("ci")[True].keys() == {"push", "pull_request"} and "schedule" in load("nightly")[True]
    assert "check" in ci["check"] and "packages" in ci["packages"]
    for job in (ci["image"], release["image"]):
        assert {"image", "image-check", "sbom", "aquasecurity/trivy-action", "actions/upload-artifact"} <= set(job)
    before = release["image"][:release["image"].index("image-push")]
    assert {"image", "image-check", "aquasecurity/trivy-action", "docker/metadata-action"} <= set(before)
    assert "scan" in ci["image"] and "actions/dependency-review-action" in ci["dependencies"]
    assert {"scan", "image", "aquasecurity/trivy-action"} <= set(nightly["dependencies"])
    assert {"asan", "e2e-asan"} <= set(nightly["sanitizers"]) and "fuzz" in nightly["fuzz"] and "check-long" in nightly["check-long"]
    assert release["check"][-2:] == ["version-check", "check"]
    assert release["packages"][-3:] == ["packages", "actions/download-artifact", "release-files"]
    # What finds something ends with it.
    for workflow in ("ci", "nightly", "release"):
        for _, step in steps(load(workflow)):
            assert "continue-on-error" not in step
            assert "trivy" not in step.get("uses", "") or step["with"]["exit-code"] == "1", step


def test_make_check_has_sanitizers_and_fuzzing():
    """As the makefile has it, which is what CI runs."""
    parts = " ".join(re.findall(r'"([a-z0-9 -]+)"', re.search(r"^check: .*?\n\n", MAKEFILE, re.M | re.S).group())).split()
    assert {"lint", "packaging", "asan", "fuzz-short", "e2e", "conformance", "mcp", "browser", "crash"} <= set(parts)
    release = re.search(r"^release-files:\n\t(.*)$", MAKEFILE, re.M).group(1)
    assert "$(B)/deb/*_$(DEB_VERSION)_*.deb" in release and "$(B)/image/sbom.json" in release


def test_images_are_tested_as_root_and_not_passed_over():
    """tests/containers/test_image.py skips what it cannot do; who is not root can do nothing of it."""
    text = "".join(p.read_text() for p in WORKFLOWS)
    assert text.count("sudo make image-check") == text.count("make image-check") == 2


def test_rights_are_the_least(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["runs-on"].startswith("ubuntu-") and not job["runs-on"].endswith("latest"), name
        for needed in [job.get("needs", [])] if isinstance(job.get("needs", []), str) else job.get("needs", []):
            assert needed in workflow["jobs"], name
        for step in job["steps"]:
            # A tag can be moved to other code by whoever gets hold of its repository; a commit cannot.
            assert "uses" not in step or re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"]), step
            # What a stranger may choose (a branch's name, a title) comes by the environment, never as part of a command.
            assert "${{" not in step.get("run", ""), step


def test_pins_say_what_they_are():
    """Beside each commit stands its version, the same for the same one everywhere."""
    versions = {}
    for path in WORKFLOWS:
        for line in path.read_text().splitlines():
            if "uses:" in line:
                m = re.search(r"uses: ([\w./-]+)@([0-9a-f]{40}) # v(\d+\.\d+\.\d+)$", line)
                assert m, line
                assert versions.setdefault(m[1], m.groups()) == m.groups(), line
    assert len(versions) >= 7


@pytest.mark.skipif(not VALIDATOR.exists(), reason="make packaging")
def test_github_takes_them(tmp_path):
    """By GitHub's schema of workflows, as action-validator has it."""
    for path in WORKFLOWS:
        done = subprocess.run([VALIDATOR, path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / ".github/workflows/broken.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    assert subprocess.run([VALIDATOR, broken], capture_output=True, text=True).returncode != 0


def test_a_tag_releases():
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert release[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}
    assert release["jobs"]["image"]["needs"] == "check" and "check" in release["jobs"]["packages"]["needs"]
    text = (ROOT / ".github/workflows/release.yml").read_text()
    for what in ("make image-push", "make sbom", "make release-files", "trivy"):
        assert what in text, what


def git(folder, *words):
    return subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@x.test", "-c", "safe.directory=*", *words], cwd=folder,
                          capture_output=True, text=True)


def test_a_release_is_one_version(tmp_path):
    """.ci/release in a copy: it shows, refuses what is no release, writes every place, and tags."""
    copy = tmp_path / "copy"
    names = git(ROOT, "ls-files", "-z").stdout.split("\0")
    if not names[0]:
        pytest.skip("no repository")
    for name in ["Makefile", "webd/ui/package.json", "webd/ui/package-lock.json", *[n for n in names if n.startswith(("debian/", ".ci/", "etc/"))]]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
        (copy / name).chmod((ROOT / name).stat().st_mode & 0o777)
    for words in (["init", "-q"], ["config", "user.name", "t"], ["config", "user.email", "t@x.test"], ["add", "-A"], ["commit", "-qm", "first: commit"]):
        assert git(copy, *words).returncode == 0
    (copy / "webd/ui/new").write_text("x")
    assert git(copy, "add", "-A").returncode == 0 and git(copy, "commit", "-qm", "ui: tell what is new").returncode == 0

    def release(*words):
        return subprocess.run([copy / ".ci/release", *words], capture_output=True, text=True)
    for wrong in ("1.2", "v1.2.3", "0.0.1"):
        assert release(wrong).returncode != 0, wrong
    done = release("--dry-run", "9.8.7")
    assert done.returncode == 0 and "Makefile" in done.stdout, done.stderr
    assert git(copy, "status", "--porcelain").stdout == ""
    done = release("9.8.7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(copy, "tag").stdout.split() == ["v9.8.7"] and git(copy, "status", "--porcelain").stdout == ""
    assert (copy / "debian/changelog").read_text().startswith("gkmail (9.8.7) bookworm") and "ui: tell what is new" in \
        (copy / "debian/changelog").read_text()
    done = subprocess.run(["dpkg-parsechangelog", "-l", copy / "debian/changelog"], capture_output=True, text=True)
    assert "Version: 9.8.7" in done.stdout and "warning" not in done.stderr, done.stderr
    assert subprocess.run(["make", "-s", "version-check", "TAG=v9.8.7"], cwd=copy, capture_output=True).returncode == 0
    assert subprocess.run(["make", "-s", "version-check", "TAG=v9.8.8"], cwd=copy, capture_output=True).returncode != 0
    assert release("9.8.7").returncode != 0
