package baseline

import (
	"strings"
	"testing"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// TestPrograms holds that every baseline suits images of all sizes that there are,
// and texts, in any number of classes.
func TestPrograms(t *testing.T) {
	for _, in := range []arch.Input{
		arch.Shape{4, 4, 1}, arch.Shape{8, 8, 1}, arch.Shape{16, 16, 3}, arch.Shape{28, 28, 1}, arch.Shape{32, 32, 3}, arch.Shape{33, 47, 3},
		arch.Shape{64, 64, 3}, arch.Tokens{Length: 8, Vocabulary: 50}, arch.Tokens{Length: 256, Vocabulary: 20_000},
	} {
		programs, err := For(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range programs {
			for _, classes := range []int{2, 10, 120} {
				got, err := arch.Parse(p.Source, in, classes)
				if err != nil {
					t.Errorf("%s on %s in %d classes: %v", p.Name, in, classes, err)
					continue
				}
				if want := arch.RecipeFor(in); got.Recipe != want {
					t.Errorf("%s names a recipe %+v, want none", p.Name, got.Recipe)
				}
			}
		}
	}
	for _, in := range []arch.Input{arch.Shape{3, 3, 1}, arch.Shape{20}, arch.Shape{50, 8}} {
		if p, err := For(in); err == nil {
			t.Errorf("%s has %d programs, want an error", in, len(p))
		}
	}
}

// TestResNet20 holds the network against the paper that it is from: on CIFAR-10 it has
// 0.27 M parameters and 20 layers with weights (He et al. 2016, table 6), and about
// 41 M multiply-accumulates, which follow from its shapes.
func TestResNet20(t *testing.T) {
	p, err := arch.Parse(resnet20, arch.Shape{32, 32, 3}, 10)
	if err != nil {
		t.Fatal(err)
	}
	layers := 0
	for _, node := range p.Network.Nodes {
		if node.Op == "conv" || node.Op == "dense" {
			layers++
		}
	}
	// 267,696 of convolutions, 1,376 of batch norms and 650 of the last layer.
	if costs := p.Network.Costs(); costs.Params != 269_722 || layers != 20 || costs.MACs/100_000 != 405 {
		t.Errorf("%d parameters, %d MACs, %d layers", costs.Params, costs.MACs, layers)
	}
}

func TestNamed(t *testing.T) {
	two, err := Named(forImages, "cnn", "resnet20")
	if err != nil || len(two) != 2 || two[0].Name != "cnn" || two[1].Name != "resnet20" {
		t.Errorf("%v, %v", two, err)
	}
	if all, err := Named(forTexts); err != nil || len(all) != len(forTexts) {
		t.Errorf("without a name: %v, %v", all, err)
	}
	if _, err := Named(forTexts, "cnn"); err == nil || !strings.Contains(err.Error(), "bag, textcnn") {
		t.Errorf("an unknown one: %v", err)
	}
}
