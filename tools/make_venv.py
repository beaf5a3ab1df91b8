"""Makes .venv from the locks, and leaves alone what is there and current.

    python3 tools/make_venv.py [--dev] [--fuzz]
    python3 tools/make_venv.py --apps

The run-time and demo sets always, with `--dev` the test set too, and with `--fuzz` what `make fuzz`
needs: it has no wheel for some machines. `--apps` makes .venv-apps, for
applications that can't live with these sets, and without freshkey. Safe to run twice at once.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python shall say so in one line
    sys.exit(
        "setup: Freshkey needs Python 3.11 or newer, and {} is {}.{}: "
        "name another one with `make PYTHON=python3.12 ...`".format(
            sys.executable, *sys.version_info[:2]
        )
    )

import fcntl
import os
import signal
import subprocess
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
APPS = "--apps" in sys.argv[1:]
VENV = ROOT / (".venv-apps" if APPS else ".venv")
STAMPS = VENV / "stamps"
APT_GET = ("apt-get update", "apt-get install -y python3-venv")


def main() -> None:
    """Bring the venv up to date; SystemExit with one line when that can't be."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    more = {"--dev": "test", "--fuzz": "fuzz"}
    sets = ["build", "run", "demo", *(more[option] for option in more if option in sys.argv[1:])]
    lock = os.open(LOCKS, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # until this process ends
    make_venv()
    for name in ["apps"] if APPS else sets:
        install_set(name)
    if not APPS:
        install_project()


def make_venv() -> None:
    """Make the venv anew when it is half made, was moved, or belongs to another interpreter."""
    python = Path(sys.executable).resolve()
    key = f"{VENV} {python} {sys.version_info.major}.{sys.version_info.minor}"
    if is_current("venv", key):
        return
    need_ensurepip()
    say(f"making {VENV.name}")
    run([str(python), "-m", "venv", "--clear", str(VENV)])
    STAMPS.mkdir()
    stamp("venv", key)


def need_ensurepip() -> None:
    """Install Debian's python3-venv when this Python can't make a venv; without root, say how."""
    if has_ensurepip():
        return
    if os.geteuid() == 0:
        say("this Python has no ensurepip: installing python3-venv")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in APT_GET:
            subprocess.run(
                [*command.split(), "-qq"], stdin=subprocess.DEVNULL, env=environment, check=False
            )
        if has_ensurepip():
            return
    sys.exit(f"setup: {sys.executable} has no ensurepip; as root: {' && '.join(APT_GET)}")


def has_ensurepip() -> bool:
    """Ask a new interpreter, because this one remembers what was missing."""
    command = [sys.executable, "-I", "-c", "import ensurepip"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def install_set(name: str) -> None:
    """Install what requirements/NAME.txt lists, unless it was."""
    path = LOCKS / f"{name}.txt"
    key = sha256(path.read_bytes()).hexdigest()
    if is_current(name, key):
        return
    say(f"installing requirements/{name}.txt")
    pip("--require-hashes", "--only-binary", ":all:", "-r", str(path))
    stamp(name, key)


def install_project() -> None:
    """Install freshkey itself, editable: once, and when its metadata change."""
    sources = [ROOT / "pyproject.toml", ROOT / "agent" / "freshkey" / "__init__.py"]
    key = sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    if is_current("freshkey", key):
        return
    say("installing freshkey")
    pip("--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp("freshkey", key)


def pip(*arguments: str) -> None:
    """Run the venv's pip install."""
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    run([str(VENV / "bin" / "python"), "-m", "pip", "install", *options, *arguments])


def run(command: list[str]) -> None:
    """Run a command whose own words say what is wrong when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"setup: failed: {' '.join(command)}")


def is_current(name: str, key: str) -> bool:
    """Say whether the stamp is there and was made for the same content."""
    path = STAMPS / name
    return path.is_file() and path.read_text() == key


def stamp(name: str, key: str) -> None:
    """Record what was finished, at once and whole."""
    part = STAMPS / f"{name}.part"
    part.write_text(key)
    part.replace(STAMPS / name)


def say(text: str) -> None:
    """Show progress."""
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    main()
