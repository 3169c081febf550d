"""Execute a notebook, and write it as a page that needs nothing from the network.

    python execute.py IN.ipynb --page OUT.html --executed OUT.ipynb --seconds PER_CELL
    python execute.py IN.ipynb --page OUT.html

The second form writes the page of the notebook as it was saved. The first tells
what happens on standard output, one JSON object a line:

    {"begin": 3, "of": 7, "title": "first line of the cell"}
    {"output": "last line of what the cell said"}
    {"failed": 3, "of": 7, "title": "...", "error": "what went wrong"}

It ends at the first cell that goes wrong, with --on at the last cell in any case.
It ends with status 1 after "failed", and when standard input closes: then whoever
started it is gone, and the kernel must not be left behind.
"""

import argparse
import json
import os
import re
import signal
import sys
import threading
import time

import nbformat
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

# GoNB counts a cell as good in these cases; only its standard error tells. The
# Lemonade kernel does so where a shell command has failed.
FALSE_SUCCESS = re.compile(
    r"^(?:exit status [1-9]\d*|signal: .*|.*unknown or not implemented yet.*)$", re.MULTILINE
)
# Of a cell of nothing but special lines GoNB runs no program.
SPECIAL = re.compile(r"(?://gonb:)?[%!]")
EXEC = re.compile(r"^(?://gonb:)?%exec(?:\s.*)?$", re.MULTILINE)
NO_GO = "%exec ran nothing: GoNB passes over a cell that has no Go in it; put the import into this cell"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

# Those that run Go; a notebook that names none was written for the first.
KERNELS = {"lemonade": "Go (Lemonade)", "gonb": "Go (gonb)"}

# The page without the scripts that nbconvert takes from the network. It is light, and
# pictures that follow the reader's theme are to be so with it.
PAGE = """{% extends 'lab/index.html.j2' %}
{% block html_head_css %}{{ super() }}<style>:root{color-scheme:light}</style>{% endblock %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""


def tell(**event):
    print(json.dumps(event), flush=True)


def title(cell):
    """The first line of a cell that says something."""
    for line in cell.source.splitlines():
        line = line.strip().lstrip("/").strip()
        if line and line != "%%":
            return line[:70]
    return ""


def idle(source):
    """Whether a cell says %exec, and GoNB passes over it."""
    lines = re.sub(r"\\\n", " ", source).splitlines()
    return bool(EXEC.search(source)) and all(not line.strip() or SPECIAL.match(line) for line in lines)


def fault(cell, reply):
    """What is wrong with a cell that was executed, or ""."""
    stderr = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
    stderr = ANSI.sub("", stderr).strip()
    for out in cell.outputs:
        if out.output_type == "error":
            text = "\n".join(out.get("traceback") or []) or f"{out.ename}: {out.evalue}"
            return f"{ANSI.sub('', text).strip()}\n{stderr}".strip()
    if reply["status"] != "ok":
        return f"{reply.get('ename', reply['status'])}: {reply.get('evalue', '')}\n{stderr}".strip()
    if FALSE_SUCCESS.search(stderr):
        return stderr
    return NO_GO if idle(cell.source) else ""


class Failure(Exception):
    pass


class Client(NotebookClient):
    """Passes on what cells say while they run, at most a line every two seconds."""

    last = 0.0

    def process_message(self, msg, cell, cell_index):
        if time.monotonic() - self.last > 2:
            content = msg["content"]
            text = content.get("text") if msg["msg_type"] == "stream" else None
            if msg["msg_type"] in ("display_data", "update_display_data"):
                text = content.get("data", {}).get("text/plain")
            lines = ANSI.sub("", "".join(text or "")).strip().splitlines()
            if lines:
                self.last = time.monotonic()
                tell(output=lines[0 if msg["msg_type"] != "stream" else -1][:200])
        return super().process_message(msg, cell, cell_index)


def watch_parent():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)  # the client shuts its kernel down
    time.sleep(10)
    os._exit(1)


def execute(nb, folder, seconds, on):
    """Execute the cells, and return how many went wrong."""
    kernel = nb.metadata.get("kernelspec", {}).get("name", "lemonade")
    if kernel not in KERNELS:
        sys.exit(f'its kernel is "{kernel}": open it in JupyterLab and choose {" or ".join(KERNELS.values())}')
    code = [i for i, c in enumerate(nb.cells) if c.cell_type == "code" and c.source.strip()]
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None  # of another time
    at = 0  # number of the cell that runs, among those of code
    failures = 0

    def failed(error):
        nonlocal failures
        failures += 1
        tell(failed=at, of=len(code), title=title(nb.cells[code[at - 1]]), error=error)

    def begin(cell, cell_index):
        nonlocal at
        at = code.index(cell_index) + 1
        tell(begin=at, of=len(code), title=title(cell))

    def done(cell, cell_index, execute_reply):
        wrong = fault(cell, execute_reply["content"])
        if wrong and not on:
            raise Failure(wrong)
        if wrong:
            failed(wrong)

    client = Client(
        nb,
        timeout=seconds,
        startup_timeout=120,
        kernel_name=kernel,
        allow_errors=True,  # the hook is the judge
        record_timing=False,
        resources={"metadata": {"path": folder}},
        on_cell_execute=begin,
        on_cell_executed=done,
    )
    try:
        client.execute()
    except Failure as e:
        failed(str(e))
    except CellTimeoutError:
        failed(f"it took longer than {seconds} s, which is all that a cell may take here")
    except DeadKernelError:
        failed("the kernel died")
    return failures


def main():
    args = argparse.ArgumentParser()
    args.add_argument("source")
    args.add_argument("--page", required=True)
    args.add_argument("--executed")
    args.add_argument("--seconds", type=int)
    args.add_argument("--on", action="store_true")
    args = args.parse_args()
    threading.Thread(target=watch_parent, daemon=True).start()
    nb = nbformat.read(args.source, as_version=4)
    failures = 0
    if args.executed:
        failures = execute(nb, os.path.dirname(os.path.abspath(args.source)), args.seconds, args.on)
        nbformat.write(nb, args.executed)

    # Also after a fault: the page is the best account of it.
    name = os.path.splitext(os.path.basename(args.source))[0]
    exporter = HTMLExporter(extra_loaders=[DictLoader({"page.html.j2": PAGE})], template_file="page.html.j2")
    html, _ = exporter.from_notebook_node(nb, resources={"metadata": {"name": name}})
    with open(args.page, "w", encoding="utf-8") as f:
        f.write(html)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
