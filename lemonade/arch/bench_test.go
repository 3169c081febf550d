package arch

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// layers100 has 100 convolutions in residual blocks.
const layers100 = `
def block(x, filters):
    h = relu(batch_norm(conv(x, filters, bias = False)))
    h = batch_norm(conv(h, filters, bias = False))
    return relu(x + h)

def network(x, classes):
    x = conv(x, 32)
    for _ in range(49):
        x = block(x, 32)
    x = conv(x, 64)
    return dense(global_avg_pool(x), classes)
`

func BenchmarkParse100Layers(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(layers100, Shape{32, 32, 3}, 10); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	p, err := Parse(layers100, Shape{32, 32, 3}, 10)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.Network.Hash()
	}
}

// TestSymmetryIsBounded parses networks with very many automorphisms, and some
// that are regular without them.
func TestSymmetryIsBounded(t *testing.T) {
	tree := []string{"vs = [dense(flatten(x), classes) for _ in range(256)]", "for _ in range(8):", "    vs = [vs[2 * i] + vs[2 * i + 1] for i in range(len(vs) // 2)]", "return vs[0]"}
	chain := []string{"x = dense(flatten(x), classes)", "for _ in range(300):", "    x = dense(x, classes) + dense(x, classes)", "return x"}
	// Circulant: each value is used with its neighbours on rings of two sizes.
	rings := []string{"vs = [dense(flatten(x), classes) for _ in range(60)]"}
	for _, step := range []int{1, 7, 11, 13} {
		rings = append(rings, fmt.Sprintf("vs = [relu(vs[i] * vs[(i + %d) %% 60]) for i in range(60)]", step))
	}
	rings = append(rings, "for _ in range(60):", "    vs = [vs[i] + vs[i + 1] for i in range(0, len(vs) - 1, 2)] + ([vs[-1]] if len(vs) % 2 else [])", "return vs[0]")
	// As many operations as are allowed, each line of the print a long one.
	full := []string{"vs = [conv(x, 8, (3, 1), stride = (2, 1), dilation = (1, 2), groups = 4, padding = \"valid\", bias = False, init = \"glorot_uniform\") for _ in range(997)]",
		"y = vs[0]", "for i in range(1, 990):", "    y = y + vs[i]", "return dense(flatten(y), classes)"}
	for name, lines := range map[string][]string{"tree": tree, "chain": chain, "rings": rings, "full": full} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			p := parse(t, body(lines...))
			elapsed := time.Since(start)
			t.Logf("%d nodes in %v", len(p.Network.Nodes), elapsed)
			if elapsed > 20*time.Second {
				t.Errorf("took %v", elapsed)
			}
			if err := p.Network.Validate(); err != nil {
				t.Error(err)
			}
			if again := parse(t, Print(p.Network, p.Recipe)); again.Network.Hash() != p.Network.Hash() {
				t.Error("printing changed the network")
			}
		})
	}
}

// TestRegularGraphs tells a ring of eight from two rings of four, which colours
// alone cannot, and knows each again under other names.
func TestRegularGraphs(t *testing.T) {
	ring := func(edges [][2]int, names []int) string {
		lines := []string{"vs = [dense(flatten(x), classes) for _ in range(8)]", "es = []"}
		for _, e := range edges {
			lines = append(lines, fmt.Sprintf("es.append(relu(vs[%d] * vs[%d]))", names[e[0]], names[e[1]]))
		}
		lines = append(lines, "for _ in range(3):", "    es = [es[2 * i] + es[2 * i + 1] for i in range(len(es) // 2)]", "return es[0]")
		return parse(t, body(lines...)).Network.Hash()
	}
	// Both sums pair edges that have no vertex in common.
	eight := [][2]int{{0, 1}, {4, 5}, {2, 3}, {6, 7}, {1, 2}, {5, 6}, {3, 4}, {7, 0}}
	fours := [][2]int{{0, 1}, {4, 5}, {2, 3}, {6, 7}, {1, 2}, {5, 6}, {3, 0}, {7, 4}}
	random := rng(1)
	names := []int{0, 1, 2, 3, 4, 5, 6, 7}
	a, b := ring(eight, names), ring(fours, names)
	if a == b {
		t.Error("one ring and two have one hash")
	}
	for range 20 {
		names = random.Perm(8)
		if ring(eight, names) != a || ring(fours, names) != b {
			t.Errorf("the hash depends on the names %v", names)
		}
	}
}

func TestParseInParallel(t *testing.T) {
	want := parse(t, body("x = conv(x, 8)", "return dense(flatten(x), classes)")).Network.Hash()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if got := parse(t, body("x = conv(x, 8)", "return dense(flatten(x), classes)")).Network.Hash(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				_, _ = Parse("import nn", small, 5)
			}
		})
	}
	wg.Wait()
}
