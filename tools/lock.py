"""Remakes requirements/*.txt from pyproject.toml, with the newest versions that fit together.

uv resolves; it comes from its own lock into a scratch venv. No lock holds an address.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
LOCKS = Path("requirements")
OPTIONS = [
    "--quiet",
    "--system-certs",  # trusts what pip trusts
    "--universal",
    "--python-version=3.11",
    "--upgrade",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-strip-extras",  # pip pins NAME and NAME[extra] apart
    "--no-emit-index-url",
]
CONSTRAINED_BY = {  # in the order in which they are made
    "run": [],
    "bench": ["run"],
    "demo": ["run"],
    "test": ["run", "bench", "demo"],
    "build": ["run", "test"],
    "apps": [],
    "fuzz": ["run", "test"],
    "go": [],
    "lock": [],
}


def main() -> None:
    """Remake every lock."""
    with TemporaryDirectory() as scratch:
        run(sys.executable, "-m", "venv", scratch)
        pip = [f"{scratch}/bin/python", "-m", "pip", "install", "--disable-pip-version-check"]
        hashed = ["--require-hashes", "--only-binary", ":all:", "-r", str(LOCKS / "lock.txt")]
        run(*pip, "--quiet", *hashed)
        for name, others in CONSTRAINED_BY.items():
            source = ["pyproject.toml"] if name == "run" else ["--group", name]
            constraints = [f"--constraints={LOCKS / other}.txt" for other in others]
            output = f"--output-file={LOCKS / name}.txt"
            run(f"{scratch}/bin/uv", "pip", "compile", *OPTIONS, *source, *constraints, output)


def run(*command: str) -> None:
    """Run a command in the root of the project; its own words say what is wrong."""
    if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"lock: failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
