# /// script
# requires-python = ">=3.10"
# dependencies = ["codecarbon==3.3.2"]
# ///
"""Holds Lemonade's energy against CodeCarbon's, of the same workload on the same machine.

    go build -o /tmp/lemonade ./lemonade/cmd/lemonade
    python3 -m venv /tmp/codecarbon && /tmp/codecarbon/bin/pip install codecarbon==3.3.2
    /tmp/codecarbon/bin/python lemonade/energy/codecarbon.py --lemonade /tmp/lemonade

The workload is a study of one trial on the digits, or the command after "--". It
runs once, under CodeCarbon's tracker in both of its modes at the same time: "machine"
counts everything that runs on the machine, "process" this process and its
descendants, among them the workload. Let nothing else run. Prints Markdown.

CodeCarbon is offline here: its tracker that asks no one for the place or the cloud, no
output method, and any attempt of this process to reach the network is refused and
told. The power usage effectiveness is 1 on both sides.
"""

import argparse
import importlib.metadata
import json
import logging
import os
import platform
import re
import resource
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

# This file has the package's name and must not be imported in its place.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]

VERSION = "3.3.2"  # whose private fields are read below
JOULES = 3600  # in a Wh


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lemonade", default=os.environ.get("LEMONADE", "lemonade"), help="the binary (default LEMONADE, else lemonade on the PATH)")
    parser.add_argument("--country", default="DEU", help="ISO 3166-1 alpha-3 code of the place (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=500, help="epochs of the trial (default %(default)s)")
    parser.add_argument("--watts", type=float, help="power of a hardware thread (default what lemonade doctor says)")
    parser.add_argument("--json", help="write all figures to this file too")
    parser.add_argument("command", nargs="*", help="workload, after --")
    return parser.parse_args()


def refuse_network():
    """Keeps this process off the network, and returns the list of what it tried."""
    tried = []

    def refuse(name):
        def call(*args, **_):
            tried.append(f"{name}{args[-1] if name == 'connect ' else args[0]}")
            raise OSError("the network is switched off")

        return call

    socket.socket.connect = refuse("connect ")
    socket.getaddrinfo = refuse("look up ")
    return tried


def trackers(country):
    """The two trackers, not yet started, and the country's name."""
    found = [d.version for d in importlib.metadata.distributions(name="codecarbon")]
    if found != [VERSION]:
        sys.exit(f"codecarbon {', '.join(found) or 'is not'} installed for {sys.executable}: pip install codecarbon=={VERSION}")
    from codecarbon import OfflineEmissionsTracker
    from codecarbon.input import DataSource

    logging.getLogger("codecarbon").setLevel(logging.ERROR)
    countries = DataSource().get_global_energy_mix_data()
    if country not in countries:
        sys.exit(f"--country {country}: CodeCarbon knows no such code; give three letters, such as DEU")
    modes = {
        mode: OfflineEmissionsTracker(
            country_iso_code=country, tracking_mode=mode, pue=1.0, output_methods=[], log_level=logging.ERROR, electricitymaps_api_token=None
        )
        for mode in ("machine", "process")
    }
    return modes, countries[country]["country_name"]


def cpu_seconds(of):
    usage = resource.getrusage(of)
    return usage.ru_utime + usage.ru_stime


def run(command, env, modes):
    """Runs the workload under the trackers. Seconds are of the clock and of the CPU."""
    load = os.getloadavg()[0]
    for tracker in modes.values():
        tracker.start()
    start, children, own = time.perf_counter(), cpu_seconds(resource.RUSAGE_CHILDREN), cpu_seconds(resource.RUSAGE_SELF)
    done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    clock = time.perf_counter() - start
    figures = {
        "load_before": load,
        "seconds": clock,
        "cpu_seconds": cpu_seconds(resource.RUSAGE_CHILDREN) - children,
        "own_cpu_seconds": cpu_seconds(resource.RUSAGE_SELF) - own,
    }
    for tracker in modes.values():
        tracker.stop()
    if done.returncode != 0:
        sys.exit(f"the workload ended with status {done.returncode}: {shlex.join(command)}\n{done.stderr[-2000:]}")
    return figures


def theirs(tracker):
    """What a tracker counted, in Wh, and how."""
    data = getattr(tracker, "final_emissions_data", None)  # CodeCarbon swallows its own errors
    if data is None:
        sys.exit("CodeCarbon did not come to an end: run it again with log_level=logging.DEBUG")
    cpu = next(h for h in tracker._hardware if type(h).__name__ == "CPU")
    return {
        "cpu": data.cpu_energy * 1000,
        "ram": data.ram_energy * 1000,
        "gpu": data.gpu_energy * 1000 if data.gpu_count else None,
        "total": data.energy_consumed * 1000,
        "seconds": data.duration,
        "co2e": data.emissions * 1000,
        "cpu_mode": cpu._mode,
        "cpu_watts": cpu._tdp,
        "threads": cpu._cpu_count,
        "cpu_model": cpu._model,
        "ram_watts": data.ram_power,
    }


def thread_watts(lemonade):
    """The estimate's power of a hardware thread, or None where it is not in use.

    doctor also prepares the worker and its plugin, so that the workload does not.
    """
    said = subprocess.run([lemonade, "doctor"], capture_output=True, text=True).stdout
    found = re.search(r"([\d.]+) W per hardware thread", said)
    return float(found[1]) if found else None


def ours(lemonade, study, studies):
    """The metrics and seconds of the study's one trial."""
    shown = subprocess.run([lemonade, "show", study, "--json", "--studies", studies], capture_output=True, text=True, check=True).stdout
    trial = json.loads(shown)["trials"][0]
    if trial["state"] != "complete" or "training_energy" not in trial["metrics"]:
        sys.exit(f"the study's trial is {trial['state']}, without a training_energy: {trial['reason']}")
    return trial


def workload(asked, directory):
    """Runs the workload and returns every figure."""
    lemonade, study = asked.lemonade, "codecarbon"
    if shutil.which(lemonade) is None and not (asked.command and asked.watts):
        sys.exit(f"--lemonade {lemonade}: there is no such program; build it: go build -o /tmp/lemonade ./lemonade/cmd/lemonade")
    command = asked.command
    if not command:
        command = [lemonade, "discover", study, "--data", "digits", "--trials", "1", "--epochs", str(asked.epochs), "--studies", directory]
    watts = asked.watts or thread_watts(lemonade)
    tried = refuse_network()
    modes, country = trackers(asked.country)
    env = dict(os.environ, LEMONADE_LOCATION=country, LEMONADE_PUE="1")
    env.pop("LEMONADE_CARBON_INTENSITY", None)  # it would win over the place
    result = {"command": shlex.join(command), "country": country, "watts": watts, **run(command, env, modes)}
    result.update({mode: theirs(tracker) for mode, tracker in modes.items()}, network=tried)
    if not asked.command:
        result["trial"] = ours(lemonade, study, directory)
    return result


def table(r):
    """The rows: what, CPU, RAM, GPU and all of it in Wh, seconds, how."""
    rows = []

    def row(what, cpu, ram, gpu, total, seconds, how):
        rows.append([what, *("–" if v is None else f"{v:.3g}" for v in (cpu, ram, gpu, total)), f"{seconds:.1f}", how])

    for mode in ("machine", "process"):
        t = r[mode]
        how = f"{t['cpu_mode']}: {model(t, mode)}; RAM {t['ram_watts']:.3g} W on average"
        row(f"CodeCarbon, {mode}", t["cpu"], t["ram"], t["gpu"], t["total"], t["seconds"], how)
    if r["watts"]:
        whole = r["cpu_seconds"] * r["watts"] / JOULES
        row("Lemonade, whole workload", whole, None, None, whole, r["seconds"], f"estimate: {r['cpu_seconds']:.1f} s of CPU time × {r['watts']:g} W per thread")
    if "trial" in r:
        metrics, seconds = r["trial"]["metrics"], r["trial"]["seconds"]
        training = metrics["training_energy"]
        wh = training["value"] * 1000
        row("Lemonade, training", wh if training["method"] == "estimate" else None, None, None, wh, metrics["training_time"]["value"], training["method"])
        if power := metrics.get("inference_power"):
            wh = power["value"] * seconds["profile"] / JOULES
            row("Lemonade, profile", wh if power["method"] == "estimate" else None, None, None, wh, seconds["profile"], f"{power['method']}: inference_power × the phase's seconds")
    return [["", "CPU (Wh)", "RAM (Wh)", "GPU (Wh)", "all (Wh)", "seconds", "how"], *rows]


def model(t, mode):
    """CodeCarbon's model of the processor's power, as in its external/hardware.py."""
    if t["cpu_mode"] != "cpu_load":
        return "its counters"
    if mode == "machine":
        return f"{t['cpu_watts']:g} W × (0.1 + 0.9 × load³)"
    return f"{t['cpu_watts']:g} W × the tree's CPU time / ({t['threads']} threads × time)"


def reasons(r):
    """Why the figures differ, with the numbers that show it."""
    machine, process = r["machine"], r["process"]
    if machine["cpu_mode"] == "cpu_load":
        watts = machine["cpu_watts"]
        per_thread = watts / machine["threads"]
        source = "4 W for each thread, as it takes them where its table has no such processor" if per_thread == 4 else "the rated power in its table"
        yield (
            f"CodeCarbon, machine: it counts the load of the whole machine, other programs included, and a tenth of {watts:g} W when nothing runs: "
            f"{0.1 * watts * machine['seconds'] / JOULES:.3g} Wh of its figure. Lemonade counts the CPU time of the workload alone, and nothing for an idle processor."
        )
        yield f"CodeCarbon's {watts:g} W for {machine['threads']} threads of {machine['cpu_model']} are {source}."
        if r["watts"]:
            seen = process["cpu"] * JOULES / per_thread
            yield (
                f"CodeCarbon, process, against the whole workload: {seen * per_thread / (r['cpu_seconds'] * r['watts']):.2f} times as much, "
                f"of which {per_thread / r['watts']:.2f} is the power of a busy thread ({per_thread:g} W, {r['watts']:g} W) and {seen / r['cpu_seconds']:.2f} the CPU time "
                f"({seen:.1f} s, {r['cpu_seconds']:.1f} s). It looks at the processes once a second and loses what one used before it was first seen and after it was last seen; "
                f"it has {r['own_cpu_seconds']:.1f} s of its own in it."
            )
    else:
        yield f"CodeCarbon reads {machine['cpu_mode']}, the processor's own counters, for the whole machine; of Lemonade's rows only those whose method names a counter compare with that."
    yield (
        f"RAM: {machine['ram_watts']:.3g} W (machine) and {process['ram_watts']:.3g} W (process), from a count of memory modules that it guesses by their total size, and never under 10 W on x86. "
        "Lemonade's estimate leaves memory out."
    )
    if "trial" in r:
        phases = r["trial"]["seconds"]
        covered = r["trial"]["metrics"]["training_time"]["value"] + phases["profile"]
        yield (
            f"Training and profile are {covered:.1f} s of the workload's {r['seconds']:.1f} s. The rest is in no metric of a trial: starting the processes, "
            + ", ".join(f"{name} {s:.1f} s" for name, s in sorted(phases.items()) if s >= 0.05 and name not in ("train", "profile"))
            + ", the page at the end. Of the profile only the batches ran at inference_power."
        )
        co2e, energy = r["trial"]["metrics"]["co2e"]["value"], r["trial"]["metrics"]["training_energy"]["value"]
        yield f"Carbon: {machine['co2e'] / machine['total'] * 1000:.0f} g CO2e/kWh for {r['country']} in CodeCarbon's table, {co2e / energy:.0f} in Lemonade's ({r['trial']['metrics']['co2e'].get('note', '')})."
    yield "Network: CodeCarbon tried nothing." if not r["network"] else "Network, refused: " + ", ".join(sorted(set(r["network"])))


def main():
    asked = arguments()
    with tempfile.TemporaryDirectory() as directory:
        r = workload(asked, directory)
    print(f"CodeCarbon {VERSION}, Python {platform.python_version()}; {r['machine']['cpu_model']}, {r['machine']['threads']} threads; load average {r['load_before']:.1f} before.")
    print(f"Workload: `{r['command']}`, {r['seconds']:.1f} s, {r['cpu_seconds']:.1f} s of CPU time.\n")
    for i, row in enumerate(table(r)):
        print("| " + " | ".join(row) + " |")
        if i == 0:
            print("|" + " --- |" * len(row))
    print()
    for reason in reasons(r):
        print("- " + reason)
    if asked.json:
        with open(asked.json, "w") as f:
            json.dump(r, f, indent=2)


if __name__ == "__main__":
    main()
