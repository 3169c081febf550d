package networks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Parameters counted by hand from the papers' layers.
func TestParameters(t *testing.T) {
	want := map[string]int64{}
	got := map[string]int64{}
	for _, n := range All {
		p, err := n.Program()
		if err != nil {
			t.Fatal(err)
		}
		got[n.Name] = p.Network.Costs().Params
		t.Log(n.Name, p.Network.Costs(), p.Recipe)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
