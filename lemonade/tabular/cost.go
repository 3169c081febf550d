package tabular

import (
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// neutral is what a cost is to a search where its column's name does not tell: the
// axis that studies have beside accuracy anyway.
const neutral = trial.InferenceEnergy

// kinds say what a word of a column's name, such as the mj of pi5_litert_energy_mj,
// tells of its values: the metric, and the factor to the metric's unit. The first
// kind wins of which any word is there, since units are at the end of a name.
var kinds = []struct {
	word   string
	metric trial.Metric
	factor float64
}{
	{"nj", trial.InferenceEnergy, 1e-9}, {"uj", trial.InferenceEnergy, 1e-6}, {"mj", trial.InferenceEnergy, 1e-3}, {"j", trial.InferenceEnergy, 1},
	{"mw", trial.InferencePower, 1e-3}, {"w", trial.InferencePower, 1},
	{"us", trial.Latency, 1e-3}, {"ms", trial.Latency, 1}, {"s", trial.Latency, 1e3},
	{"kb", trial.ModelSize, 1e3}, {"mb", trial.ModelSize, 1e6}, {"bytes", trial.ModelSize, 1},
	{"flops", trial.MACs, 1}, {"mflops", trial.MACs, 1e6}, {"macs", trial.MACs, 1}, {"mmacs", trial.MACs, 1e6}, // the benchmark counts a multiply-accumulate as one
	{"params", trial.Params, 1}, {"parameters", trial.Params, 1},
	{"energy", trial.InferenceEnergy, 1}, {"power", trial.InferencePower, 1}, {"latency", trial.Latency, 1}, {"time", trial.Latency, 1}, {"size", trial.ModelSize, 1},
}

// metricOf says what a column of costs is to a search: a metric, and the factor from
// the column's unit to the metric's.
func metricOf(column string) (metric trial.Metric, factor float64) {
	words := strings.FieldsFunc(strings.ToLower(column), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, k := range kinds {
		for _, word := range words {
			if word == k.word {
				return k.metric, k.factor
			}
		}
	}
	return neutral, 1
}
