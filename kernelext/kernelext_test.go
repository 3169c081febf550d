package kernelext

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (go test -update rewrites it; -want +got):\n%s", path, diff)
	}
}

func TestGolden(t *testing.T) {
	v := fake(t)
	for _, c := range v.plots() {
		options, err := c.options()
		if err != nil {
			t.Fatal(err)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, options, "", " "); err != nil {
			t.Fatal(err)
		}
		golden(t, c.Name+".json", append(pretty.Bytes(), '\n'))
		golden(t, c.Name+".svg", []byte(strings.ReplaceAll(c.svg(), "><", ">\n<")+"\n"))
	}
	golden(t, "study.txt", []byte(Text(v)))
	golden(t, "trial.txt", []byte(v.trialText(v.Trials[4])))
	golden(t, "network.svg", []byte(strings.ReplaceAll(drawNetwork(v.Trials[1].Program.Network), "><", ">\n<")+"\n"))
}

func TestTradeOffMarks(t *testing.T) {
	v := fake(t)
	got := map[string][]string{}
	for _, s := range v.tradeOff().Series {
		for _, p := range s.Points {
			if s.Quiet {
				continue
			}
			got[s.Name] = append(got[s.Name], p.Label)
		}
	}
	want := map[string][]string{
		"Pareto front":       {"", "", "10", "2", "6", "9"},
		"dominated":          {"4"},
		"infeasible":         {"5"},
		"measured otherwise": {"11"}, // by another method than the study: not ranked
		"first trial":        {"1"},
		"most effective":     {"7"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the chart's marks (-want +got):\n%s", diff)
	}
}

// TestUnknownIsNotDrawn holds that a trial without a measurement has no mark, and
// that empty studies show something.
func TestUnknownIsNotDrawn(t *testing.T) {
	v := fake(t)
	delete(v.Trials[6].Metrics, trial.InferenceEnergy)
	for _, s := range v.tradeOff().Series {
		for _, p := range s.Points {
			if p.Label == "7" {
				t.Error("trial 7 has no energy and is drawn")
			}
		}
	}
	v.Trials = nil
	page, err := v.html()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page, "no trials yet") || !strings.Contains(Text(v), "no trials yet") {
		t.Errorf("an empty study shows %q and %q", page, Text(v))
	}
}

// TestHostile holds that no text from outside becomes markup, script or a control
// sequence, anywhere.
func TestHostile(t *testing.T) {
	v := poison(fake(t))
	page, err := Page(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<img src=x", `<script>alert`, "\x1b"} {
		if bytes.Contains(page, []byte(bad)) && bad != "\x1b" {
			t.Errorf("the page holds %q", bad)
		}
	}
	// Every </script> must be one that this package wrote: the library's, that of the
	// trials, and one for each chart.
	if got, want := bytes.Count(page, []byte("</script>")), 2+len(v.plots()); got != want {
		t.Errorf("the page has %d ends of scripts, want %d", got, want)
	}
	for _, c := range v.plots() {
		options, err := c.options()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(options, "<\u2028") {
			t.Errorf("chart %s: its options hold a character that may end a script", c.Title)
		}
		for _, s := range c.Series {
			for _, p := range s.Points { // a tip is put into the page as HTML
				if strings.Contains(p.Tip, "<script") || strings.Contains(p.Tip, "<img") {
					t.Errorf("chart %s: a tip holds markup: %s", c.Title, p.Tip)
				}
			}
		}
		wellFormed(t, c.svg())
	}
	for id, told := range unpacked(t, page) {
		for _, text := range []string{told.Tip, told.Card} {
			if strings.Contains(text, "<script") || strings.Contains(text, "<img") || !strings.Contains(text, "&lt;/script&gt;") {
				t.Errorf("trial %d: what is told of it holds markup, or not the text: %s", id, text)
			}
		}
	}
	texts := []string{Text(v), View{}.trialText(v.Trials[0]), v.trialText(v.Trials[4]), Line(v.Trials[0])}
	for _, s := range texts {
		if strings.ContainsAny(s, "\x1b\x07") {
			t.Errorf("a text holds a control character: %q", s)
		}
	}
}

// unpacked returns what a page tells of the trials.
func unpacked(t *testing.T, page []byte) map[int]told {
	t.Helper()
	found := regexp.MustCompile(`"trials":"([^"]+)"`).FindSubmatch(page)
	if found == nil {
		t.Fatal("the page tells of no trials")
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(found[1])))
	if err != nil {
		t.Fatal(err)
	}
	var all map[int]told
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
	}
}

// TestShowInATerminal holds that everything has a plain form.
func TestShowInATerminal(t *testing.T) {
	v := fake(t)
	for name, test := range map[string]struct {
		x    any
		want string
	}{
		"view":    {v, "study cifar-first on cifar10: 8 complete, 1 infeasible, 1 duplicate, 1 failed"},
		"trial":   {v.Trials[4], "model_size 1.21 MB is over the limit of 1 MB"},
		"pointer": {&v.Trials[0], "asked: ACL add convolutional layer"},
		"network": {v.Trials[0].Program.Network, "Parameters"},
		"program": {v.Trials[0].Program, "def network(x, classes):"},
		"other":   {"text", "text"},
	} {
		var b bytes.Buffer
		show(&b, test.x)
		if !strings.Contains(b.String(), test.want) {
			t.Errorf("%s: %q is missing in:\n%s", name, test.want, b.String())
		}
	}
}

// TestPageStandsAlone holds that a page takes nothing from the network and holds
// the library once.
func TestPageStandsAlone(t *testing.T) {
	page, err := Page(fake(t))
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?:src|href)="?(?:https?:)?//`).Find(page); found != nil {
		t.Errorf("the page takes something from elsewhere: %s", found)
	}
	if n := bytes.Count(page, []byte("DecompressionStream(")); n != 1 {
		t.Errorf("the library is in the page %d times", n)
	}
	if len(page) > 600_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

func TestSpan(t *testing.T) {
	for _, test := range []struct {
		low, high float64
		want      axis
	}{
		{39.1, 49.7, axis{Min: 38, Max: 52, Step: 2}}, // 10.6 wide
		{0, 1, axis{Min: 0, Max: 1.5, Step: 0.5}},
		{5, 5, axis{Min: 4.8, Max: 5.2, Step: 0.1}},
		{0.5, 900, axis{Min: 0.1, Max: 1000, Log: true}},
		{0, 0, axis{Min: 0, Max: 2e-9, Step: 5e-10}},
	} {
		got := span(test.low, test.high)
		got.Min, got.Max, got.Step = round(got.Min), round(got.Max), round(got.Step)
		if len(got.ticks()) < 2 || len(got.ticks()) > 12 {
			t.Errorf("span(%v, %v) has %d ticks", test.low, test.high, len(got.ticks()))
		}
		if got.Min > test.low || got.Max < test.high || got.Log != test.want.Log {
			t.Errorf("span(%v, %v) = %+v does not hold them", test.low, test.high, got)
		}
	}
}

// TestWritePage writes the page to look at, where LEMONADE_TEST_PAGE names a file.
func TestWritePage(t *testing.T) {
	path := os.Getenv("LEMONADE_TEST_PAGE")
	if path == "" {
		t.Skip("LEMONADE_TEST_PAGE names no file")
	}
	page, err := Page(fake(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
}
