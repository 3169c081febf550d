package lemonade_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A notebook cell that searches or plots must compile in about a second, so what
// it imports must not link GoMLX.
func TestSearcherDoesNotLinkGoMLX(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/lemo-nade/lemonade/lemonade", "github.com/lemo-nade/lemonade/kernelext").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "lemonade/arch") {
		t.Fatalf("not a list of packages: %.200s", out)
	}
	for _, p := range strings.Fields(string(out)) {
		if strings.HasPrefix(p, "github.com/gomlx/") || strings.HasPrefix(p, "github.com/lemo-nade/lemonade/lemonade/engine") {
			t.Errorf("%s is among the imports", p)
		}
	}
}
