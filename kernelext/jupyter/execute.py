"""Execute a notebook and write it as a notebook and as a self-contained page.

    python execute.py IN.ipynb OUT.ipynb OUT.html SECONDS_PER_CELL

Tells what happens on standard output, one JSON object a line:

    {"begin": 3, "of": 7, "title": "first line of the cell"}
    {"output": "last line of what the cell said"}
    {"failed": 3, "of": 7, "title": "...", "error": "what went wrong"}

Ends with status 1 after "failed", and when standard input closes: then whoever
started it is gone, and the kernel must not be left behind.
"""

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
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter

# GoNB counts a cell as good in these cases; only its standard error tells. The
# Lemonade kernel does so where a shell command has failed.
FALSE_SUCCESS = re.compile(
    r"^(?:exit status [1-9]\d*|signal: .*|.*unknown or not implemented yet.*)$", re.MULTILINE
)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

# Those that run Go; a notebook that names none was written for the first.
KERNELS = {"lemonade": "Go (Lemonade)", "gonb": "Go (gonb)"}

# The page without the scripts that nbconvert takes from the network.
PAGE = """{% extends 'lab/index.html.j2' %}
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


def fault(outputs):
    """What is wrong with a cell's outputs, or ""."""
    stderr = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr")
    stderr = ANSI.sub("", stderr).strip()
    for out in outputs:
        if out.output_type == "error":
            text = "\n".join(out.get("traceback") or []) or f"{out.ename}: {out.evalue}"
            return f"{ANSI.sub('', text).strip()}\n{stderr}".strip()
    return stderr if FALSE_SUCCESS.search(stderr) else ""


class FalseSuccess(Exception):
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


def main(source, executed, page, seconds):
    threading.Thread(target=watch_parent, daemon=True).start()
    nb = nbformat.read(source, as_version=4)
    kernel = nb.metadata.get("kernelspec", {}).get("name", "lemonade")
    if kernel not in KERNELS:
        sys.exit(f'its kernel is "{kernel}": open it in JupyterLab and choose {" or ".join(KERNELS.values())}')
    code = [i for i, c in enumerate(nb.cells) if c.cell_type == "code" and c.source.strip()]
    at = {"cell": None}

    def begin(cell, cell_index):
        at["cell"] = cell
        if cell_index in code:
            tell(begin=code.index(cell_index) + 1, of=len(code), title=title(cell))

    def done(cell, cell_index, execute_reply):
        wrong = fault(cell.outputs)
        if wrong:
            raise FalseSuccess(wrong)

    client = Client(
        nb,
        timeout=seconds,
        startup_timeout=120,
        kernel_name=kernel,
        record_timing=False,
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(source))}},
        on_cell_execute=begin,
        on_cell_executed=done,
    )
    error = ""
    try:
        client.execute()
    except FalseSuccess as e:
        error = str(e)
    except CellTimeoutError:
        error = f"it took longer than {seconds} seconds"
    except CellExecutionError as e:
        error = fault(at["cell"].outputs) or ANSI.sub("", str(e))
    except DeadKernelError:
        error = "the kernel died"
    if error:
        number = next((k + 1 for k, i in enumerate(code) if nb.cells[i] is at["cell"]), 0)
        tell(failed=number, of=len(code), title=title(at["cell"]) if at["cell"] else "", error=error)

    # Also after a fault: the page is the best account of it.
    nbformat.write(nb, executed)
    name = os.path.splitext(os.path.basename(source))[0]
    exporter = HTMLExporter(extra_loaders=[DictLoader({"page.html.j2": PAGE})], template_file="page.html.j2")
    html, _ = exporter.from_notebook_node(nb, resources={"metadata": {"name": name}})
    with open(page, "w", encoding="utf-8") as f:
        f.write(html)
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
