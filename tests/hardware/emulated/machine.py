"""An Arm machine with a PMU in QEMU, to run anything of this repository in: `make counters`.

`python -m tests.hardware.emulated.machine build FOLDER` puts a Debian for Arm together (with `--torch`, PyTorch too);
`... run FOLDER COMMAND...` boots it on this working tree, runs the command in it and ends with the command's status.

The kernel, its perf_event_open and its PMU driver are real; the CPU behind them is emulated and counts instructions
exactly. Cycles are instructions there, its clock advances by 1 ns for each, and there are no caches: counting can be
tested on it, speed cannot. It has one CPU: with two, QEMU lets each count the instructions of both (icount_get_raw of
accel/tcg/cpus is one number for all), which the known-answer test finds.
"""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

TOP = Path(__file__).parents[3]
TOOLS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "mmdebstrap": "mmdebstrap",
    "cpio": "cpio",
}
SUITE, PYTHON = "bookworm", "3.11"  # their versions belong together
PACKAGES = ("busybox-static", "libgomp1", "libstdc++6", "linux-image-arm64", "linux-perf", "python3")
WHEELS = (
    "attrs", "capstone", "click", "cloudpickle", "cxxfilt", "hypothesis", "iniconfig", "jinja2", "markdown-it-py",
    "markupsafe", "mdurl", "msgspec", "numpy", "packaging", "pillow", "pluggy", "psutil", "pyelftools", "pygments",
    "pytest", "rich", "scipy", "sortedcontainers", "typing_extensions",
)  # fmt: skip
# The last torch on PyPI whose wheel for Arm needs no CUDA, with what it imports: pip would resolve for this machine.
TORCH_WHEELS = (
    "torch==2.9.1", "torchvision==0.24.1", "filelock", "fsspec", "mpmath", "networkx", "setuptools", "sympy",
)  # fmt: skip
UNUSED = ("boot", "lib/modules", "usr/lib/modules", "usr/share/doc", "usr/share/locale", "usr/share/man", "var")
SITE = "opt/site"
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mkdir -p /dev/shm
/bin/busybox mount -t tmpfs shm /dev/shm
export PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root PYTHONPATH=/opt/ironlaw/src:/opt/site PYTHONDONTWRITEBYTECODE=1
cd /opt/ironlaw
/bin/busybox sh /command
echo "the command ended with status $?"
/bin/busybox poweroff -f
"""
ENDED = re.compile(r"^the command ended with status (\d+)\s*$", re.MULTILINE)
QEMU = (
    "qemu-system-aarch64", "-machine", "virt", "-cpu", "neoverse-n1", "-smp", "1", "-m", "6G",
    # Instructions are counted only where each takes a fixed time (instructions_supported of target/arm/helper.c).
    "-icount", "shift=0,sleep=off",
    "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio", "-monitor", "none", "-net", "none",
    "-append", "console=ttyAMA0 rdinit=/init quiet loglevel=3 mitigations=off",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that ran in the machine: its exit status, and all that the machine printed."""

    status: int
    printed: str


def lacking() -> list[str]:
    """The Debian packages whose programs are not here."""
    return [package for program, package in TOOLS.items() if shutil.which(program) is None]


def build(folder: Path, *, torch: bool = False) -> None:
    """Make the kernel and the file system under a folder, from Debian's mirror and the package index.

    Raises:
        CalledProcessError: a download failed; what the tool printed is on the terminal.
    """
    root = folder / "root"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bootstrap = ["mmdebstrap", "--quiet", "--architectures=arm64", "--variant=extract"]
    subprocess.run([*bootstrap, f"--include={','.join(PACKAGES)}", SUITE, str(root)], check=True)
    (kernel,) = root.glob("boot/vmlinuz-*")
    shutil.move(kernel, folder / "kernel")
    for unused in UNUSED:
        shutil.rmtree(root / unused, ignore_errors=True)
    _install(WHEELS + (TORCH_WHEELS if torch else ()), root / SITE)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    _pack(root, folder / "base.cpio")
    shutil.rmtree(root)


def _install(wheels: tuple[str, ...], site: Path) -> None:
    platforms = [f"--platform=manylinux_{version}_aarch64" for version in ("2_28", "2_17")]
    for_arm = [*platforms, "--platform=manylinux2014_aarch64", f"--python-version={PYTHON}", "--only-binary=:all:"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", f"--target={site}"]
    subprocess.run([*pip, *for_arm, *wheels], check=True)


def _pack(root: Path, archive: Path) -> None:
    """A cpio archive of a folder, as the kernel unpacks it into memory; several may follow each other in one file."""
    names = b"\0".join(str(path.relative_to(root)).encode() for path in sorted(root.rglob("*")))
    with archive.open("wb") as sink:
        packing = ["cpio", "--create", "--null", "--quiet", "--format=newc"]
        subprocess.run(packing, cwd=root, input=names, stdout=sink, check=True)


def run(folder: Path, command: str, *, limit_s: float) -> Ended:
    """Boot on this working tree and run a shell command at its top.

    Raises:
        TimeoutExpired: it took longer than the limit; `console.txt` under the folder has what was printed until then.
        RuntimeError: the machine stopped before the command had ended.
    """
    added = folder / "added"
    shutil.rmtree(added, ignore_errors=True)
    _put_working_tree(added)
    (added / "command").write_text(command + "\n")
    _pack(added, folder / "added.cpio")
    with (folder / "files.cpio").open("wb") as sink:
        for part in ("base.cpio", "added.cpio"):
            with (folder / part).open("rb") as source:
                shutil.copyfileobj(source, sink)
    boot = [*QEMU, "-kernel", str(folder / "kernel"), "-initrd", str(folder / "files.cpio")]
    console = folder / "console.txt"  # kept when the machine has to be stopped
    with console.open("wb") as sink:
        subprocess.run(boot, stdin=subprocess.DEVNULL, stdout=sink, timeout=limit_s, check=True)
    printed = console.read_text(errors="replace").replace("\r\n", "\n")
    ended = ENDED.search(printed)
    if ended is None:
        raise RuntimeError(f"the machine stopped before the command had ended:\n{printed}")
    return Ended(status=int(ended.group(1)), printed=printed)


def _put_working_tree(added: Path) -> None:
    leave_out = shutil.ignore_patterns("__pycache__")
    for part in ("src", "tests", "benchmarks"):
        shutil.copytree(TOP / part, added / "opt/ironlaw" / part, ignore=leave_out)
    shutil.copy(TOP / "pyproject.toml", added / "opt/ironlaw")
    about = importlib.metadata.distribution("ironlaw")
    metadata = added / SITE / f"ironlaw-{about.version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(about.read_text("METADATA") or "")


@click.group()
def main() -> None:
    """Build the machine, or run something in it."""
    if lacking():
        raise click.ClickException(f"these programs are missing: apt-get install {' '.join(lacking())}")


@main.command("build")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--torch", is_flag=True, help="With PyTorch: 0.9 GB instead of 0.3.")
def build_command(folder: Path, torch: bool) -> None:
    """Put the machine together under FOLDER, which is emptied."""
    build(folder, torch=torch)


@main.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--limit", type=float, default=3600.0, show_default=True, metavar="S", help="Seconds it may take.")
def run_command(folder: Path, command: tuple[str, ...], limit: float) -> None:
    """Boot the machine of FOLDER and run COMMAND in it."""
    ended = run(folder, shlex.join(command), limit_s=limit)
    click.echo(ended.printed)
    sys.exit(ended.status)


if __name__ == "__main__":
    main()
