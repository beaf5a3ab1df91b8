"""Makes a Debian package in dist/, of the wheel that is there: see `make deb`.

The agent stands in a virtual environment under /opt/freshkey, with what requirements/run.txt pins,
for the Python that runs this: Debian calls version 3.11 `python3.11`. Two packages of a commit,
made in clean clones with the same Python and dpkg, are the same, byte for byte
(https://reproducible-builds.org/docs/source-date-epoch/).
"""

import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
DEBIAN = ROOT / "packaging" / "debian"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
VENV = Path("opt/freshkey")
SITE = VENV / "lib" / PYTHON / "site-packages"
UNITS = ("freshkey.service", "freshkey@.service", "freshkey.socket")
LAUNCHER = f"""\
#!/{VENV}/bin/python3
import sys

from freshkey.cli.main import main

sys.exit(main())
"""
VENV_CONFIG = f"""\
home = /usr/bin
include-system-site-packages = false
version = {sys.version_info.major}.{sys.version_info.minor}
executable = /usr/bin/{PYTHON}
"""
COPIED = {  # from here to there; a directory with all that is in it
    "systemd/sysusers.d/freshkey.conf": "usr/lib/sysusers.d/freshkey.conf",
    "systemd/tmpfiles.d/freshkey.conf": "usr/lib/tmpfiles.d/freshkey.conf",
    **{f"systemd/{unit}": f"usr/lib/systemd/system/{unit}" for unit in UNITS},
    "systemd/drop-ins": "usr/share/freshkey/drop-ins",
    "systemd/examples": "usr/share/freshkey/examples",
    "systemd/polkit": "usr/share/freshkey/polkit",
    "configs/freshkey.toml": "usr/share/freshkey/freshkey.toml",
    "configs/templates": "usr/share/freshkey/templates",
    "configs/prometheus": "usr/share/freshkey/prometheus",
    "configs/grafana": "usr/share/freshkey/grafana",
    "configs/compose.yaml": "usr/share/freshkey/compose.yaml",
    "configs/kubernetes": "usr/share/freshkey/kubernetes",
    "packaging/completions/freshkey.bash": "usr/share/bash-completion/completions/freshkey",
    "packaging/completions/_freshkey": "usr/share/zsh/vendor-completions/_freshkey",
    "packaging/completions/freshkey.fish": "usr/share/fish/vendor_completions.d/freshkey.fish",
    "docs": "usr/share/doc/freshkey/docs",
    "CHANGELOG.md": "usr/share/doc/freshkey/CHANGELOG.md",
    "DESIGN.md": "usr/share/doc/freshkey/DESIGN.md",
    "packaging/freshkey.cdx.json": "usr/share/doc/freshkey/freshkey.cdx.json",
    "packaging/debian/copyright": "usr/share/doc/freshkey/copyright",
}
COMPRESSED = {
    "packaging/man/freshkey.1": "usr/share/man/man1/freshkey.1.gz",
    "packaging/man/freshkey.toml.5": "usr/share/man/man5/freshkey.toml.5.gz",
}


def main() -> None:
    """Make the package of the wheel that is named, beside it."""
    (wheel,) = map(Path, sys.argv[1:])
    if shutil.which("dpkg-deb") is None:
        sys.exit("deb: dpkg-deb is missing: it comes with Debian and Ubuntu")
    os.umask(0o022)
    with TemporaryDirectory() as scratch:
        tree = Path(scratch)
        install(wheel, tree)
        copy_files(tree)
        write_control(wheel, tree)
        normalize_modes_and_times(tree)
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", scratch, str(wheel.parent))


def install(wheel: Path, tree: Path) -> None:
    """Make the virtual environment, without pip, for an interpreter that is in /usr/bin."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-compile", "--no-warn-script-location", "--upgrade", "--target", str(tree / SITE)]
    run(*pip, "--only-binary=:all:", "--require-hashes", "-r", str(ROOT / "requirements/run.txt"))
    version = wheel.name.split("-")[1]
    run(*pip, "--no-deps", "--no-index", f"--find-links={wheel.parent}", f"freshkey=={version}")
    for unwanted in ("bin", "share"):  # programs of libraries, for an interpreter of this machine
        shutil.rmtree(tree / SITE / unwanted, ignore_errors=True)
    for record in (tree / SITE).glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        outside = ("../../bin/", "../../share/", "bin/", "share/")
        record.write_text("".join(line for line in lines if not line.startswith(outside)))
    texts = tree / "usr/share/doc/freshkey/third-party"
    run(sys.executable, "-I", str(ROOT / "tools/third_party.py"), str(tree / SITE), str(texts))
    programs = tree / VENV / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(f"/usr/bin/{PYTHON}")
    (programs / "python").symlink_to("python3")
    (programs / "freshkey").write_text(LAUNCHER)
    (programs / "freshkey").chmod(0o755)
    (tree / VENV / "pyvenv.cfg").write_text(VENV_CONFIG)


def copy_files(tree: Path) -> None:
    """Put everything else where Debian's tools look for it."""
    for source, target in COPIED.items():
        place = tree / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place)
        else:
            shutil.copyfile(ROOT / source, place)
    for source, target in COMPRESSED.items():
        place = tree / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress((ROOT / source).read_bytes(), mtime=0))
    # The links of docs/ lead there.
    (tree / "usr/share/doc/freshkey/configs").symlink_to("../../freshkey")
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/freshkey").symlink_to(f"/{VENV}/bin/freshkey")


def write_control(wheel: Path, tree: Path) -> None:
    """Describe the package, with the scripts of its maintainer."""
    control = tree / "DEBIAN"
    control.mkdir()
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file())
    text = (
        (DEBIAN / "control.in")
        .read_text()
        .format(
            version=debian_version(wheel.name.split("-")[1]),
            architecture=output("dpkg", "--print-architecture"),
            size=size // 1024,
            python=PYTHON,
        )
    )
    (control / "control").write_text(text)
    for script in ("preinst", "postinst", "prerm", "postrm"):
        shutil.copyfile(DEBIAN / script, control / script)
        (control / script).chmod(0o755)


def debian_version(version: str) -> str:
    """Return a version that is newer for every later commit, and a release's after its candidates.

    https://www.debian.org/doc/debian-policy/ch-controlfields.html#version
    """
    before_release = re.sub(r"\.?(a|b|rc|dev)(?=\d)", r"~\1", version)
    committed = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    return f"{before_release}+{committed:%Y%m%d%H%M%S}"


def normalize_modes_and_times(tree: Path) -> None:
    """Give everything the modes and times that it has everywhere."""
    time = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.lstat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (time, time), follow_symlinks=False)


def output(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def run(*command: str) -> None:
    """Run a command whose own words say what is wrong when it fails."""
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"deb: failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
