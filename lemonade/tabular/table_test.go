package tabular

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Three cells.
const (
	cellA = example
	cellB = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
	cellC = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
)

// files writes a file of each text and returns their paths.
func files(t *testing.T, texts ...string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, string(rune('a'+i))+".csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func open(t *testing.T, texts ...string) (*Table, error) {
	t.Helper()
	return Open(Options{Files: files(t, texts...), Accuracy: "acc", Cost: "energy_mj"})
}

// table joins lines to a text.
func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func TestOpen(t *testing.T) {
	both := []Row{{cellA, 90, 2}, {cellB, 10, 0.5}}
	for name, c := range map[string]struct {
		texts []string
		want  []Row
		notes string // is in the notes
	}{
		"one file":              {[]string{text("arch,acc,energy_mj", cellA+",90,2", cellB+",10,0.5")}, both, ""},
		"two files":             {[]string{text("architecture,acc", cellA+",90", cellB+",10"), text("index,arch,energy_mj", "0,"+cellB+",0.5", "1,"+cellA+",2")}, both, ""},
		"costs first":           {[]string{text("arch,energy_mj", cellB+",0.5", cellA+",2"), text("arch,acc", cellA+",90", cellB+",10")}, both, ""},
		"arch before others":    {[]string{text("architecture,arch,acc,energy_mj", "x,"+cellA+",90,2", "y,"+cellB+",10,0.5")}, both, ""},
		"CRLF, mark and quotes": {[]string{"\ufeff\"arch\", acc ,energy_mj\r\n\"" + cellA + "\",\"90\", 2\r\n\r\n" + cellB + ",1e1,0.5"}, both, ""},
		"fractions":             {[]string{text("arch,acc,energy_mj", cellA+",0.9,2", cellB+",0.1,0.5")}, both, "fractions"},
		"the same row again":    {[]string{text("arch,acc,energy_mj", cellA+",90,2", cellA+",90.0,2", cellB+",10,0.5")}, both, ""},
		"a value given later":   {[]string{text("arch,acc,energy_mj", cellA+",90,", cellB+",10,0.5", cellA+",90,2")}, both, ""},
		"values missing": {[]string{text("arch,acc,energy_mj", cellA+",90,2", cellB+",10,0.5", cellC+",95,NA")}, both,
			"1 of its 3 architectures are left out"},
		"rows in one file only": {[]string{text("arch,acc", cellA+",90", cellC+",95", cellB+",10"), text("arch,energy_mj", cellA+",2", cellB+",0.5")}, both,
			"a.csv: 1 of its 3 architectures are left out"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := open(t, c.texts...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if notes := strings.Join(got.Notes, "\n"); !strings.Contains(notes, c.notes) || c.notes == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.notes)
			}
			if r, ok := got.Find(cellB); !ok || r != c.want[1] {
				t.Errorf("found %v, %v", r, ok)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	good := cellA + ",90,2"
	for name, c := range map[string]struct{ text, want string }{
		"empty":                 {"", "no line of headers"},
		"headers alone":         {"arch,acc,energy_mj\n", "no rows"},
		"no architectures":      {text("cell,acc,energy_mj", good), "no column is called arch or architecture: name the one that has the architectures, of cell, acc, energy_mj"},
		"no accuracy":           {text("arch,accu,energy_mj", good), `accuracy: no file has a column "acc"; did you mean accu?`},
		"no cost":               {text("arch,acc,flops", good), `cost: no file has a column "energy_mj"`},
		"a column twice":        {text("arch,acc,acc,energy_mj", cellA+",90,91,2"), `2 columns are called "acc"`},
		"architectures twice":   {text("arch,arch,acc,energy_mj", cellA+","+good), `2 columns are called "arch"`},
		"a bad architecture":    {text("arch,acc,energy_mj", good, "resnet,90,2"), `a.csv:3: column arch: architecture "resnet"`},
		"a word for a number":   {text("arch,acc,energy_mj", good, cellB+",much,2"), `a.csv:3: column acc: "much" is not a number: mend it, or leave`},
		"a decimal comma":       {text("arch,acc,energy_mj", `"`+cellA+`","93,66",2`), `a.csv:2: column acc: "93,66" is not a number`},
		"infinite":              {text("arch,acc,energy_mj", cellA+",90,inf"), `column energy_mj: "inf"`},
		"negative":              {text("arch,acc,energy_mj", cellA+",90,-2"), "-2 is negative"},
		"above 100 %":           {text("arch,acc,energy_mj", good, cellB+",101,2"), "a.csv:3: column acc: the accuracy of |none~0|"},
		"a row that differs":    {text("arch,acc,energy_mj", good, cellB+",1,1", cellA+",91,2"), "a.csv:4: column acc: " + cellA + " is 91 here and 90 on line 2"},
		"too few fields":        {text("arch,acc,energy_mj", good, cellB+",1"), "record on line 3: wrong number of fields: every line needs as many"},
		"an open quote":         {text("arch,acc,energy_mj", `"`+good), "a quote within quotes is written twice"},
		"no row with both":      {text("arch,acc,energy_mj", cellA+",90,", cellB+",,2"), "no architecture has both"},
		"no cost at all":        {text("arch,acc,energy_mj", cellA+",90,0"), "every cost is 0"},
		"nothing to get better": {text("arch,acc,energy_mj", cellA+",100,1"), "every accuracy is 100 %"},
		"xz":                    {"\xfd7zXZ\x00....", "xz -dk"},
		"UTF-16":                {"\xff\xfea\x00", "UTF-8"},
		"broken gzip":           {"\x1f\x8b\x08", "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := open(t, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error %v does not say %q", got, err, c.want)
			}
		})
	}
	t.Run("several files", func(t *testing.T) {
		accuracy, cost := text("arch,acc", cellA+",90"), text("arch,energy_mj", cellA+",2")
		for _, c := range []struct {
			texts []string
			want  string
		}{
			{[]string{accuracy, cost, accuracy}, "a.csv and "},
			{[]string{accuracy, cost, text("arch,flops", cellA+",1")}, "c.csv: it has neither a column acc nor energy_mj: leave the file out, or name one of arch, flops"},
			{[]string{accuracy, text("arch,energy_mj", cellB+",2")}, "no architecture has both"},
		} {
			if _, err := open(t, c.texts...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not say %q", err, c.want)
			}
		}
	})
	for want, o := range map[string]Options{
		"no file is named":                  {Accuracy: "a", Cost: "b"},
		"accuracy: no column":               {Files: []string{"x"}, Cost: "b"},
		"cost: no column":                   {Files: []string{"x"}, Accuracy: "a"},
		"is the column of the accuracies":   {Files: []string{"x"}, Accuracy: "a", Cost: "a"},
		"open x: no such file or directory": {Files: []string{"x"}, Accuracy: "a", Cost: "b"},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v does not say %q", o, err, want)
		}
	}
}

func TestOpenGzip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte("\ufeff" + text("cell,acc,energy_mj", cellA+",90,2"))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Open(Options{Files: []string{path}, Arch: []string{"cell"}, Accuracy: "acc", Cost: "energy_mj"})
	if err != nil || !cmp.Equal(got.Rows, []Row{{cellA, 90, 2}}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMetricOf(t *testing.T) {
	for column, want := range map[string]trial.Measurement{
		"pi5_litert_energy_mj":          {Value: 0.003, Note: "inference_energy"},
		"help_titan_rtx_256_latency_ms": {Value: 3, Note: "latency"},
		"Latency (us)":                  {Value: 0.003, Note: "latency"},
		"flops_cifar10":                 {Value: 3, Note: "macs"},
		"params_cifar10":                {Value: 3, Note: "params"},
		"size_mb":                       {Value: 3e6, Note: "model_size"},
		"power_w":                       {Value: 3, Note: "inference_power"},
		"something":                     {Value: 3, Note: "inference_energy"},
	} {
		if m, factor := metricOf(column); string(m) != want.Note || 3*factor != want.Value {
			t.Errorf("%s: %v of %s, want %v of %s", column, 3*factor, m, want.Value, want.Note)
		}
	}
}

// TestPublished reads the published tables.
func TestPublished(t *testing.T) {
	dir := os.Getenv("LEMONADE_DATA")
	paths := []string{filepath.Join(dir, "nasbench201-cifar10.csv"), filepath.Join(dir, "nasbench201-costs.csv")}
	for _, path := range paths {
		if _, err := os.Stat(path); dir == "" || err != nil {
			t.Skipf("%s is not under LEMONADE_DATA", filepath.Base(path))
		}
	}
	got, err := Open(Options{Files: paths, Accuracy: "cifar10_test_accuracy_200_epochs", Cost: "pi5_litert_energy_mj"})
	if err != nil {
		t.Fatal(err)
	}
	if worst := got.Worst(); len(got.Rows) != 15625 || len(got.Notes) > 0 || worst.Accuracy != 10 || worst.Cost != 19.5001 {
		t.Errorf("%d rows, notes %q, worst %+v", len(got.Rows), got.Notes, worst)
	}
	if r, ok := got.Find("|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"); !ok || r.Accuracy != 85.8633 || r.Cost != 2.57532 {
		t.Errorf("found %+v, %v", r, ok)
	}
}

// FuzzOpen reads any text as a table: it is refused, or all its rows are sound.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{
		text("arch,acc,energy_mj", cellA+",90,2", cellB+",10,0.5"), "\ufeff\"arch\",acc,energy_mj\r\n\"" + cellC + "\",\"0.5\",2\r\n",
		text("architecture,acc", cellA+",90"), "\x1f\x8b\x08\x00", "\"", "arch,acc,energy_mj\n" + cellA + ",1e309,2\n",
	} {
		f.Add(seed, text("arch,energy_mj", cellA+",2"))
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		o := Options{Arch: DefaultArch, Accuracy: "acc", Cost: "energy_mj"}
		var sheets []sheet
		for _, text := range []string{a, b} {
			s, err := readSheet("x", strings.NewReader(text), o.Arch, []string{o.Accuracy, o.Cost})
			if err == nil && len(s.columns) > 0 {
				sheets = append(sheets, s)
			}
		}
		table, err := join(sheets, o)
		if err != nil {
			return
		}
		for _, r := range table.Rows {
			found, ok := table.Find(r.Architecture)
			if _, err := Choices(r.Architecture); err != nil || !ok || found != r {
				t.Errorf("row %+v, found %+v, %v", r, found, err)
			}
			if !(r.Accuracy >= 0 && r.Accuracy <= 100) || !(r.Cost >= 0) {
				t.Errorf("row %+v", r)
			}
		}
		if len(table.Rows) == 0 {
			t.Error("a table without rows")
		}
	})
}
