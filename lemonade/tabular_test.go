package lemonade_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/tabular"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// halfTable has every other cell of NAS-Bench-201, with values that tell them apart.
func halfTable(t *testing.T) *tabular.Table {
	t.Helper()
	var b strings.Builder
	b.WriteString("arch,acc,latency_ms\n")
	for i := 0; i < 15625; i += 2 {
		var ops []any
		for code, n := i, 0; n < 6; code, n = code/5, n+1 {
			ops = append(ops, []string{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}[code%5])
		}
		fmt.Fprintf(&b, "|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|", ops...)
		fmt.Fprintf(&b, ",%.3f,%.3f\n", 10+float64(i)/200, 1+float64(i)/1000)
	}
	path := filepath.Join(t.TempDir(), "half.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := tabular.Open(tabular.Options{Files: []string{path}, Accuracy: "acc", Cost: "latency_ms"})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestStudyOnTable runs a study that looks its trials up in a table.
func TestStudyOnTable(t *testing.T) {
	table := halfTable(t)
	for _, proposer := range propose.Names() {
		if _, _, local, err := (propose.Options{}).Resolve(proposer); err != nil || !local {
			continue
		}
		t.Run(proposer, func(t *testing.T) {
			o := quick
			o.Dir, o.Proposer, o.Template, o.Evaluator, o.Axes = t.TempDir(), proposer, "nasbench201", table, []trial.Metric{trial.Accuracy, trial.Latency}
			s := open(t, "table", o)
			run(t, s, 16, nil)
			states := map[trial.State]int{}
			for _, tr := range s.Trials() {
				states[tr.State]++
				cell, err := tabular.Architecture(tr.Program.Taken())
				if err != nil {
					t.Fatal(err)
				}
				row, ok := table.Find(cell)
				switch accuracy, latency := tr.Metrics[trial.Accuracy], tr.Metrics[trial.Latency]; {
				case !ok && (tr.State != trial.Failed || !strings.Contains(tr.Reason, cell)):
					t.Errorf("trial %d, which the table has not, is %s: %s", tr.ID, tr.State, tr.Reason)
				case ok && (tr.State != trial.Complete || accuracy.Value != row.Accuracy/100 || latency.Value != row.Cost || latency.Method != trial.MethodTable):
					t.Errorf("trial %d is %s: accuracy %+v, latency %+v, of the row %+v", tr.ID, tr.State, accuracy, latency, row)
				}
			}
			if states[trial.Complete] == 0 || states[trial.Failed] == 0 || s.Hypervolume() <= 0 || len(s.Front().IDs) == 0 {
				t.Errorf("states %v, hypervolume %v, front %v", states, s.Hypervolume(), s.Front())
			}
		})
	}
}
