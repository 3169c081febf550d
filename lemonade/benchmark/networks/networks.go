// Package networks has the fixed networks by which the engine's speed is told: each
// a page of Starlark with the samples it reads and the batch it is timed at. Their
// peers in other frameworks are in lemonade/cmd/peers.
package networks

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Network is one network of the set.
type Network struct {
	Name    string
	About   string // what it is there for
	Input   arch.Input
	Classes int
	Large   bool // for GPUs: a step takes many seconds on a few processor cores
}

var image = arch.Shape{32, 32, 3}

// All are the networks of the set.
var All = []Network{
	{Name: "plain", About: "five convolutions of 3×3 with batch norm", Input: image, Classes: 10},
	{Name: "residual", About: "a ResNet of six blocks", Input: image, Classes: 10},
	{Name: "separable", About: "depthwise and 1×1 convolutions in turn, as MobileNet", Input: image, Classes: 10},
	{Name: "squeeze", About: "residual blocks with squeeze and excite", Input: image, Classes: 10},
	{Name: "transformer", About: "four encoders on patches of 4×4", Input: image, Classes: 10},
	{Name: "lstm", About: "one layer over texts of 256 tokens", Input: arch.Tokens{Length: 256, Vocabulary: 10_000}, Classes: 2},
	{Name: "airbench", About: "airbench94's layers (Jordan 2024), first convolution trained too", Input: image, Classes: 10, Large: true},
}

//go:embed *.star
var sources embed.FS

// Names lists the networks.
func Names() []string {
	var names []string
	for _, n := range All {
		names = append(names, n.Name)
	}
	return names
}

// Find returns the network of that name.
func Find(name string) (Network, error) {
	i := slices.IndexFunc(All, func(n Network) bool { return n.Name == name })
	if i < 0 {
		return Network{}, fmt.Errorf("there is no network %q: use one of %s", name, strings.Join(Names(), ", "))
	}
	return All[i], nil
}

// Source is the network's architecture program.
func (n Network) Source() string {
	text, err := sources.ReadFile(n.Name + ".star")
	if err != nil {
		panic(err) // a file of this package is missing
	}
	return string(text)
}

// Program is the network with its recipe.
func (n Network) Program() (*arch.Program, error) {
	p, err := arch.Parse(n.Source(), n.Input, n.Classes)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", n.Name, err)
	}
	return p, nil
}
