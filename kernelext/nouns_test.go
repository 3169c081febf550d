package kernelext

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ownBook is a rule book as somebody writes it, two of whose rules are in the fake
// study's record.
const ownBook = `
commands: 1
rules:
  - {name: accuracy-below-target, aim: accuracy, priority: 7, when: accuracy < 0.9, do: [ACL, ASC], because: "accuracy {accuracy} is low"}
  - {name: slow, aim: cost, when: cost_over > 1, do: [RCL], avoid: [AMK, ADL], because: "{cost} is {cost_value}"}
  - {name: never-there, aim: training, when: late_nans > 99, avoid: [AWI], because: "nothing"}
`

func ownRules(t *testing.T) *expert.RuleBook {
	t.Helper()
	book, err := expert.Parse("own.yaml", []byte(ownBook))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func TestRulesGolden(t *testing.T) {
	table := tableOf(ownRules(t), fake(t).Trials)
	golden(t, "rules.txt", []byte(table.text()))
	golden(t, "rules.html", []byte(strings.ReplaceAll(table.html(), "><", ">\n<")+"\n"))
}

// TestRulesCommand holds what the three books of the command are.
func TestRulesCommand(t *testing.T) {
	v := fake(t)
	dir := recorded(t, v)
	own := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(own, []byte(ownBook), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"rules"}, tableOf(expert.Default(), nil).text()},
		{[]string{"rules", own}, tableOf(ownRules(t), nil).text()},
		{[]string{"rules", v.Name}, tableOf(expert.Default(), v.Trials).text()},
	} {
		if got, err := run(t, append(c.args, "--studies", dir)...); err != nil || got != c.want {
			t.Errorf("%q: %v\n%s", c.args, err, cmp.Diff(c.want, got))
		}
	}
	for _, r := range expert.Default().Rules() {
		for _, page := range []string{tableOf(expert.Default(), nil).text(), tableOf(expert.Default(), nil).html()} {
			if !strings.Contains(page, r.Name) || strings.Contains(page, "never") {
				t.Errorf("rule %s is missing, or said to have fired in no study", r.Name)
			}
		}
	}
	if err := os.WriteFile(own, []byte("rules: [{name: a}]"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "rules", own); err == nil || !strings.Contains(err.Error(), "own.yaml:1") {
		t.Errorf("a faulty book: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	lone := expert.Advice{Parent: 4, Focus: "cost", Commands: []trial.Command{{Code: "RK", Text: "reduce number of kernels", Rule: "wide", Reason: "64 filters"}}}
	for want, a := range map[string]expert.Advice{
		"advice: there is no network to change: begin with a new one; no command\n":                          {},
		"advice: change trial 3; no command\n":                                                               {Parent: 3},
		"advice: change trial 4; work on cost\nasked: RK reduce number of kernels (rule wide): 64 filters\n": lone,
		`advice: change trial 2; asked for: small, at most 250 k MACs
asked: ACL add convolutional layer (rule accuracy-below-target): accuracy 41.2 % is below its anchor of 60.0 %
asked: AR add regularization (rule overfitting): training accuracy is 12 points above validation
left out: RCL remove convolutional layer (rule slow: latency is over its target): contradicts ACL, whose rule comes first
`: expert.AdviceOf(fake(t).Trials[4]),
	} {
		var b bytes.Buffer
		show(&b, a)
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for line := range strings.Lines(want) {
			if _, reason, ok := strings.Cut(line, "): "); ok && !strings.Contains(adviceHTML(a), strings.TrimSpace(reason)) {
				t.Errorf("the page does not say %q:\n%s", reason, adviceHTML(a))
			}
		}
	}
}

// TestShowFront holds that the command and the call show the same.
func TestShowFront(t *testing.T) {
	v := fake(t)
	dir := recorded(t, v)
	study, err := lemonade.Open(t.Context(), v.Name, lemonade.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer study.Close()
	var b bytes.Buffer
	show(&b, study.Front())
	if got, err := run(t, "front", v.Name, "--studies", dir); err != nil || got != b.String() {
		t.Errorf("%v: the command and the call (-call +command):\n%s", err, cmp.Diff(b.String(), got))
	}
	if got := fmt.Sprint(study.Front()); got != "[1 2 6 7 9 10]" {
		t.Errorf("the front prints as %s", got)
	}
	var ids []string
	for _, s := range v.frontChart().Series {
		for _, p := range s.Points {
			if !s.Quiet && p.Label != "" {
				ids = append(ids, p.Label)
			}
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff([]string{"1", "10", "2", "6", "7", "9"}, ids); diff != "" {
		t.Errorf("on the chart (-want +got):\n%s", diff)
	}
	b.Reset()
	show(&b, lemonade.Front{Study: "new", Data: "digits"})
	if page, err := (View{Name: "new"}).frontHTML(""); err != nil || !strings.Contains(page, "no front yet") || b.String() != "study new on digits: no trials yet\n" {
		t.Errorf("an empty front: %v, %s\n%s", err, page, b.String())
	}
}

// TestStep holds what a step up the front is said to cost.
func TestStep(t *testing.T) {
	network := func(id int, accuracy, joules, milliseconds float64, spread *float64) trial.Trial {
		return trial.Trial{ID: id, State: trial.Complete, Metrics: trial.Metrics{
			trial.Accuracy: {Value: accuracy, Spread: spread}, trial.InferenceEnergy: {Value: joules}, trial.Latency: {Value: milliseconds}, trial.Throughput: {Value: joules},
		}}
	}
	for _, c := range []struct {
		axes []trial.Metric
		up   trial.Trial
		want string
	}{
		{nil, network(2, 0.521, 0.0034, 1, nil), "+2.1 points for 3.4 times the energy"},
		{nil, network(2, 0.521, 0.0034, 1, of(0.01)), "+2.1 points (may be chance) for 3.4 times the energy"},
		{nil, network(2, 0.521, 0.0034, 1, of(0.001)), "+2.1 points for 3.4 times the energy"},
		{nil, network(2, 0.5, 0.001, 1, nil), "the same"},
		{[]trial.Metric{trial.Accuracy, trial.InferenceEnergy, trial.Latency}, network(2, 0.521, 0.0034, 0.5, nil), "+2.1 points and half the time for 3.4 times the energy"},
		{[]trial.Metric{trial.Throughput, trial.Accuracy}, network(2, 0.4, 0.002, 1, nil), "twice the throughput for -10.0 points"},
	} {
		v := fake(t)
		if c.axes != nil {
			var err error
			if v.Objective, err = v.Objective.On(c.axes...); err != nil {
				t.Fatal(err)
			}
		}
		spread := of(0.01)
		if got := c.up.Metrics[trial.Accuracy].Spread; got == nil || *got < 0.01 {
			spread = got
		}
		v.Trials = trial.History{network(1, 0.5, 0.001, 1, spread), c.up}
		v.Objective.Methods = nil
		if got := v.step(v.members()[0]); got != c.want {
			t.Errorf("%v: %q, want %q", c.axes, got, c.want)
		}
		if got := v.step(v.members()[1]); got != "–" {
			t.Errorf("%v: the last one takes %q", c.axes, got)
		}
	}
}

// TestDataGolden holds what is told of a set, of its pictures too.
func TestDataGolden(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	t.Setenv(datasets.Env, t.TempDir())
	out, err := run(t, "data", "digits")
	if err != nil {
		t.Error(err)
	}
	golden(t, "digits.txt", []byte(out))
	info, err := datasets.Lookup("digits")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	show(&b, info)
	if !strings.HasPrefix(out, b.String()) {
		t.Errorf("the description alone differs:\n%s", b.String())
	}
}

// TestDataThatIsAway holds that what is not here is said, and how to have it, and that
// a set is found where it lies.
func TestDataThatIsAway(t *testing.T) {
	home, own := t.TempDir(), t.TempDir()
	t.Setenv("LEMONADE_HOME", home)
	t.Setenv(datasets.Env, own)
	out, err := run(t, "data", "cifar10")
	if err != nil || !strings.Contains(out, "not here yet: lemonade data fetch cifar10") || !strings.Contains(out, "airplane, automobile") {
		t.Errorf("%v\n%s", err, out)
	}
	word := func() string {
		word, where := lies("cifar10")
		if !strings.HasPrefix(infoText(infoOf(t, "cifar10")), "data set") || !strings.Contains(infoText(infoOf(t, "cifar10")), where) {
			t.Errorf("it does not say %q", where)
		}
		return word
	}
	if got := word(); got != "not here yet" {
		t.Errorf("without the files it is %s", got)
	}
	cached := filepath.Join(home, "data", "cifar-10-batches-bin")
	if err := os.MkdirAll(cached, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := word(); got != "cached" {
		t.Errorf("downloaded it is %s", got)
	}
	if _, err := run(t, "data", "cifar10"); err == nil || !strings.Contains(err.Error(), "data_batch_") {
		t.Errorf("without its files: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(own, "cifar-10-batches-bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := word(); got != datasets.Env {
		t.Errorf("one's own is %s", got)
	}
	if out, err := run(t, "data"); err != nil || !strings.Contains(out, "digits") || strings.Count(out, "\n") != len(datasets.Names())+2 {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run(t, "data", "nothing"); err == nil || !strings.Contains(err.Error(), "cifar10") {
		t.Errorf("an unknown set: %v", err)
	}
	if out, err := run(t, "data", "fetch", "digits"); err != nil || !strings.HasPrefix(out, "digits is here: embedded, fingerprint digits:") {
		t.Errorf("fetch: %v\n%s", err, out)
	}
}

func infoOf(t *testing.T, name string) datasets.Info {
	t.Helper()
	info, err := datasets.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

var sheetPicture = regexp.MustCompile(`<img src="data:image/png;base64,([^"]+)" alt="([^"]*)" title="[^"]*, training picture (\d+)" width="(\d+)"`)

// TestSheetShowsItsClasses holds that each picture is one of its class, none of those
// that validate, and the same each time.
func TestSheetShowsItsClasses(t *testing.T) {
	_, set := digitsQuality(t)
	page := sheetOf(set).html()
	if page != sheetOf(set).html() {
		t.Error("another time there are others")
	}
	found := sheetPicture.FindAllStringSubmatch(page, -1)
	if len(found) != 10*sheetEach {
		t.Fatalf("%d pictures", len(found))
	}
	validate := set.Validate()
	for _, f := range found {
		packed, err := base64.StdEncoding.DecodeString(f[1])
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		var index int32
		if _, err := fmt.Sscan(f[3], &index); err != nil {
			t.Fatal(err)
		}
		if f[2] != set.ClassNames[set.Train.Labels[index]] || slices.Contains(validate, index) || f[4] != "64" {
			t.Errorf("picture %d is shown as %s, %s wide", index, f[2], f[4])
		}
		var got []byte
		for y := range 8 {
			for x := range 8 {
				r, _, _, _ := picture.At(x, y).RGBA()
				got = append(got, byte(r>>8))
			}
		}
		if !bytes.Equal(got, set.Train.Images[int(index)*64:][:64]) {
			t.Errorf("picture %d is another one", index)
		}
	}
}

// TestSheetStaysSmall holds that a page of many classes, or of pictures that cannot be
// packed, has the size that it may have.
func TestSheetStaysSmall(t *testing.T) {
	_, set := digitsQuality(t)
	set.Shape = []int{32, 32, 3}
	set.Train.Images = make([]byte, set.Train.Len()*32*32*3)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range set.Train.Images {
		set.Train.Images[i] = byte(rng.Uint32())
	}
	for _, classes := range []int{10, 100, 500} {
		many := *set
		many.ClassNames = nil
		for class := range classes {
			many.ClassNames = append(many.ClassNames, fmt.Sprintf("class %d <b>", class))
		}
		many.Train.Labels = slices.Clone(set.Train.Labels)
		for i := range many.Train.Labels {
			many.Train.Labels[i] = int32(i * 7 % classes)
		}
		page := sheetOf(&many).html()
		n := len(sheetPicture.FindAllString(page, -1))
		if len(page) > 130_000 || n < min(classes, sheetClasses) || strings.Contains(page, "<b>&") || !strings.Contains(page, "class 9 &lt;b&gt;") {
			t.Errorf("%d classes: %d pictures in %d bytes", classes, n, len(page))
		}
		if classes > sheetClasses && !strings.Contains(page, "first 120 classes, of 500") {
			t.Error("it does not say how many are left out")
		}
	}
}

func TestReduced(t *testing.T) {
	r := reduced{tile{[]byte{0, 10, 50, 20, 30, 70, 100, 100, 200}, 3, 3, 1}, 2}
	var got []int
	for y := range r.Bounds().Dy() {
		for x := range r.Bounds().Dx() {
			v, _, _, _ := r.At(x, y).RGBA()
			got = append(got, int(v>>8))
		}
	}
	if diff := cmp.Diff([]int{15, 60, 100, 200}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHostileNouns holds that foreign texts stay texts.
func TestHostileNouns(t *testing.T) {
	_, set := digitsQuality(t)
	foul := *set
	foul.Name, foul.Title, foul.Licence, foul.Source = hostile, hostile, hostile, hostile
	foul.ClassNames = slices.Clone(set.ClassNames)
	foul.ClassNames[3] = hostile
	link := foul.Info
	link.Source = "https://example.org/\"><script>alert(1)</script>"
	command := trial.Command{Code: hostile, Text: hostile, Rule: hostile, Reason: hostile}
	advice := expert.Advice{Parent: 1, Focus: hostile, Niche: &trial.Niche{Name: hostile}, Commands: []trial.Command{command}, Dropped: []trial.Dropped{{Command: command, Reason: hostile}}}
	book, err := expert.Parse(hostile, fmt.Appendf(nil, "rules:\n  - {name: %q, aim: cost, when: 'cost == %q', do: RK, because: %q}", hostile, "<script>alert", "<img src=x onerror=alert(1)>"))
	if err != nil {
		t.Fatal(err)
	}
	rules := tableOf(book, poison(fake(t)).Trials)
	for name, page := range map[string]string{
		"sheet": sheetOf(&foul).html(), "link": infoHTML(link), "advice": adviceHTML(advice), "rules": rules.html(), "list": listHTML([][]string{{hostile}, {hostile}}),
	} {
		for _, bad := range []string{"<script", "<img src=x", `javascript:`, `"><s`} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
	}
	for name, text := range map[string]string{"sheet": sheetOf(&foul).text(), "advice": adviceText(advice), "rules": rules.text(), "sets": setsText([][]string{{hostile}, {hostile}})} {
		if strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%s: the text holds a control character", name)
		}
	}
}

// TestWithoutItsData holds that a study whose data set is not on this machine, and that
// went by a rule book of somebody's own, is shown as any other.
func TestWithoutItsData(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	t.Setenv(datasets.Env, t.TempDir())
	v := fake(t)
	v.Data = "somebodys-own"
	few, _ := digitsQuality(t)
	v.Trials[3].Quality = few.Quality
	v.Trials[3].Quality.Data = "somebodys-own:0123/split1/whole"
	v.Trials[3].Commands = []trial.Command{{Code: "RK", Text: "reduce number of kernels", Rule: "my-own-rule", Reason: "because I say so"}}
	dir := recorded(t, v)
	out, err := run(t, "show", v.Name, "--trial", "4", "--studies", dir)
	if err != nil || !strings.Contains(out, "asked: RK reduce number of kernels (rule my-own-rule): because I say so") || !strings.Contains(out, "class 5 ") {
		t.Errorf("%v\n%s", err, out)
	}
	if page := v.qualityHTML(v.Trials[3], true); !strings.Contains(page, "the data set somebodys-own is not on this machine") {
		t.Errorf("the page does not say where the pictures are:\n%s", page)
	}
	if tip := v.tip(v.Trials[3], nil); !strings.Contains(tip, "asked for: RK") {
		t.Errorf("the hover does not say what was asked:\n%s", tip)
	}
	for _, args := range [][]string{{"show", v.Name}, {"front", v.Name}, {"best", v.Name}, {"choose", v.Name}, {"compare", v.Name, "4", "6"}, {"export", v.Name, "--csv", "--out", t.TempDir()}} {
		if out, err := run(t, append(args, "--studies", dir)...); err != nil {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	if out, err := run(t, "rules", v.Name, "--studies", dir); err != nil || !strings.Contains(out, "Not of this book, but in the record: accuracy-below-target, my-own-rule") {
		t.Errorf("rules: %v\n%s", err, out)
	}
	bundle := filepath.Join(t.TempDir(), "all.zip")
	if out, err := run(t, "export", v.Name, "--bundle", bundle, "--studies", dir); err != nil {
		t.Errorf("bundle: %v\n%s", err, out)
	}
	if out, err := run(t, "import", bundle, "--studies", t.TempDir()); err != nil || !strings.Contains(out, "on somebodys-own: imported") {
		t.Errorf("import: %v\n%s", err, out)
	}
	if out, err := run(t, "resume", v.Name, "--trials", "12", "--studies", dir); err == nil || !strings.Contains(err.Error(), `"somebodys-own"`) {
		t.Errorf("resume: %v\n%s", err, out)
	}
}

// TestClassesAsCSV holds that each class is in the tables that are taken away.
func TestClassesAsCSV(t *testing.T) {
	few, _ := digitsQuality(t)
	few.ID = 1
	v := View{Name: "first", Data: "digits", Trials: trial.History{few, {ID: 2}}}
	all, one := map[string][]byte{}, map[string][]byte{}
	if err := v.addTables(all, ""); err != nil {
		t.Fatal(err)
	}
	if err := v.addTrial(one, 1); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"classes.csv":   "1,5,five,15,6,0.4,7,0.8571428571428571\n",
		"confusion.csv": "1,5,five,6,six,8\n",
	} {
		if !strings.Contains(string(all[name]), want) {
			t.Errorf("%s lacks %q:\n%s", name, want, all[name])
		}
	}
	for name, want := range map[string]string{
		"trial-1-classes.csv":   "1,5,five,15,6,0.4,7,0.8571428571428571\n",
		"trial-1-confusion.csv": "five,0,0,0,0,0,6,8,0,1,0\n",
	} {
		if !strings.Contains(string(one[name]), want) {
			t.Errorf("%s lacks %q:\n%s", name, want, one[name])
		}
	}
	none := map[string][]byte{}
	if err := v.addTrial(none, 2); err != nil || len(none) != 2 {
		t.Errorf("a trial without them: %v, %d files", err, len(none))
	}
}
