package kernelext

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// evilWord is what somebody may have written in a text: markup, a control sequence.
const evilWord = "<script>alert(1)</script> \x1b[31m"

// ownTexts makes a CSV file of texts of two classes in a data folder of its own, and
// returns its name as data.
func ownTexts(t *testing.T) (name string) {
	t.Helper()
	t.Setenv("LEMONADE_HOME", t.TempDir())
	var b strings.Builder
	b.WriteString("review,label\n")
	for i := range 60 {
		class := []string{"ripe", "un<b>ripe"}[i%2]
		fmt.Fprintf(&b, "\"%s the pear no %d is %s, is it not?\",%s\n", evilWord, i, class, class)
	}
	path := filepath.Join(t.TempDir(), "my pears.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	name, err := datasets.FromText(path, datasets.TextOptions{Text: "review", Tokens: 32})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestTexts holds that what is shown of data sets of texts and of studies on them has
// the texts, and that none of them becomes markup.
func TestTexts(t *testing.T) {
	name := ownTexts(t)
	out, err := run(t, "begin", "--recognise", name, "--studies", t.TempDir())
	for _, want := range []string{"my pears: ripe, un<b>ripe (48 texts, 32 words each)", "recognises my pears and is", "Study my-pears-balanced on my pears;", "--data '" + name + "'"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("begin does not say %q: %v\n%s", want, err, out)
		}
	}
	out, err = run(t, "data", name)
	for _, want := range []string{"data set          my pears", "a sample          32 words", "words known       the ", "packed", "training text ", "the pear no", "3 texts of each class"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("data does not say %q: %v\n%s", want, err, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("the text holds a control character")
	}

	dir, err := home.Dir()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := datasets.Prepare(t.Context(), name, datasets.Options{Cache: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	set, err := datasets.Load(ref)
	if err != nil {
		t.Fatal(err)
	}
	var answers []trial.Answer
	for i, row := range set.Validate() {
		label := int(set.Train.Labels[row])
		answers = append(answers, trial.Answer{Index: i, True: label, Predicted: 1 - label, Confidence: 0.5})
	}
	q := trial.NewQuality(2, answers)
	q.Data = datasets.Fingerprint(ref, 0)
	tr := trial.Trial{ID: 1, State: trial.Complete, Quality: q}
	v := View{Name: "own", Data: name, Info: ref.Info, Trials: trial.History{tr}}
	for what, page := range map[string]string{"sheet": sheetOf(set).html(), "info": infoHTML(set.Info), "mistakes": v.qualityHTML(tr, true)} {
		if strings.Contains(page, "<script>alert") || strings.Contains(page, "un<b>ripe") || strings.Contains(page, "data:image/png") {
			t.Errorf("%s: a text became markup, or a picture:\n%s", what, page)
		}
		if what != "info" && !strings.Contains(page, "the pear no") {
			t.Errorf("%s: the texts are not shown:\n%s", what, page)
		}
	}
	if text := v.qualityText(tr); !strings.Contains(text, "  text 0 is ") || !strings.Contains(text, "texts of a class") {
		t.Errorf("the mistakes are told as\n%s", text)
	}
}

// TestPartialMark holds that all that is shown of a study on a partial copy of its data
// says so, and that nothing else does.
func TestPartialMark(t *testing.T) {
	v := fake(t)
	for _, published := range []int{0, 60000} {
		v.Info = datasets.Info{Name: "cifar10", Title: "CIFAR-10", Train: 9000, Test: 1000, Published: published}
		mark := "partial: 10,000 of 60,000"
		page, err := Page(v)
		if err != nil {
			t.Fatal(err)
		}
		c, err := comparisonOf(v, []int{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.pick(Choice{})
		if err != nil {
			t.Fatal(err)
		}
		front, err := v.frontHTML("")
		if err != nil {
			t.Fatal(err)
		}
		table, err := asCSV(v.trialsTable())
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]string{
			"page": string(page), "text": Text(v), "table": v.htmlTable(v.columns()), "trial": v.trialText(v.Trials[0]), "card": v.trialHTML(v.Trials[0]),
			"compare": c.text(), "compare's page": c.html(), "choose": p.text(""), "cards": v.cardsText(""), "cards' page": v.cardsHTML(""),
			"front": v.frontText(""), "front's page": front, "csv": string(table), "bundle": bundleReadme(v, stored{}, "x.zip"),
		}
		for _, c := range append(v.plots(), v.frontChart()) {
			options, err := c.options()
			if err != nil {
				t.Fatal(err)
			}
			shown[c.Name+" live"], shown[c.Name+" still"] = string(options), c.svg()
		}
		for what, text := range shown {
			if strings.Contains(text, mark) != (published > 0) {
				t.Errorf("%d published: %s says partial: %v", published, what, strings.Contains(text, mark))
			}
		}
	}
	if line := commandLine("x", lemonade.Options{Data: "imdb", Partial: true}, lemonade.RunOptions{Trials: 3}); !strings.Contains(line, "--data imdb --partial ") {
		t.Errorf("the line that begins it is %q", line)
	}
}

// TestPartialCommands holds that a partial copy is refused with its counts, and taken and marked
// where that is asked for.
func TestPartialCommands(t *testing.T) {
	t.Setenv("LEMONADE_HOME", t.TempDir())
	data := t.TempDir()
	t.Setenv(datasets.Env, data)
	for i := range 200 {
		folder, rating := []string{"neg", "pos"}[i%2], []int{2, 9}[i%2]
		for _, split := range []string{"train", "test"} {
			path := filepath.Join(data, "aclImdb", split, folder, fmt.Sprintf("%d_%d.txt", i, rating))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, fmt.Appendf(nil, "The %s film, number %d of the %s", folder, i, split), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := run(t, "data"); err != nil || !strings.Contains(out, "not packed yet") {
		t.Errorf("the table does not say where they are: %v\n%s", err, out)
	}
	studies := t.TempDir()
	for _, line := range [][]string{
		{"data", "fetch", "imdb"},
		{"discover", "film", "--data", "imdb", "--trials", "1", "--studies", studies},
	} {
		if _, err := run(t, line...); err == nil || !strings.Contains(err.Error(), "400 of 50,000 reviews: the rest is missing") || !strings.Contains(err.Error(), "--partial") {
			t.Errorf("%q: %v", line, err)
		}
	}
	for want, line := range map[string][]string{
		"imdb is here (partial: 400 of 50,000)":     {"data", "fetch", "imdb", "--partial"},
		"400 of the 50,000 samples":                 {"data", "imdb", "--partial"},
		"--data imdb --partial ":                    {"begin", "--recognise", "imdb", "--partial", "--studies", studies},
		"(200 texts, 256 words each), partial: 400": {"begin", "--recognise", "imdb", "--partial", "--studies", studies, "--time", "1h"},
	} {
		if out, err := run(t, line...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%q does not say %q: %v\n%s", line, want, err, out)
		}
	}
	s, err := lemonade.Open(t.Context(), "film", lemonade.Options{Data: "imdb", Partial: true, Dir: studies})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r := s.Report(); r.Partial != "partial: 400 of 50,000" || s.Info().Published != 50000 {
		t.Errorf("the study's report says %q", r.Partial)
	}
	if _, err := lemonade.Open(t.Context(), "large", lemonade.Options{Data: "imdb", Partial: true, TrainSamples: 5000, Dir: studies}); err == nil || !strings.Contains(err.Error(), "5000 is not between 1 and the 150 that are left") {
		t.Errorf("more samples than are here: %v", err)
	}
}
