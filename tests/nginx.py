"""A real nginx on the loopback, where there is one: for the long tests and the benchmarks."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Of every hundred answers, so many are a 500, a hung-up connection, and a body that is cut in the middle.
FAULTS = {"error": 2, "hang_up": 1, "cut": 2}

_CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  log_format met "$status $fault";
  types {{ video/mp4 mp4; video/x-matroska mkv; video/webm webm; text/csv csv; text/plain txt pbtxt; }}
  {temporary}
  sendfile on;
  split_clients "$request_id" $fault {{ {shares} * ""; }}
  server {{
    listen 127.0.0.1:{port};
    root {served};
    location /limited/ {{ alias {served}/; limit_rate {rate}; }}
    location /faulty/ {{
      alias {served}/;
      access_log {folder}/faulty.log met;
      if ($fault = "error") {{ return 500; }}
      if ($fault = "hang_up") {{ return 444; }}
      if ($fault = "cut") {{ rewrite ^/faulty/(.*)$ /$1 break; proxy_pass {cutter}; }}
    }}
  }}
}}
"""


def is_there() -> bool:
    """Whether there is an nginx on this machine."""
    return _binary() is not None


def _binary() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def serving(
    served: Path, folder: Path, *, bytes_per_second: int = 20_000_000, cutter: str = "http://127.0.0.1:9"
) -> Iterator[str]:
    """Serve a folder; yield its address, without a slash at its end.

    Parameters
    ----------
    served
        What is served at `/`, at `/limited/` with a limit for each connection, and at `/faulty/` with `FAULTS`.
    folder
        An existing one for nginx's own files. `faulty.log` has the status of each answer of `/faulty/`, and its fault.
    bytes_per_second
        What one connection gets at `/limited/`.
    cutter
        The address of a server that cuts every body: `/faulty/` takes its torn answers from there.
    """
    binary = _binary()
    if binary is None:
        raise FileNotFoundError("there is no nginx on this machine")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    (folder / "nginx.conf").write_text(
        _CONFIGURATION.format(
            folder=folder, served=served, port=port, rate=bytes_per_second, cutter=cutter,
            temporary=" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
            shares=" ".join(f"{share}% {fault};" for fault, share in FAULTS.items()),
        )
    )  # fmt: skip
    served.chmod(0o755)
    words = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    if os.getuid() == 0:
        words += ["-g", "user root;"]  # else its worker could not read a private temporary folder
    process = subprocess.Popen(words)
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            if process.poll() is not None:
                raise RuntimeError(f"nginx ended with {process.returncode}") from None
            time.sleep(0.02)
        else:
            return
