"""Run a shell script where the machine is alone: python own_network.py HOSTS SCRIPT, in namespaces of its own."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys

_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914  # linux/sockios.h
_UP = 1


def main() -> None:
    """Bring up the loopback, let HOSTS name the machines, and become the script."""
    hosts, script = sys.argv[1:]
    bring_up_loopback()
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    os.execvp("sh", ["sh", "-e", script])


def bring_up_loopback() -> None:
    """Let the new network reach itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sh14x", b"lo", 0)
        name, flags = struct.unpack("16sh14x", fcntl.ioctl(asked, _SIOCGIFFLAGS, request))
        fcntl.ioctl(asked, _SIOCSIFFLAGS, struct.pack("16sh14x", name, flags | _UP))


if __name__ == "__main__":
    main()
