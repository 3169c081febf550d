package kernelext

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func seriesOf(c chart, name string) (all []series) {
	for _, s := range c.Series {
		if s.Name == name {
			all = append(all, s)
		}
	}
	return all
}

// TestEqualLines holds that along a line the score is the one that the line names,
// whichever of the axes are wanted.
func TestEqualLines(t *testing.T) {
	both := objective.DefaultAxes
	for _, test := range []struct {
		name  string
		wants []trial.Metric
		axes  []trial.Metric
		lines int
	}{
		{"both axes", both, both, 3},
		{"also another metric", append(slices.Clone(both), trial.Latency), both, 3},
		{"only upwards", []trial.Metric{trial.Accuracy}, both, 3},
		{"only to the right", []trial.Metric{trial.InferenceEnergy}, both, 3},
		{"neither", []trial.Metric{trial.Latency}, both, 0},
		{"two costs", both, []trial.Metric{trial.InferenceEnergy, trial.Latency}, 3},
	} {
		v := fake(t)
		v.Trials = v.Trials[:10] // the last is not ranked
		var wants []objective.Want
		for _, m := range test.wants {
			wants = append(wants, objective.Want{Metric: m})
		}
		o, err := objective.New(wants, nil)
		if err != nil {
			t.Fatal(err)
		}
		if o, err = o.On(test.axes...); err != nil {
			t.Fatal(err)
		}
		for i, one := range v.Trials {
			o.Fix(one.Metrics)
			v.Trials[i].Effectiveness = nil
			if score, ok := o.Score(objective.MetricsOf(one)); ok {
				v.Trials[i].Effectiveness = &score
			}
		}
		v.Objective = o
		c := v.tradeOff()
		lines := seriesOf(c, "equal effectiveness")
		if len(lines) != test.lines {
			t.Errorf("%s: %d lines, want %d", test.name, len(lines), test.lines)
		}
		id, _ := o.Best(v.Trials)
		best, _ := v.Trials.ByID(id)
		up, right := v.axes()
		_, fx := metricAxis(right, valuesOf(trial.History{best}, right))
		_, fy := metricAxis(up, valuesOf(trial.History{best}, up))
		for n, line := range lines {
			level := v.levels()[n]
			for _, p := range line.Points {
				m := objective.MetricsOf(best)
				for metric, value := range map[trial.Metric]float64{right: p.X / fx, up: p.Y / fy} {
					was := m[metric]
					was.Value = value
					m[metric] = was
				}
				if score, ok := o.Score(m); !ok || math.Abs(score-level) > 1e-6 {
					t.Errorf("%s: at %v, %v the score is %v, the line is of %v", test.name, p.X, p.Y, score, level)
					break
				}
				if x, y := c.X.at(p.X), c.Y.at(p.Y); x < -1e-9 || x > 1+1e-9 || y < -1e-9 || y > 1+1e-9 {
					t.Errorf("%s: a line leaves the frame at %v, %v", test.name, p.X, p.Y)
				}
			}
		}
		if len(lines) > 0 && (v.levels()[0] != *best.Effectiveness || lines[0].End != fmt.Sprintf("%.2f", *best.Effectiveness)) {
			t.Errorf("%s: the first line is named %q, want it to go through trial %d", test.name, lines[0].End, id)
		}
	}
}

// TestHypervolume holds that the line never falls and that its marks are the
// trials that raise it.
func TestHypervolume(t *testing.T) {
	c := fake(t).hypervolume()
	line, grown := c.Series[0].Points, c.Series[1].Points
	if len(line) != 11 {
		t.Errorf("the line has %d points, want one for each trial", len(line))
	}
	var raised []int
	for i, p := range line {
		switch {
		case i > 0 && p.Y < line[i-1].Y:
			t.Errorf("it falls at trial %v", p.X)
		case i == 0 || p.Y > line[i-1].Y:
			raised = append(raised, int(p.X))
		}
	}
	var marked []int
	for _, p := range grown {
		marked = append(marked, p.Trial)
	}
	if diff := cmp.Diff(raised, marked); diff != "" {
		t.Errorf("marks (-raised it +marked):\n%s", diff)
	}
}

// TestParallel holds that an axis is there for what differs, that better is up on
// each, and that what is unknown leaves a gap.
func TestParallel(t *testing.T) {
	v := fake(t)
	delete(v.Trials[1].Metrics, trial.Latency)
	c := v.parallel()
	var names []string
	for _, a := range c.Dims {
		names = append(names, a.Name)
	}
	want := []string{
		"effectiveness", "accuracy [%]", "inference energy [mJ]", "latency [ms]", "latency on Raspberry Pi 5 [ms]",
		"params [k]", "MACs [M]", "model size [kB]", "activation memory [kB]",
	}
	if diff := cmp.Diff(want, names); diff != "" { // the training took each trial as long
		t.Errorf("axes (-want +got):\n%s", diff)
	}
	lines := map[int][]float64{}
	for _, s := range c.Series {
		for _, p := range s.Points {
			lines[p.Trial] = p.At
		}
	}
	if len(lines) != 9 {
		t.Errorf("%d lines, want one for each of the nine trained trials", len(lines))
	}
	if at := lines[2]; !math.IsNaN(at[3]) || math.IsNaN(at[4]) {
		t.Errorf("trial 2 without a latency is at %v", at)
	}
	if at := lines[5]; !math.IsNaN(at[0]) {
		t.Errorf("trial 5, which is infeasible, has the effectiveness %v", at[0])
	}
	energy := c.Dims[2]
	if energy.at(lines[7][2]) <= energy.at(lines[9][2]) { // 1.2 and 8.5 mJ
		t.Error("the more frugal trial is not above the other")
	}
	v.Trials = v.Trials[:1]
	if c := v.parallel(); len(c.Series) > 0 {
		t.Error("one trial alone is compared")
	}
}

// TestParallelLimit holds that of too many axes those stay that the study is after.
func TestParallelLimit(t *testing.T) {
	v := fake(t)
	for i := range v.Trials {
		if len(v.Trials[i].Metrics) == 0 {
			continue
		}
		for n, m := range []trial.Metric{trial.TrainAccuracy, trial.Loss, trial.InferencePower, trial.LatencyP95, trial.LatencyP99, trial.Throughput, trial.PeakMemory} {
			v.Trials[i].Metrics[m] = trial.Measurement{Value: 0.1 * float64(n+i+1), Method: trial.MethodTimed}
		}
	}
	c := v.parallel()
	if n := len(c.Dims); n != dimsMost+1 { // and the effectiveness
		t.Errorf("%d axes", n)
	}
	for _, m := range v.Objective.Concerns() {
		if !slices.ContainsFunc(c.Dims, func(a axis) bool { return strings.HasPrefix(a.Name, words(m)) }) {
			t.Errorf("the study is after %s, which has no axis", m)
		}
	}
}

func TestTimeline(t *testing.T) {
	v := fake(t)
	c := v.timeline()
	bars := map[string][]point{}
	for _, s := range c.Series {
		bars[s.Name] = s.Points
	}
	// Eleven minutes, less the pauses between the trials and that of a day.
	if end := bars["profiled"][len(bars["profiled"])-1].X1; end > 11 || c.X.Name != "time that the study has run [min]" {
		t.Errorf("the last trial ends after %v on the axis %q", end, c.X.Name)
	}
	count := map[string]int{}
	for name, points := range bars {
		count[name] = len(points)
	}
	want := map[string]int{
		"asked for": 6, "prepared": 9, "trained": 9, "validated": 9, "profiled": 9, "no times told": 1,
		"complete": 8, "infeasible": 1, "failed": 1, "duplicate": 1,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("bars and marks (-want +got):\n%s", diff)
	}
	first := bars["trained"][0]
	if got := (first.X1 - first.X) * 60; math.Abs(got-35) > 1e-6 || first.Trial != 1 {
		t.Errorf("trial 1 was trained for %v s: %+v", got, first)
	}
	for i := range v.Trials {
		v.Trials[i].Ended = time.Time{}
	}
	if c := v.timeline(); len(c.Series) > 0 {
		t.Error("trials that have not ended have bars")
	}
	v = fake(t)
	for i := range 300 {
		more := v.Trials[0]
		more.ID = 12 + i
		v.Trials = append(v.Trials, more)
	}
	c = v.timeline()
	named := slices.DeleteFunc(slices.Clone(c.Y.Rows), func(s string) bool { return s == "" })
	if len(named) > rowsNamed || c.height() > heightMost {
		t.Errorf("of 311 trials %d rows are named on %d pixels", len(named), c.height())
	}
}

// TestWorked holds that time counts once where trials overlap, and not at all
// where there is none.
func TestWorked(t *testing.T) {
	since := worked(clocked([3]int{0, 30, 1}, [3]int{20, 50, 1}, [3]int{1000, 1010, 1}))
	for at, want := range map[int64]time.Duration{0: 0, 25: 25 * time.Second, 50: 50 * time.Second, 500: 50 * time.Second, 1005: 55 * time.Second, 2000: time.Minute} {
		if got := since(time.Unix(at, 0)); got != want {
			t.Errorf("at %d s the study has run %v, want %v", at, got, want)
		}
	}
}

func TestUses(t *testing.T) {
	e := func(v float64) *float64 { return &v }
	run := func(id, parent int, codes string, effectiveness *float64, accuracy, energy float64) trial.Trial {
		r := trial.Trial{ID: id, Parent: parent, State: trial.Complete, Effectiveness: effectiveness, Metrics: trial.Metrics{}}
		for code := range strings.FieldsSeq(codes) {
			r.Commands = append(r.Commands, trial.Command{Code: code, Text: "text of " + code})
		}
		if accuracy > 0 {
			r.Metrics[trial.Accuracy] = trial.Measurement{Value: accuracy, Method: trial.MethodCounted}
			r.Metrics[trial.InferenceEnergy] = trial.Measurement{Value: energy, Method: trial.MethodRAPL}
		}
		return r
	}
	other := run(6, 1, "ACL", e(0.7), 0.55, 1)
	other.Metrics[trial.InferenceEnergy] = trial.Measurement{Value: 9, Method: trial.MethodEstimate}
	failed := run(4, 1, "RK", nil, 0, 0)
	failed.State = trial.Failed
	v := View{Trials: trial.History{
		run(1, 0, "", e(0.5), 0.5, 2),
		run(2, 1, "ACL AR", e(0.6), 0.55, 3),
		run(3, 1, "ACL", e(0.4), 0.5, 5),
		failed,
		run(5, 0, "RK", e(0.9), 0.9, 1), // without a parent
		other,                           // whose energy does not compare
		run(7, 1, "ACL", nil, 0.45, 2),
	}}
	type row struct {
		Code             string
		Yes, No, Unknown int
		Accuracy, Energy []float64
		Went             map[string]int
	}
	var got []row
	for _, u := range v.uses(trial.Accuracy, trial.InferenceEnergy) {
		got = append(got, row{u.code, u.yes, u.no, u.unknown, u.changes[trial.Accuracy], u.changes[trial.InferenceEnergy], u.went[trial.Accuracy]})
	}
	want := []row{
		{"ACL", 2, 1, 1, []float64{10, 0, 10, -10}, []float64{50, 150, 0}, map[string]int{trial.Up: 2, trial.Same: 1, trial.Down: 1}},
		{"AR", 1, 0, 0, []float64{10}, []float64{50}, map[string]int{trial.Up: 1}},
		{"RK", 0, 1, 0, nil, nil, nil},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	c := v.effects()
	if diff := cmp.Diff([]string{"ACL  2✓ 1✗", "AR  1✓ 0✗"}, c.Y.Rows); diff != "" { // nothing was measured of RK
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if p := seriesOf(c, "accuracy")[0].Points[0]; math.Abs(p.X-5) > 1e-9 || !strings.Contains(p.Tip, "median +5.0 %, from -10.0 % to +10.0 %") || !strings.Contains(p.Tip, "trials 2, 3, 6, 7") {
		t.Errorf("the mark of ACL: %+v", p)
	}
}

// TestColours holds that whatever a still picture is drawn with is a colour of the
// palette or one that follows the theme.
func TestColours(t *testing.T) {
	known := []string{blue, sky, orange, green, vermillion, purple, grey, "none"}
	for _, c := range night {
		known = append(known, c.light)
	}
	for _, c := range fake(t).plots() {
		for _, found := range regexp.MustCompile(`(?:fill|stroke)="([^"]+)"`).FindAllStringSubmatch(c.svg(), -1) {
			if !slices.Contains(known, found[1]) {
				t.Errorf("%s: %s does not follow the theme", c.Name, found[1])
			}
		}
	}
}

// TestLegend holds that the entries of a legend neither overlap nor leave the
// picture, and that the frame makes room for a second line.
func TestLegend(t *testing.T) {
	for names, top := range map[int]int{1: marginTop, 5: marginTop, 9: marginTop + legendLine} {
		c := chart{}
		for i := range names {
			c.Series = append(c.Series, series{Name: fmt.Sprint("a series of marks ", i), Points: []point{{}}})
		}
		shown, at := c.legendAt()
		for i, place := range at {
			if end := float64(place[0]) + textWidth(shown[i]); end > chartWidth-40 {
				t.Errorf("of %d entries one ends at %v", names, end)
			}
			if i > 0 && place[1] == at[i-1][1] && float64(place[0]) < float64(at[i-1][0])+textWidth(shown[i-1])+16 {
				t.Errorf("of %d entries two overlap: %v", names, at)
			}
		}
		if c.top() != top {
			t.Errorf("below %d entries the frame begins at %d, want %d", names, c.top(), top)
		}
	}
}

// TestLongProgram holds that a program of ten thousand lines leaves the page
// small, and that what is embedded of it says that it is not the whole.
func TestLongProgram(t *testing.T) {
	v := fake(t)
	var long strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&long, "    x = relu(conv(x, %d)) # 🍋 \"'</script> %x\n", i, i*7919)
	}
	v.Trials[0].Program.Source = long.String()
	c := v.tradeOff()
	page, err := c.html()
	if err != nil {
		t.Fatal(err)
	}
	if len(page) > 100_000 {
		t.Errorf("a chart takes %d bytes", len(page))
	}
	told := unpacked(t, []byte(page))[1]
	for text, wants := range map[string][]string{
		told.Tip:  {"… and 9962 lines more", "🍋", "&lt;/script&gt;"},
		told.Card: {"… and 9600 lines more", "🍋", "&lt;/script&gt;"},
	} {
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("what is told of the trial lacks %q", want)
			}
		}
		if strings.Contains(text, "</script>") {
			t.Error("what is told of the trial ends a script")
		}
	}
	if n := strings.Count(page, "</script>"); n != 2 {
		t.Errorf("the chart has %d ends of scripts, want 2", n)
	}
}

// TestInBrowser opens a page full of hostile texts in Chromium, without a network:
// every chart is drawn, and nothing of the texts has run.
func TestInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium here")
	}
	for name, v := range map[string]View{"plain": fake(t), "hostile": poison(fake(t))} {
		page, err := Page(v)
		if err != nil {
			t.Fatal(err)
		}
		probe := `<script>window.alert=()=>document.body.append("owned by a text");window.onerror=(e)=>document.body.append("went wrong: "+e);</script>`
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(strings.Replace(string(page), "</title>", "</title>"+probe, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--proxy-server=127.0.0.1:9", "--user-data-dir="+t.TempDir(),
			"--virtual-time-budget=8000", "--dump-dom", "file://"+file).Output()
		if err != nil {
			t.Fatal(err)
		}
		dom := string(out)
		if got, want := strings.Count(dom, "<canvas"), len(v.plots()); got != want {
			t.Errorf("%s: %d charts are drawn, want %d", name, got, want)
		}
		for _, bad := range []string{"owned by a text", "went wrong", `<img src="x"`} {
			if _, body, _ := strings.Cut(dom, "</head>"); strings.Contains(body, bad) { // the head has the probe
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
	}
}
