package lemonade

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/datasets"
)

func TestLadder(t *testing.T) {
	info := datasets.Info{Train: 1000, Validation: 100, ClassNames: make([]string, 10)}
	for _, c := range []struct {
		rungs           Rungs
		epochs, samples int
		want            []budget
		err             string
	}{
		{Rungs{}, 9, 300, nil, ""},
		{Rungs{Count: 1}, 9, 300, nil, ""},
		{Rungs{Count: 3}, 9, 300, []budget{{Epochs: 1, Samples: 300, Share: 1. / 9}, {Epochs: 3, Samples: 300, Share: 1. / 3}, {Epochs: 9, Samples: 300, Share: 1}}, ""},
		{Rungs{Count: 3, Least: 2}, 9, 0, []budget{{Epochs: 2, Share: 2. / 9}, {Epochs: 3, Share: 1. / 3}, {Epochs: 9, Share: 1}}, ""},
		{Rungs{Count: 3, Shrink: "samples"}, 2, 0, []budget{{Epochs: 2, Samples: 100, Share: 1. / 9}, {Epochs: 2, Samples: 300, Share: 1. / 3}, {Epochs: 2, Share: 1}}, ""},
		{Rungs{Count: 2, Reduction: 4, Shrink: "both"}, 6, 300, []budget{{Epochs: 3, Samples: 150, Share: 1. / 4}, {Epochs: 6, Samples: 300, Share: 1}}, ""},
		{Rungs{Count: 3}, 3, 300, nil, "two are alike, of 1 and 1 epochs"},
		{Rungs{Count: 4, Shrink: "samples"}, 3, 100, nil, "4 of 100 samples in the shortest training are fewer than the 10 classes"},
		{Rungs{Count: 11}, 9, 300, nil, "11 is not between 1 and 10"},
		{Rungs{Count: 2, Reduction: 1}, 9, 300, nil, "reduction of 1"},
		{Rungs{Count: 2, Shrink: "images"}, 9, 300, nil, `"images"`},
	} {
		got, err := c.rungs.ladder(c.epochs, c.samples, info)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.rungs, diff)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), "rungs: ") || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%+v: error %v, want one on the rungs with %q", c.rungs, err, c.err)
		}
	}
}
