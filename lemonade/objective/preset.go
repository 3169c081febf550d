package objective

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// presets are in the spirit of the journal paper's three objective settings. Its
// weights could not be read: which metrics, and how much each counts, is ours.
var presets = map[string][]Want{
	"accuracy": {
		{Metric: trial.Accuracy, Priority: High},
		{Metric: trial.InferenceEnergy, Priority: Low},
	},
	"balanced": {
		{Metric: trial.Accuracy, Priority: High},
		{Metric: trial.InferenceEnergy, Priority: Medium},
		{Metric: trial.Latency, Priority: Low},
	},
	"deployment": {
		{Metric: trial.Accuracy, Priority: High},
		{Metric: trial.InferenceEnergy, Priority: High},
		{Metric: trial.Latency, Priority: Medium},
		{Metric: trial.ModelSize, Priority: Low},
	},
}

// Presets returns the names that [Preset] knows.
func Presets() []string { return []string{"accuracy", "balanced", "deployment"} }

// Preset returns ready-made wants:
//
//   - accuracy: accuracy first (3/4), inference energy as a tie-breaker (1/4);
//   - balanced: accuracy (1/2) against inference energy (1/3) and latency (1/6);
//   - deployment: accuracy (3/9) and inference energy (3/9), then latency (2/9)
//     and model size (1/9).
//
// The names follow the journal paper's settings, the weights are ours.
func Preset(name string) ([]Want, error) {
	wants, ok := presets[name]
	if !ok {
		return nil, fmt.Errorf("preset %q: use %s", name, strings.Join(Presets(), ", "))
	}
	return slices.Clone(wants), nil
}

// Merge returns the preset's wants with the explicit ones put over them: a want
// for a metric that the preset has replaces it, any other is added.
func Merge(preset, wants []Want) []Want {
	merged := slices.Clone(preset)
	for _, w := range wants {
		i := slices.IndexFunc(preset, func(p Want) bool { return p.Metric == w.Metric })
		if i < 0 {
			merged = append(merged, w)
		} else {
			merged[i] = w
		}
	}
	return merged
}
