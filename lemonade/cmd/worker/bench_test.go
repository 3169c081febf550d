package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
		{"streamed, in bfloat16", "LEMONADE_RESIDENT=0.0001", []string{"-precision", "bfloat16"}, "bfloat16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := benchIn(t, c.env, append(c.args, "-json")...)
			if err != nil {
				t.Fatal(err)
			}
			var r benched
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
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
	out, err := benchIn(t, "A=")
	if err != nil || !strings.Contains(out, "162 parameters") || !strings.Contains(out, "training") || !strings.Contains(out, " %\n") {
		t.Errorf("%v:\n%s", err, out)
	}
	if _, err := benchProgram("no-such"); err == nil || !strings.Contains(err.Error(), "plain, residual") || !strings.Contains(err.Error(), "file") {
		t.Errorf("an unknown network gave %v", err)
	}
}
