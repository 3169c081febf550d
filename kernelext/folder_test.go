package kernelext

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// ownPictures makes a folder of small pictures of two classes in a data folder of its
// own, and returns its name as data.
func ownPictures(t *testing.T) (name string) {
	t.Helper()
	t.Setenv("LEMONADE_HOME", t.TempDir())
	root := filepath.Join(t.TempDir(), "my pears")
	for i := range 40 {
		dir := filepath.Join(root, []string{"ripe", "unripe"}[i%2])
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		m.SetGray(i%8, i/8, color.Gray{200})
		file, err := os.Create(filepath.Join(dir, fmt.Sprint(i, ".png")))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := png.Encode(file, m); err != nil {
			t.Fatal(err)
		}
	}
	name, err := datasets.FromFolder(root, datasets.FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestFolder holds that what is shown of data sets and of studies on them has a
// folder's name, classes and pictures.
func TestFolder(t *testing.T) {
	name := ownPictures(t)
	out, err := run(t, "begin", "--recognise", name+"?flip=1", "--studies", t.TempDir())
	for _, want := range []string{"my pears: ripe, unripe (32 pictures of 8×8, grey)", "recognises my pears and is", "Study my-pears-balanced on my pears;", "--data '" + name + "?flip=1'"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("begin does not say %q: %v\n%s", want, err, out)
		}
	}
	out, err = run(t, "data", name)
	for _, want := range []string{"data set          my pears", "40: 24 to fit on, 8 to validate with, 8 for a final", "packed"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("data does not say %q: %v\n%s", want, err, out)
		}
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
	if page := v.qualityHTML(tr, true); !strings.Contains(page, "data:image/png") || !strings.Contains(page, "is <b>ripe</b>, read as <b>unripe</b>") {
		t.Errorf("the mistakes are not shown:\n%s", page)
	}
	if text := Text(v); !strings.HasPrefix(text, "study own on my pears: ") || strings.Contains(text, "folder:") {
		t.Errorf("the study is shown as\n%s", text)
	}
}
