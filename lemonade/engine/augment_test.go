package engine

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// picture is an image on the host, normalised.
type picture struct {
	h, w   int
	values []float64 // h w 2
}

// made is a picture of which each pixel comes from another, or is 0.
func (p picture) made(from func(y, x int) (int, int)) picture {
	out := picture{h: p.h, w: p.w}
	for y := range p.h {
		for x := range p.w {
			pixel := []float64{0, 0}
			if sy, sx := from(y, x); sy >= 0 && sy < p.h && sx >= 0 && sx < p.w {
				pixel = p.values[(sy*p.w+sx)*2:][:2]
			}
			out.values = append(out.values, pixel...)
		}
	}
	return out
}

// versions are all that an augmentation can make of pictures.
func versions(all []picture, a augmentation) []picture {
	each := func(f func(p picture) []picture) {
		var out []picture
		for _, p := range all {
			out = append(out, f(p)...)
		}
		all = out
	}
	if a.flip {
		each(func(p picture) []picture {
			return []picture{p, p.made(func(y, x int) (int, int) { return y, p.w - 1 - x })}
		})
	}
	each(func(p picture) (out []picture) {
		for dy := -a.crop; dy <= a.crop; dy++ {
			for dx := -a.crop; dx <= a.crop; dx++ {
				out = append(out, p.made(func(y, x int) (int, int) { return y + dy, x + dx }))
			}
		}
		return out
	})
	if a.turn {
		each(func(p picture) []picture {
			out := []picture{p}
			for range 3 {
				out = append(out, out[len(out)-1].made(func(y, x int) (int, int) { return x, p.w - 1 - y }))
			}
			return out
		})
	}
	if a.cutout > 0 {
		each(func(p picture) (out []picture) {
			for top := -(a.cutout / 2); top < p.h-a.cutout/2; top++ {
				for left := -(a.cutout / 2); left < p.w-a.cutout/2; left++ {
					out = append(out, p.made(func(y, x int) (int, int) {
						if y >= top && y < top+a.cutout && x >= left && x < left+a.cutout {
							return -1, -1
						}
						return y, x
					}))
				}
			}
			return out
		})
	}
	return all
}

// pictures puts three pictures on the device, and returns them.
func pictures(t *testing.T, h, w int) (*resident, *model.Store, []picture) {
	t.Helper()
	s := &samples{shape: []int{h, w, 2}, mean: []float32{0.2, 0.5}, std: []float32{0.5, 0.25}, labels: []int32{0, 1, 2}, fit: 3}
	var all []picture
	for range 3 {
		p := picture{h: h, w: w}
		for at := range h * w * 2 {
			s.values = append(s.values, byte(37*len(s.values)+11))
			p.values = append(p.values, (float64(s.values[len(s.values)-1])/255-float64(s.mean[at%2]))/float64(s.std[at%2]))
		}
		all = append(all, p)
	}
	weights, err := newWeights(parse(t, "def network(x, classes):\n    return dense(flatten(x), classes)\n", arch.Shape{h, w, 2}, 3).Network, 1, dtypes.Float32)
	if err != nil {
		t.Fatal(err)
	}
	data, err := testEngine(t).upload(weights.store, s, 0)
	if err != nil {
		t.Fatal(err)
	}
	return data, weights.store, all
}

// TestAugmentation compares every augmented image with all that its sample can
// become, and demands that all of it occurs.
func TestAugmentation(t *testing.T) {
	// key tells values apart that differ by more than rounding.
	key := func(sample int, values []float64) string {
		b := []byte{byte(sample)}
		for _, v := range values {
			n := int(math.Round(v * 1000))
			b = append(b, byte(n>>8), byte(n))
		}
		return string(b)
	}
	for _, c := range []struct {
		h, w, ways int // ways counts what can become of one sample
		augmentation
	}{
		{3, 4, 1, augmentation{}},
		{3, 4, 2, augmentation{flip: true}},
		{3, 4, 9, augmentation{crop: 1}},
		{3, 4, 18, augmentation{flip: true, crop: 1}},
		{4, 4, 4, augmentation{turn: true}},
		{3, 3, 8, augmentation{turn: true, flip: true}},
		{3, 3, 72, augmentation{turn: true, flip: true, crop: 1}},
		{3, 4, 12, augmentation{cutout: 1}},
		{5, 4, 20, augmentation{cutout: 2}},
		{6, 7, 42, augmentation{cutout: 3}},
		{4, 6, 48, augmentation{flip: true, cutout: 2}},
		{4, 4, 1008, augmentation{turn: true, flip: true, crop: 1, cutout: 2}}, // 144 cut only what a move had uncovered
	} {
		t.Run(fmt.Sprintf("%+v", c.augmentation), func(t *testing.T) {
			data, store, all := pictures(t, c.h, c.w)
			possible := map[string]bool{}
			for k, p := range all {
				for _, v := range versions([]picture{p}, c.augmentation) {
					possible[key(k, v.values)] = true
				}
			}
			if len(possible) != 3*c.ways {
				t.Errorf("there are %d versions of 3 samples; want %d", len(possible), 3*c.ways)
			}
			indices := make([]int32, 20*len(possible)+200)
			for k := range indices {
				indices[k] = int32(k % 3)
			}
			got := runGraph(t, store, func(g *Graph) *Node {
				b := &graphBuilder{g: g, random: RNGStateFromSeedForGraph(g, 3)}
				return data.augmented(b, Const(g, indices), c.augmentation)
			})
			seen := map[string]bool{}
			k := 0
			for values := range slices.Chunk(got, c.h*c.w*2) {
				at := key(k%3, values)
				if !possible[at] {
					t.Fatalf("image %d is no version of its sample: %v", k, values)
				}
				seen[at] = true
				k++
			}
			if len(seen) != len(possible) || k != len(indices) {
				t.Errorf("%d of %d versions occur in %d images", len(seen), len(possible), k)
			}
		})
	}
}

// TestMixup compares mixed images, the loss and its gradient with what the host
// makes of them and of the shares.
func TestMixup(t *testing.T) {
	const h, w, batch, classes, smoothing = 2, 3, 5, 3, 0.2
	data, store, all := pictures(t, h, w)
	indices := []int32{2, 0, 1, 0, 2}
	scores := [][]float32{{1, 2, 3}, {0, 0, 5}, {-1, 0.5, 0.25}, {2, -3, 0}, {0.1, 0.2, 0.3}}
	got := runGraph(t, store, func(g *Graph) *Node {
		b := &graphBuilder{g: g, random: RNGStateFromSeedForGraph(g, 3)}
		at, logits := Const(g, indices), Const(g, scores)
		m := augmentation{mixup: 1}.mixing(b, batch)
		loss := m.mean(data.labelsOf(at), func(labels *Node) *Node { return crossEntropy(logits, labels, smoothing) })
		accuracy := m.mean(data.labelsOf(at), func(labels *Node) *Node { return right(logits, labels) })
		gradient := Gradient(ReduceAllSum(loss), logits)[0]
		images := m.images(data.plain(at))
		return Concatenate([]*Node{m.share, Reshape(images, -1), loss, accuracy, Reshape(gradient, -1)}, 0)
	})
	share, want := got[:batch], slices.Clone(got[:batch])
	other := func(k int) (int32, int32) { return indices[k], indices[(k+1)%batch] }
	for k := range batch {
		a, b := other(k)
		for at := range all[a].values {
			want = append(want, share[k]*all[a].values[at]+(1-share[k])*all[b].values[at])
		}
	}
	var losses, accuracies, gradients []float64
	for k, row := range scores {
		total := 0.0
		for _, v := range row {
			total += math.Exp(float64(v))
		}
		target := slices.Repeat([]float64{smoothing / classes}, classes)
		a, b := other(k) // which are the labels too
		target[a] += (1 - smoothing) * share[k]
		target[b] += (1 - smoothing) * (1 - share[k])
		loss, accuracy := 0.0, 0.0
		for c, v := range row {
			loss -= target[c] * (float64(v) - math.Log(total))
			gradients = append(gradients, math.Exp(float64(v))/total-target[c])
			if v == slices.Max(row) && int32(c) == a {
				accuracy += share[k]
			}
			if v == slices.Max(row) && int32(c) == b {
				accuracy += 1 - share[k]
			}
		}
		losses, accuracies = append(losses, loss), append(accuracies, accuracy)
	}
	want = slices.Concat(want, losses, accuracies, gradients)
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-5)); d != "" {
		t.Errorf("shares, images, losses, accuracies and gradients (-host +device):\n%s", d)
	}
	slices.Sort(share)
	if len(slices.Compact(share)) != batch {
		t.Errorf("shares %v; want one for each sample", share)
	}
}

// TestSymmetricBeta compares the moments of the shares with those of the Beta
// distribution, and all of their distribution where its function is elementary.
func TestSymmetricBeta(t *testing.T) {
	const n = 50_000
	functions := map[float64]func(x float64) float64{
		0.5: func(x float64) float64 { return 2 / math.Pi * math.Asin(math.Sqrt(x)) },
		1:   func(x float64) float64 { return x },
	}
	for _, a := range []float64{0.05, 0.2, 0.5, 1} {
		shares := runGraph(t, model.NewStore(), func(g *Graph) *Node {
			return (&graphBuilder{g: g, random: RNGStateFromSeedForGraph(g, 3)}).symmetricBeta(a, n)
		})
		slices.Sort(shares)
		if !(shares[0] >= 0 && shares[n-1] <= 1) {
			t.Errorf("%v: shares from %v to %v", a, shares[0], shares[n-1])
		}
		moment := func(power int) float64 {
			m := 1.0
			for i := range power {
				m *= (a + float64(i)) / (2*a + float64(i))
			}
			return m
		}
		for power := 1; power <= 4; power++ {
			mean := 0.0
			for _, x := range shares {
				mean += math.Pow(x, float64(power)) / n
			}
			deviation := math.Sqrt((moment(2*power) - moment(power)*moment(power)) / n)
			if math.Abs(mean-moment(power)) > 5*deviation {
				t.Errorf("%v: moment %d is %.4f; want %.4f within %.4f", a, power, mean, moment(power), 5*deviation)
			}
		}
		if f := functions[a]; f != nil {
			worst := 0.0
			for k, x := range shares {
				worst = max(worst, math.Abs(f(x)-(float64(k)+0.5)/n))
			}
			if bound := 2 / math.Sqrt(n); worst > bound { // Kolmogorov's, at 0.07 %
				t.Errorf("%v: the distribution is off by %.4f; want at most %.4f", a, worst, bound)
			}
		}
	}
}

// TestSuitable checks what of a recipe's augmentation a training leaves out.
func TestSuitable(t *testing.T) {
	all := arch.DefaultRecipe
	all.Flip, all.Turn, all.Crop, all.Cutout, all.Mixup = true, true, 2, 3, 0.4
	set := func(a datasets.Augment) *datasets.Set { return &datasets.Set{Info: datasets.Info{Augment: a}} }
	for _, c := range []struct {
		what  string
		set   *datasets.Set
		shape []int
		want  augmentation
	}{
		{"no set", nil, []int{8, 8, 1}, augmentation{flip: true, turn: true, crop: 2, cutout: 3, mixup: 0.4}},
		{"all suits", set(datasets.Augment{Flip: true, Turn: true}), []int{8, 8, 1}, augmentation{flip: true, turn: true, crop: 2, cutout: 3, mixup: 0.4}},
		{"has an up", set(datasets.Augment{Flip: true}), []int{8, 8, 1}, augmentation{flip: true, crop: 2, cutout: 3, mixup: 0.4}},
		{"not square", set(datasets.Augment{Turn: true}), []int{8, 9, 1}, augmentation{crop: 2, cutout: 3, mixup: 0.4}},
		{"text", set(datasets.Augment{}), []int{8}, augmentation{}},
	} {
		s := &samples{shape: c.shape}
		if len(c.shape) == 1 {
			s.vocabulary = 9
		}
		got := (&Job{Recipe: all, Set: c.set}).augmentation(s)
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(augmentation{})); d != "" {
			t.Errorf("%s: %s", c.what, d)
		}
	}
}
