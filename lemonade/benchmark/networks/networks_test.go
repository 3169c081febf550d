package networks

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParameters counts the parameters layer by layer: convolutions of k×k as k·k·in·out,
// batch norms as 2 a channel.
func TestParameters(t *testing.T) {
	norm := func(channels int64) int64 { return 2 * channels }
	dense := func(in, out int64) int64 { return in*out + out }
	separable := func(in, out int64) int64 { return 9*in + norm(in) + in*out + norm(out) }
	squeeze := func(in, c int64) int64 { return 9*in*c + 9*c*c + 2*norm(c) + dense(c, c/4) + dense(c/4, c) }
	encoder := 2*norm(96) + 4*dense(96, 96) + dense(96, 192) + dense(192, 96)
	airbench := func(in, c int64) int64 { return 9*in*c + 9*c*c + 2*norm(c) }
	want := map[string]int64{
		"plain":       9*(3*32+32*32+32*64+64*64+64*128) + norm(32+32+64+64+128) + dense(128, 10),
		"residual":    9*(3*16+4*16*16+16*32+3*32*32+32*64+3*64*64) + norm(16*5+32*4+64*4) + 16*32 + norm(32) + 32*64 + norm(64) + dense(64, 10),
		"separable":   9*3*32 + norm(32) + separable(32, 64) + separable(64, 128) + separable(128, 128) + separable(128, 256) + separable(256, 256) + dense(256, 10),
		"squeeze":     squeeze(3, 32) + squeeze(32, 64) + squeeze(64, 128) + dense(128, 10),
		"transformer": dense(4*4*3, 96) + 64*96 + 4*encoder + norm(96) + dense(96, 10),
		"lstm":        10_000*64 + 64*4*128 + 128*4*128 + 4*128 + dense(128, 2),
		"airbench":    dense(2*2*3, 24) + airbench(24, 64) + airbench(64, 256) + airbench(256, 256) + 256*10,
	}
	got := map[string]int64{}
	for _, n := range All {
		p, err := n.Program()
		if err != nil {
			t.Fatal(err)
		}
		got[n.Name] = p.Network.Costs().Params
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
