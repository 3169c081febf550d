package lemonade_test

import (
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// pictures makes a folder of small pictures of two classes and returns its name as
// data, which is relative to the folder above. What is packed of it is removed in the end.
func pictures(t *testing.T) (root, data string) {
	t.Helper()
	above := t.TempDir()
	root = filepath.Join(above, "secretive", "my pictures")
	for i := range 40 {
		dir := filepath.Join(root, []string{"ripe", "unripe"}[i%2])
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		m.Pix[i] = 200
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("patient-%d.png", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := png.Encode(file, m); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Dir(root))
	dir, err := home.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pack, ok := datasets.Find("folder:"+root, filepath.Join(dir, "data")); ok {
			os.Remove(pack)
			os.Remove(pack + ".files")
			os.Remove(pack + ".lock")
		}
	})
	return root, "folder:my pictures"
}

// TestFolderStudy holds that a study of a folder knows its data wherever it is opened,
// and that nothing of the folder but its name and those of the classes goes to a
// language model.
func TestFolderStudy(t *testing.T) {
	server := talk(t, widening)
	root, data := pictures(t)
	o := llmOptions(t)
	o.Data, o.TrainSamples = data, 0
	o.Evaluator = scripted(func(j trial.Job) trial.Result {
		if j.Data.Name != "folder:"+root || j.Data.Dir == "" {
			t.Errorf("the job's data is %+v", j.Data)
		}
		if len(server.prompts) == 2 {
			return trial.Result{State: trial.Failed, Reason: trial.BadData + ": datasets: " + j.Data.Name + ": damaged"}
		}
		return measured(j)
	})
	s := open(t, "own", o)
	run(t, s, 5, nil)
	if i := s.Info(); s.Data() != "folder:"+root || i.Title != "my pictures" || i.Train != 32 || i.Mean == nil {
		t.Errorf("the study is on %s: %+v", s.Data(), i)
	}
	if len(server.calls) < 5 {
		t.Fatalf("the model was asked %d times", len(server.calls))
	}
	for _, call := range server.calls {
		text, err := json.Marshal(call)
		if err != nil {
			t.Fatal(err)
		}
		for _, private := range []string{root, "secretive", "patient", ".png", "image_url", "data:image"} {
			if strings.Contains(string(text), private) {
				t.Fatalf("the model is told %q:\n%s", private, text)
			}
		}
	}
	if prompt := server.prompts[0]; !strings.Contains(prompt, "my pictures: images") || !strings.Contains(prompt, "2 (ripe, unripe)") {
		t.Errorf("the model is not told what it is about:\n%s", prompt)
	}

	if err := os.Rename(root, root+" elsewhere"); err != nil {
		t.Fatal(err)
	}
	again := open(t, "own", lemonade.Options{Dir: o.Dir, Data: "folder:my pictures/", Evaluator: scripted(measured)})
	if again.Info().Train != 32 {
		t.Errorf("without the folder the data is %+v", again.Info())
	}
	replayed := open(t, "replayed", lemonade.Options{Dir: o.Dir, Proposer: "replay", Replay: "own"})
	run(t, replayed, 2, nil)
	if err := os.Rename(root+" elsewhere", root); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "ripe", "patient-0.png"), filepath.Join(root, "unripe", "patient-0.png")); err != nil {
		t.Fatal(err)
	}
	if err := again.Run(t.Context(), lemonade.RunOptions{Trials: 6}); err == nil || !strings.Contains(err.Error(), "restore them, or begin a study of another name") {
		t.Errorf("other labels are accepted: %v", err)
	}
}
