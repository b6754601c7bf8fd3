"""Run a command where the machine is alone, and count what it looks up:

    unshare --net --mount python -m tests.lookups COUNTED FOLDER COMMAND...

The network is the loopback alone; the one name server there is this process, which answers nothing and writes each name
that is asked for to COUNTED, one a line. A connection to an address by number has no route there: for each that was
tried a line says so. FOLDER takes the file that stands for /etc/resolv.conf.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests.docs.own_network import bring_up_loopback

AS_ROOT = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
ALONE = ["unshare", *AS_ROOT, "--net", "--mount"]
WITHOUT_ROUTE = "<an-address-by-number>"


def main() -> None:
    """Count, and exit as the command did."""
    counted, folder, *command = sys.argv[1:]
    bring_up_loopback()
    setting = Path(folder) / "resolv.conf"
    setting.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(setting), os.path.realpath("/etc/resolv.conf")], check=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=_serve, args=(server, Path(counted)), daemon=True).start()
    code = subprocess.run(command, check=False).returncode
    with Path(counted).open("a") as file:
        file.write(f"{WITHOUT_ROUTE}\n" * without_route())
    sys.exit(code)


def without_route() -> int:
    """How often a process of this network tried to send where no route leads, by the kernel's count (RFC 4293)."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:"))
    return int(values[names.index("OutNoRoutes")])


def _serve(server: socket.socket, counted: Path) -> None:
    with counted.open("a") as file:
        while True:
            question, asker = server.recvfrom(4096)
            file.write(f"{_name(question)}\n")
            file.flush()
            server.sendto(_refusal(question), asker)


def _name(question: bytes) -> str:
    """The name in a question: labels after a header of 12 bytes (RFC 1035, 4.1)."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(labels)


def _refusal(question: bytes) -> bytes:
    """The question again as an answer: there is no such name (RFC 1035, 4.1.1: QR, RD, RA; RCODE 3)."""
    return question[:2] + b"\x81\x83" + question[4:]


if __name__ == "__main__":
    main()
