package kernelext

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// TestHostileCommands holds that no text from outside becomes markup, script, a
// control sequence or a formula in what the commands show and write.
func TestHostileCommands(t *testing.T) {
	v := poison(fake(t))
	for i := range v.Trials { // the same everywhere would leave no front
		for m, value := range v.Trials[i].Metrics {
			value.Method = fake(t).Trials[i].Metrics[m].Method
			v.Trials[i].Metrics[m] = value
		}
	}
	c, err := comparisonOf(v, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.pick(Choice{})
	if err != nil {
		t.Fatal(err)
	}
	place := placeOf(foreign{stub{v}})
	front, err := v.frontHTML(place)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{
		"compare": c.html(), "choose": p.html(place), "cards": v.cardsHTML(place), "front": front,
		"export": filesHTML([]string{hostile, "/" + hostile}, hostile), "use": useHTML(v.Name, 1, place),
	}
	for name, page := range pages {
		for _, bad := range []string{"<img src=x", "<script>alert", "onerror=alert(1)>\""} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
	}
	for name, text := range map[string]string{
		"compare": c.text(), "choose": p.text(place), "cards": v.cardsText(place), "front": v.frontText(place),
	} {
		if strings.ContainsAny(text, "\x1b\x07") {
			t.Errorf("%s: the text holds a control character", name)
		}
	}
	files := map[string][]byte{}
	v.Trials[0].Reason = "=HYPERLINK(\"http://example.org\")"
	v.Trials[1].Reason = "-1+1|cmd"
	if err := v.addTables(files, ""); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		rows := csv.NewReader(bytes.NewReader(content))
		for {
			row, err := rows.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, cell := range row {
				if strings.ContainsAny(cell, "\x1b") || cell != "" && strings.ContainsRune("=+@\t\r", rune(cell[0])) || strings.HasPrefix(cell, "-1+1") {
					t.Errorf("%s: the cell %q", name, cell)
				}
			}
		}
	}
	v.addCharts(files, "charts/")
	for name := range files {
		if strings.ContainsAny(name, "<>\"'\\ ") || strings.Contains(name, "..") {
			t.Errorf("a file is named %q", name)
		}
	}
}

// foreign is a study in a folder with a hostile name.
type foreign struct{ stub }

func (foreign) Dir() string { return hostile }

// TestHostileBegin holds that what is typed comes back as text.
func TestHostileBegin(t *testing.T) {
	s, err := screenOf(t.Context(), Wishes{Name: "x", Recognise: "digits", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.start.Name, s.notes, s.outlook.from, s.outlook.model = hostile, []string{hostile}, hostile, hostile
	s.questions[0].answers = append(s.questions[0].answers, [2]string{hostile, hostile})
	s.start.Options.Wants, s.start.Options.Data = nil, string(trial.Metric(hostile))
	if page := s.html(); strings.Contains(page, "<script>") || strings.Contains(page, "<img") {
		t.Errorf("the page holds markup:\n%s", page)
	}
	if strings.ContainsAny(s.text(), "\x1b") {
		t.Error("the text holds a control character")
	}
}
