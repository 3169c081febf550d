package device

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

func TestBoards(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range Boards() {
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(b.Name) || seen[b.Name] {
			t.Errorf("name %q", b.Name)
		}
		seen[b.Name] = true
		if b.Title == "" || b.Runtime == "" || b.Peak <= 0 || b.Bandwidth <= 0 || b.Cache <= 0 || b.Memory <= 0 {
			t.Errorf("%s: a figure is missing: %+v", b.Name, b)
		}
		for _, s := range b.Sources {
			if !regexp.MustCompile(`https://\S+ \(20\d\d\)$`).MatchString(s) {
				t.Errorf("%s: source %q has no address and year", b.Name, s)
			}
		}
		if len(b.Sources) == 0 || (b.Checked == "") != (len(b.checks) == 0) {
			t.Errorf("%s: sources %v, checked %q", b.Name, b.Sources, b.Checked)
		}
		for k, share := range b.share {
			if share <= 0 || share > 1 {
				t.Errorf("%s: kind %d reaches %g of the peak", b.Name, k, share)
			}
		}
		if _, checked := b.check(trial.InferenceEnergy); checked != (b.Power > 0) || checked != (b.otherPower > 0) {
			t.Errorf("%s: power %g W and %g W; it is known where energy is checked", b.Name, b.Power, b.otherPower)
		}
		got, err := Lookup(b.Name)
		if err != nil || got.Name != b.Name {
			t.Errorf("Lookup(%q): %v, %v", b.Name, got.Name, err)
		}
	}
}

func TestLookupUnknown(t *testing.T) {
	for name, want := range map[string]string{
		"Raspberry-Pi-5": "did you mean raspberry-pi-5? ",
		"rasberry-pi-4":  "did you mean raspberry-pi-4? ",
		"pixel3":         "did you mean pixel-3? ",
		"jetson-nano":    `board "jetson-nano" is not known; the boards are raspberry-pi-5, `,
		"":               "the boards are raspberry-pi-5, ",
	} {
		_, err := Lookup(name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "pixel-3") {
			t.Errorf("Lookup(%q): %v; want %q", name, err, want)
		}
	}
}

// network parses the body of a program's network.
func network(t testing.TB, input arch.Input, body string) *arch.Network {
	t.Helper()
	p, err := arch.Parse("def network(x, classes):\n    "+strings.ReplaceAll(body, "\n", "\n    "), input, 10)
	if err != nil {
		t.Fatal(err)
	}
	return p.Network
}

func TestFused(t *testing.T) {
	const spatialConv, head = "x = conv(x, 8, kernel = 3)\n", "\nreturn dense(global_avg_pool(x), classes)"
	for _, test := range []struct {
		name, body string
		alone      string // kinds of the operations where each activation runs alone
		fused      string // where it is fused
	}{
		{"folded and fused", spatialConv + "x = relu(batch_norm(x))" + head, "s e p m", "s p m"},
		{"activation first", "x = batch_norm(conv(relu(x), 8, kernel = 1))" + head, "e m p m", "e m p m"},
		{"convolution used twice", spatialConv + "x = batch_norm(x) + x" + head, "s e e p m", "s e e p m"},
		{"norm used twice", spatialConv + "y = batch_norm(x)\nx = relu(y) + y" + head, "s e e p m", "s e e p m"},
		{"two activations", spatialConv + "x = relu(sigmoid(relu(x)))" + head, "s e e e p m", "s e e p m"},
		{"dropout and flatten are nothing", spatialConv + "x = relu(dropout(x))\nreturn dense(flatten(x), classes)", "s e m", "s m"},
		{"dropout of a value that is used twice", spatialConv + "x = relu(dropout(x)) + x" + head, "s e e p m", "s e e p m"},
		{"groups", "x = depthwise_conv(x)" + head, "g p m", "g p m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := network(t, arch.Shape{8, 8, 4}, test.body)
			for activations, want := range map[bool]string{false: test.alone, true: test.fused} {
				var got []string
				fused(n, activations, func(w work) { got = append(got, string("smgpe"[w.kind])) })
				if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
					t.Errorf("activations fused: %v (-want +got):\n%s", activations, diff)
				}
			}
		})
	}
}

func TestWork(t *testing.T) {
	n := network(t, arch.Shape{8, 8, 4}, "x = conv(x, 6, kernel = 3, bias = False)\nreturn dense(flatten(max_pool(x, 2)), classes, bias = False)")
	want := []work{
		{kind: spatial, ops: 2 * 8 * 8 * 6 * 9 * 4, weights: 4 * 9 * 4 * 6, tensors: 4 * (8*8*4 + 8*8*6), checked: true},
		{kind: pooling, ops: 4 * 4 * 6 * 4, tensors: 4 * (8*8*6 + 4*4*6)},
		{kind: pointwise, ops: 2 * 96 * 10, weights: 4 * 96 * 10, tensors: 4 * (96 + 10), checked: true},
	}
	checkWork(t, n, want)
}

// An embedding reads the rows of its tokens, and a recurrent layer its recurrent
// kernel at every step.
func TestWorkOfText(t *testing.T) {
	n := network(t, arch.Tokens{Length: 16, Vocabulary: 1000}, "x = max_pool1d(relu(conv1d(embedding(x, 8), 6, bias = False)))\nreturn dense(gru(x, 4, sequences = False, bias = False), classes, bias = False)")
	checkWork(t, n, []work{
		{kind: elementwise, ops: 16 * 8, weights: 4 * 16 * 8, tensors: 4 * (16 + 16*8)},
		{kind: spatial, ops: 2 * 16 * 3 * 8 * 6, weights: 4 * 3 * 8 * 6, tensors: 4 * (16*8 + 16*6)},
		{kind: pooling, ops: 8 * 6 * 2, tensors: 4 * (16*6 + 8*6)},
		{kind: pointwise, ops: 2 * 8 * (6 + 4) * 12, weights: 4 * (6*12 + 8*4*12), tensors: 4 * (8*6 + 4)},
		{kind: pointwise, ops: 2 * 4 * 10, weights: 4 * 4 * 10, tensors: 4 * (4 + 10), checked: true},
	})
}

func checkWork(t *testing.T, n *arch.Network, want []work) {
	t.Helper()
	var got []work
	fused(n, true, func(w work) { got = append(got, w) })
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(work{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRoofs checks each term of the time on its own.
func TestRoofs(t *testing.T) {
	n := network(t, arch.Shape{8, 8, 4}, "return dense(flatten(x), classes, bias = False)")
	const ops, weights, tensors = 2 * 256 * 10, 4 * 256 * 10, 4 * (256 + 10)
	fast := [kinds]float64{1, 1, 1, 1, 1}
	for _, test := range []struct {
		name  string
		board Board
		want  float64 // µs
	}{
		{"arithmetic", Board{Peak: 1e-3, Bandwidth: 1e6, Cache: 1 << 20, model: model{share: fast}}, ops},
		{"half the peak", Board{Peak: 1e-3, Bandwidth: 1e6, Cache: 1 << 20, model: model{share: [kinds]float64{pointwise: 0.5}}}, 2 * ops},
		{"weights", Board{Peak: 1e6, Bandwidth: 1e-3, Cache: 1 << 20, model: model{share: fast}}, weights / stream},
		{"tensors beyond the cache", Board{Peak: 1e6, Bandwidth: 1e-3, Cache: 1 << 10, model: model{share: fast}}, (weights + tensors) / stream},
		{"overhead", Board{Peak: 1e6, Bandwidth: 1e6, Cache: 1 << 20, model: model{share: fast, overhead: 1e6}}, 1e6},
	} {
		if got := 1e6 * test.board.time(n).total(); got < 0.999*test.want || got > 1.001*test.want {
			t.Errorf("%s: %g µs, want %g", test.name, got, test.want)
		}
	}
}

func TestPredict(t *testing.T) {
	seed := func(input arch.Shape) *arch.Network {
		p, err := arch.Parse(arch.Seed(input, 10), input, 10)
		if err != nil {
			t.Fatal(err)
		}
		return p.Network
	}
	convs := network(t, arch.Shape{32, 32, 3}, "x = relu(batch_norm(conv(x, 16)))\nreturn dense(global_avg_pool(x), classes)")
	for _, test := range []struct {
		board   string
		network *arch.Network
		energy  bool
		wide    bool
		quality string
	}{
		{"raspberry-pi-5", convs, true, false, ""},
		{"raspberry-pi-5-torchmobile", convs, true, false, ""},
		{"pixel-6a", convs, false, false, ""},
		{"raspberry-pi-4-litert", convs, false, true, "the board is unchecked: the band is wide"},
		{"raspberry-pi-5", network(t, arch.Shape{32, 32, 8}, "return dense(global_avg_pool(depthwise_conv(x)), classes)"), true, true, "of the time is in operations or sizes that the board was not checked on: the band is wide"},
		{"raspberry-pi-5", seed(arch.Shape{64}), true, true, "100 % of the time is in operations or sizes that"}, // waits for its weights
	} {
		b, err := Lookup(test.board)
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.Predict(test.network)
		if err != nil {
			t.Fatal(err)
		}
		latency, joules := m[trial.Latency.On(b.Name)], m[trial.InferenceEnergy.On(b.Name)]
		if len(m) != 1+count(test.energy) || (joules.Value > 0) != test.energy {
			t.Errorf("%s: %v", b.Name, m)
		}
		if latency.Unit != "ms" || latency.Method != trial.MethodPredicted || latency.Spread != nil || !(latency.Value > 0) ||
			!(*latency.Low < latency.Value && latency.Value < *latency.High) ||
			(*latency.High == wide[1]*latency.Value) != test.wide || !strings.Contains(latency.Quality, test.quality) || (test.quality == "") != (latency.Quality == "") ||
			!strings.HasPrefix(latency.Note, b.Title+", "+b.Runtime+", one core: ") {
			t.Errorf("%s: %+v", b.Name, latency)
		}
		if test.energy && (joules.Unit != "J" || joules.Value < 1e-3*latency.Value*0.8 || joules.Value > 1e-3*latency.Value*1.8) {
			t.Errorf("%s: %g J in %g ms", b.Name, joules.Value, latency.Value)
		}
		for metric := range m {
			if info, ok := metric.Info(); !ok || !info.Static || info.Unit != m[metric].Unit {
				t.Errorf("%s: %+v", metric, info)
			}
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestMemory(t *testing.T) {
	large := network(t, arch.Shape{12_000}, "return dense(relu(dense(x, 12000)), classes)")
	for name, fits := range map[string]bool{"raspberry-pi-5": true, "raspberry-pi-4": false, "pixel-6a": true} {
		b, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.Predict(large)
		if fits != (err == nil) || fits != (m != nil) || !fits && (!errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "1.1 GiB")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	board, err := Lookup("raspberry-pi-5")
	if err != nil {
		b.Fatal(err)
	}
	cell, err := parseCell("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|")
	if err != nil {
		b.Fatal(err)
	}
	p, err := arch.Parse(nasbench201(cell, false), arch.Shape{32, 32, 3}, 10)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(p.Network.Nodes)), "nodes")
	for b.Loop() {
		if _, err := board.Predict(p.Network); err != nil {
			b.Fatal(err)
		}
	}
}
