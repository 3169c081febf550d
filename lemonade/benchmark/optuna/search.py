#!/usr/bin/env python3
"""Optuna's NSGA-II and TPE on a table of NAS-Bench-201, as `lemonade benchmark search` runs its strategies.

    python3 -m venv venv && venv/bin/pip install optuna==5.0.0
    venv/bin/python lemonade/benchmark/optuna/search.py --table accuracies.csv,costs.csv \\
        --accuracy COLUMN --cost COLUMN --evaluations 200 --seeds 50 --json optuna.json
    lemonade benchmark search --table accuracies.csv,costs.csv --accuracy COLUMN --cost COLUMN --with optuna.json

Needs Python 3.9 and Optuna alone. Every trial counts as an evaluation, also one of an architecture that the sampler
asked for before. The measures are computed here a second time, so that the two programs check each other.
"""
import argparse
import concurrent.futures
import csv
import gzip
import json
import math
import os
import statistics
import warnings

import optuna

OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
SAMPLERS = {
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(population_size=20, seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
}
UNKNOWN = {"", "na", "n/a", "nan", "null", "none", "-"}
CURVE_POINTS = 40


def read(files, arch, accuracy, cost):
    """The (error in per cent, cost) of every architecture that has both."""
    columns = {accuracy: {}, cost: {}}
    for file in files:
        with (gzip.open if file.endswith(".gz") else open)(file, "rt", encoding="utf-8-sig", newline="") as f:
            rows = csv.DictReader(f, skipinitialspace=True)
            headers = [h.strip() for h in rows.fieldnames]
            rows.fieldnames = headers
            key = next((name for name in arch if name in headers), None)
            if key is None:
                raise SystemExit(f"{file}: no column is called {' or '.join(arch)}")
            for name in columns:
                if name in headers and columns[name]:
                    raise SystemExit(f"{file}: the column {name} is in another file too")
            for row in rows:
                for name in columns:
                    if name in headers and row[name].strip().lower() not in UNKNOWN:
                        columns[name][row[key].strip()] = float(row[name])
    for name, values in columns.items():
        if not values:
            raise SystemExit(f"no file has a column {name}")
    scale = 100 if max(columns[accuracy].values()) <= 1 else 1
    return {a: (100 - scale * v, columns[cost][a]) for a, v in columns[accuracy].items() if a in columns[cost]}


def front_of(points):
    """Those that no other one dominates, by cost."""
    front, least = [], math.inf
    for cost, error in sorted((c, e) for e, c in points):
        if error < least:
            front.append((error, cost))
            least = error
    return front


def hypervolume(front, reference):
    total, bound = 0.0, reference[0]
    for error, cost in front:
        if cost < reference[1] and error < bound:
            total += (bound - error) * (reference[1] - cost)
            bound = error
    return total / (reference[0] * reference[1])


class Table:
    """What every search on it shares."""

    def __init__(self, options):
        self.rows = read(options.table.split(","), options.arch.split(","), options.accuracy, options.cost)
        self.worst = max(e for e, _ in self.rows.values()), max(c for _, c in self.rows.values())
        self.front = front_of(self.scaled(p) for p in self.rows.values())
        error, cost = self.front[-1]
        best = error * self.worst[0]
        near = 15.0 if best < 15.0 else best + 10.0
        self.second = min(near / self.worst[0], 1), 1.1 * cost

    def scaled(self, point):
        return point[0] / self.worst[0], point[1] / self.worst[1]

    def quality(self, front):
        distances = [min(math.hypot(max(e - z[0], 0), max(c - z[1], 0)) for e, c in front) for z in self.front]
        return {
            "hypervolume": hypervolume(front, (1, 1)),
            "best_accuracy": 100 - front[-1][0] * self.worst[0],
            "second_hypervolume": hypervolume(front, self.second),
            "igd_plus": sum(distances) / len(distances),
        }


def search(table, sampler, seed, evaluations, checkpoints):
    """The quality after each of the numbers of evaluations."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    found = []

    def objective(trial):
        op = [trial.suggest_categorical(f"edge{i}", OPERATIONS) for i in range(6)]
        arch = f"|{op[0]}~0|+|{op[1]}~0|{op[2]}~1|+|{op[3]}~0|{op[4]}~1|{op[5]}~2|"
        if arch not in table.rows:
            raise optuna.TrialPruned  # the table has no such row: no evaluation
        found.append(table.scaled(table.rows[arch]))
        if len(found) == evaluations:
            trial.study.stop()
        return table.rows[arch]

    study = optuna.create_study(directions=["minimize", "minimize"], sampler=SAMPLERS[sampler](seed))
    study.optimize(objective, n_trials=1000 * evaluations)
    return {n: table.quality(front_of(found[:n])) for n in checkpoints}


def quartiles(values):
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": round(median, 6), "q1": round(q1, 6), "q3": round(q3, 6)}


def checkpoint(searches, n):
    names = searches[0][n]
    values = {m: [round(s[n][m], 6) for s in searches] for m in names}
    return values, {m: quartiles(v) for m, v in values.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--table", required=True, help="CSV files with commas between, plain or .gz")
    p.add_argument("--arch", default="arch,architecture", help="headers that the column of architectures may have")
    p.add_argument("--accuracy", required=True, help="header of the accuracies")
    p.add_argument("--cost", required=True, help="header of the costs")
    p.add_argument("--samplers", default="nsga2,tpe", help="of " + ", ".join(SAMPLERS))
    p.add_argument("--evaluations", type=int, default=200)
    p.add_argument("--seeds", type=int, default=50, help="how many")
    p.add_argument("--json", required=True, help="file to write the report to")
    options = p.parse_args()

    table = Table(options)
    reported = [n for n in (25, 50, 100, 200) if n < options.evaluations] + [options.evaluations]
    along = sorted({(i + 1) * options.evaluations // CURVE_POINTS for i in range(CURVE_POINTS)} - {0})
    seeds = list(range(1, options.seeds + 1))
    truth = table.quality(table.front)
    report = {
        "table": {"accuracy": options.accuracy, "cost": options.cost, "architectures": len(table.rows)},
        "evaluations": options.evaluations, "seeds": seeds, "front_hypervolume": truth["hypervolume"],
        "front": {"points": len(table.front), "best_accuracy": truth["best_accuracy"], "second_hypervolume": truth["second_hypervolume"]},
        "second_reference": {"error": table.second[0] * table.worst[0], "cost": table.second[1] * table.worst[1]},
        "order": options.samplers.split(","), "strategies": {}, "curves": {}, "values": {}, "comparisons": [],
    }
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for sampler in report["order"]:
            jobs = [pool.submit(search, table, sampler, seed, options.evaluations, sorted({*reported, *along})) for seed in seeds]
            searches = [j.result() for j in jobs]
            at = {n: checkpoint(searches, n) for n in {*reported, *along}}
            report["values"][sampler] = {str(n): at[n][0] for n in reported}
            report["strategies"][sampler] = {str(n): at[n][1] for n in reported}
            report["curves"][sampler] = {"evaluations": along, "at": [at[n][1] for n in along]}
            for n in reported:
                print(sampler, n, {m: q["median"] for m, q in at[n][1].items()}, flush=True)
    with open(options.json, "w", encoding="utf-8") as f:
        json.dump(report, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
