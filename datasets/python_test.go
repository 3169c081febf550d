package datasets

import (
	"cmp"
	"os"
	"os/exec"
	"testing"
)

// python runs one of the scripts in testdata, or skips where there is no Python with
// numpy and Pillow.
func python(t testing.TB, script string, args ...string) {
	t.Helper()
	with := cmp.Or(os.Getenv("LEMONADE_TEST_PYTHON"), "python3")
	if out, err := exec.Command(with, "-c", "import numpy, PIL").CombinedOutput(); err != nil {
		if with != "python3" {
			t.Fatalf("LEMONADE_TEST_PYTHON is %s, which has no numpy and Pillow: %v\n%s", with, err, out)
		}
		t.Skipf("%s has no numpy and Pillow to write files with: %v\n%s\nLEMONADE_TEST_PYTHON names a Python that has them", with, err, out)
	}
	if out, err := exec.Command(with, append([]string{"testdata/" + script}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
