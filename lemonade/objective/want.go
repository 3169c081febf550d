package objective

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Priority says how much a want matters beside the others.
type Priority int

// The priorities. Each is its own weight before normalising; the zero value
// stands for Medium.
const (
	Low Priority = iota + 1
	Medium
	High
)

var priorities = []string{Low: "low", Medium: "medium", High: "high"}

func (p Priority) weight() float64 {
	if p == 0 {
		p = Medium
	}
	return float64(p)
}

// String returns low, medium or high.
func (p Priority) String() string {
	if p == 0 {
		p = Medium
	}
	if p < Low || p > High {
		return fmt.Sprintf("Priority(%d)", int(p))
	}
	return priorities[p]
}

// MarshalText writes the priority as a word.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads low, medium or high.
func (p *Priority) UnmarshalText(text []byte) error {
	i := slices.Index(priorities, string(text))
	if i < int(Low) {
		return fmt.Errorf("priority %q: use low, medium or high", text)
	}
	*p = Priority(i)
	return nil
}

// Want is a metric that the search is to improve.
type Want struct {
	Metric   trial.Metric `json:"metric"`
	Priority Priority     `json:"priority"`
	Target   *float64     `json:"target,omitempty"` // in the metric's unit; good enough when reached
	Limit    *float64     `json:"limit,omitempty"`  // in the metric's unit; a trial that breaks it does not count
}

// String returns the want as [ParseWant] reads it, the target in the metric's
// own unit: inference_energy=0.005:high. A limit is not part of it.
func (w Want) String() string {
	s := string(w.Metric)
	if w.Target != nil {
		s += "=" + strconv.FormatFloat(*w.Target, 'g', -1, 64)
	}
	return s + ":" + w.Priority.String()
}

// ParseWant reads METRIC[=TARGET][:PRIORITY], such as "accuracy:high",
// "latency=20ms" or "inference_energy=5mJ:high". The priority is medium where
// none is given; a target without a unit is in the metric's own.
func ParseWant(s string) (Want, error) {
	w := Want{Priority: Medium}
	body, priority, found := strings.Cut(s, ":")
	if found {
		if err := w.Priority.UnmarshalText([]byte(strings.TrimSpace(priority))); err != nil {
			return Want{}, fmt.Errorf("want %q: %w", s, err)
		}
	}
	name, target, found := strings.Cut(body, "=")
	w.Metric = trial.Metric(strings.TrimSpace(name))
	if err := checkMetric(w.Metric); err != nil {
		return Want{}, fmt.Errorf("want %q: %w", s, err)
	}
	if found {
		v, err := parseValue(w.Metric, target)
		if err != nil {
			return Want{}, fmt.Errorf("want %q: %w", s, err)
		}
		w.Target = &v
	}
	if err := w.validate(); err != nil {
		return Want{}, err
	}
	return w, nil
}

// ParseLimit reads METRIC=VALUE, such as "model_size=1MB" or "accuracy=80%". The
// value comes back in the metric's unit.
func ParseLimit(s string) (trial.Metric, float64, error) {
	name, value, found := strings.Cut(s, "=")
	m := trial.Metric(strings.TrimSpace(name))
	if err := checkMetric(m); err != nil {
		return "", 0, fmt.Errorf("limit %q: %w", s, err)
	}
	if !found {
		return "", 0, fmt.Errorf("limit %q: the value is missing; write it as %s=%s", s, m, example(m))
	}
	v, err := parseValue(m, value)
	if err != nil {
		return "", 0, fmt.Errorf("limit %q: %w", s, err)
	}
	if err := check(m, v, "limit"); err != nil {
		return "", 0, err
	}
	return m, v, nil
}

// validate checks the want's names and numbers.
func (w Want) validate() error {
	if err := checkMetric(w.Metric); err != nil {
		return fmt.Errorf("want: %w", err)
	}
	if w.Priority < 0 || w.Priority > High {
		return fmt.Errorf("want %s: priority %d: use Low, Medium or High", w.Metric, w.Priority)
	}
	for _, v := range []struct {
		what  string
		value *float64
	}{{"target", w.Target}, {"limit", w.Limit}} {
		if v.value == nil {
			continue
		}
		if err := check(w.Metric, *v.value, v.what); err != nil {
			return err
		}
	}
	return nil
}

// checkMetric refuses a metric that a search can neither want nor limit.
func checkMetric(m trial.Metric) error {
	if m == trial.TestAccuracy {
		return fmt.Errorf("test_accuracy is read once, by a final; use accuracy, which is of the validation split")
	}
	if base, board := m.Split(); board != "" {
		if _, ok := m.Info(); !ok {
			return fmt.Errorf("%s: only latency and inference_energy are predicted for a board, such as latency@%s, not %s", m, board, base)
		}
		if _, err := device.Lookup(board); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		return nil
	}
	if _, ok := m.Info(); ok {
		return nil
	}
	var names []string
	for _, info := range trial.MetricInfos {
		if info.Metric != trial.TestAccuracy {
			names = append(names, string(info.Metric))
		}
	}
	hint := ""
	if near := Nearest(string(m), names); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	return fmt.Errorf("there is no metric %q; %sthe metrics are %s", string(m), hint, strings.Join(names, ", "))
}

// check refuses a target or limit that no value could be held against.
func check(m trial.Metric, v float64, what string) error {
	if err := checkMetric(m); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || v <= 0:
		return fmt.Errorf("%s %s: %v is not a positive number; write, for example, %s", what, m, v, example(m))
	case fraction(m) && v > 1:
		return fmt.Errorf("%s %s: %v is above 1; write %v%% for a percentage", what, m, v, v)
	}
	return nil
}

// Nearest returns the name that a mistyped word most likely means, or "" where
// none is near: at most a third of its letters, and at least one, may differ.
func Nearest(word string, names []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(word, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}
