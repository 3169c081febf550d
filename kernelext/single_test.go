package kernelext

import (
	"bytes"
	"strings"
	"testing"
)

func TestChart(t *testing.T) {
	v := fake(t)
	for _, c := range v.plots() {
		var b bytes.Buffer
		if err := showChart(&b, v, c.Name); err != nil || !strings.Contains(b.String(), c.Title) {
			t.Errorf("%s: %v\n%s", c.Name, err, b.String())
		}
	}
	var b bytes.Buffer
	if err := showChart(&b, v, "effect"); err == nil || !strings.Contains(err.Error(), `"effect"`) || !strings.Contains(err.Error(), "effects") {
		t.Errorf("a chart that is not there: %v", err)
	}
	v.Trials = nil
	if err := showChart(&b, v, "curves"); err == nil {
		t.Error("a chart of no trials")
	}
}
