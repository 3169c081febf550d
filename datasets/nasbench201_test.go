package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
)

// TestNASBench201 pins the splits, with the first and last indices of the benchmark's
// own files.
func TestNASBench201(t *testing.T) {
	sum := sha256.Sum256(nasBench201Bits)
	if got, want := hex.EncodeToString(sum[:8]), "d20a72f6f9f3c9f3"; got != want {
		t.Errorf("the bits have the SHA-256 %s…, want %s…", got, want)
	}
	for name, c := range map[string]struct {
		d           *benchmark
		all, count  int
		first, last string
	}{
		"cifar10":        {nasBench201CIFAR10, 50000, 25000, "[1 2 3 4]", "[49996 49997 49998 49999]"},
		"cifar100":       {nasBench201CIFAR100, 10000, 5000, "[1 3 4 5]", "[9992 9996 9997 9999]"},
		"imagenet16-120": {nasBench201ImageNet, 6000, 3000, "[1 2 3 6]", "[5994 5997 5998 5999]"},
	} {
		var in []int
		for i := range c.all {
			if c.d.validates(i) {
				in = append(in, i)
			}
		}
		first, last := fmt.Sprint(in[:4]), fmt.Sprint(in[len(in)-4:])
		if len(in) != c.count || c.d.count() != c.count || len(c.d.set)*8 != c.all || first != c.first || last != c.last {
			t.Errorf("%s: %d of %d bytes, %s … %s, want %d, %s … %s", name, len(in), len(c.d.set), first, last, c.count, c.first, c.last)
		}
	}
}

// TestDivision checks which samples go where, on CIFAR-100, of whose test split half
// validate.
func TestDivision(t *testing.T) {
	needs(t, cifar100.folder)
	_, whole := open(t, "cifar100")
	_, s := open(t, "cifar100?split=nasbench201")
	if s.Train.Len() != 55000 || s.Test.Len() != 5000 || s.Validation != 5000 || s.Available() != 50000 {
		t.Fatalf("%d train, %d of them validate, %d test", s.Train.Len(), s.Validation, s.Test.Len())
	}
	const size = 32 * 32 * 3
	same := func(what string, a Split, i int, b Split, j int) {
		t.Helper()
		if a.Labels[i] != b.Labels[j] || string(a.Images[i*size:][:size]) != string(b.Images[j*size:][:size]) {
			t.Errorf("%s: sample %d is not sample %d as it was published", what, i, j)
		}
	}
	same("train", s.Train, 0, whole.Train, 0)
	same("train", s.Train, 49999, whole.Train, 49999)
	validate := s.Validate()
	if validate[0] != 50000 || validate[4999] != 54999 {
		t.Errorf("samples %d to %d validate", validate[0], validate[4999])
	}
	same("validation", s.Train, 50000, whole.Test, 1) // the file begins with 1, 3, 4, 5, 8
	same("validation", s.Train, 50004, whole.Test, 8)
	same("test", s.Test, 0, whole.Test, 0)
	same("test", s.Test, 1, whole.Test, 2)
}
