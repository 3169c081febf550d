package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tinyProgram = `
def network(x, classes):
    return dense(global_avg_pool(relu(conv(x, 4, stride = 4))), classes)
`

// benchIn runs mode bench in a process of its own, as it starts itself anew.
func benchIn(t *testing.T, env string, args ...string) (stdout string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.star")
	if err := os.WriteFile(path, []byte(tinyProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), argsEnv+"="+strings.Join(append([]string{"bench", "-network", path, "-batch", "16", "-time", "20ms"}, args...), " "), env)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

func TestBench(t *testing.T) {
	for _, c := range []struct {
		name, env string
		args      []string
		precision string
	}{
		{"as a study trains", "A=", nil, "float32"},
		{"streamed in bfloat16", "LEMONADE_RESIDENT=0.0001", []string{"-precision", "bfloat16"}, "bfloat16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := benchIn(t, c.env, append(c.args, "-json")...)
			if err != nil {
				t.Fatal(err)
			}
			var list []benched
			if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
				t.Fatalf("%v:\n%s", err, out)
			}
			r := list[0]
			// 3×3×3×4 + 4 of the convolution, 4×10 + 10 of the dense layer.
			if r.Params != 162 || r.Batch != 16 || r.Precision != c.precision || !onCPU(r.Device) {
				t.Errorf("%+v", r)
			}
			for _, s := range []stepTime{r.Training, r.Inference} {
				if s.Steps < 5 || !(s.Low > 0 && s.Low <= s.Median && s.Median <= s.High) || s.Rate <= 0 || s.Busy == nil || *s.Busy <= 0 || *s.Busy > 1.05 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	if _, err := benchProgram("no-such"); err == nil || !strings.Contains(err.Error(), "plain, residual") || !strings.Contains(err.Error(), "file") {
		t.Errorf("an unknown network gave %v", err)
	}
}

func TestBenchTable(t *testing.T) {
	half := 0.5
	list := []benched{
		{Network: "plain", Params: 1234567, Batch: 128, Precision: "bfloat16", Device: "a card", Engine: "an engine", Date: "2026-01-31",
			Training: stepTime{Median: 1.2345, Low: 1, High: 2, Rate: 98765.4, Host: 0.1, Busy: &half}, Inference: stepTime{Median: 20}},
		{Network: "lstm", Params: 7, Batch: 64},
	}
	for _, c := range []struct {
		markdown bool
		want     string
	}{
		{true, `a card, an engine, bfloat16, 2026-01-31.

| network | parameters | batch | step | ms | quartiles | samples/s | host CPU, ms | busy |
|---|---|---|---|---|---|---|---|---|
| plain | 1,234,567 | 128 | training | 1.23 | 1–2 | 98,765 | 0.1 | 50 % |
| plain | 1,234,567 | 128 | inference | 20 | 0–0 | 0 | 0 | unknown |
| lstm | 7 | 64 | training | 0 | 0–0 | 0 | 0 | unknown |
| lstm | 7 | 64 | inference | 0 | 0–0 | 0 | 0 | unknown |
`},
		{false, `a card, an engine, bfloat16, 2026-01-31.

  network  parameters  batch       step    ms  quartiles  samples/s  host CPU, ms     busy
    plain   1,234,567    128   training  1.23        1–2     98,765           0.1     50 %
    plain   1,234,567    128  inference    20        0–0          0             0  unknown
     lstm           7     64   training     0        0–0          0             0  unknown
     lstm           7     64  inference     0        0–0          0             0  unknown
`},
	} {
		var out strings.Builder
		if err := writeBenched(&out, list, c.markdown); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("Markdown %v (-want +got)\n%s", c.markdown, diff)
		}
	}
}

func TestBenchNames(t *testing.T) {
	for _, c := range []struct {
		list string
		gpu  bool
		want int
	}{{"plain,lstm", true, 2}, {"all", false, 6}, {"all", true, 7}} {
		if got := benchNames(c.list, c.gpu); len(got) != c.want {
			t.Errorf("%s are %v, want %d", c.list, got, c.want)
		}
	}
}
