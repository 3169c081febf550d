package propose

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// candidate is a program of the template that may be proposed.
type candidate struct {
	forecast.Sample
	taken map[string]string
}

// look returns the candidate with these choices, and whether it runs. What was parsed
// once is remembered: a search comes back to the same choices again and again.
func (t *space) look(taken map[string]string) (candidate, bool) {
	key := t.key(taken)
	parsed.Lock()
	s, ok := parsed.samples[key]
	parsed.Unlock()
	if !ok {
		s = t.describe(taken)
		parsed.Lock()
		if len(parsed.samples) >= rememberedPrograms {
			clear(parsed.samples)
		}
		parsed.samples[key] = s
		parsed.Unlock()
	}
	if s == nil {
		return candidate{}, false
	}
	return candidate{*s, takenOf(s.Choices)}, true
}

// describe parses the program with these choices, and keeps of it what a forecast looks
// at; nil where it does not run.
func (t *space) describe(taken map[string]string) *forecast.Sample {
	source, err := arch.Choose(t.r.Template, taken)
	if err != nil {
		return nil
	}
	p, err := arch.Parse(source, t.r.Task.Input, t.r.Task.Classes)
	if err != nil {
		return nil
	}
	if t.r.Recipe != nil {
		p.Recipe = *t.r.Recipe
	}
	s := forecast.Describe(p, "")
	return &s
}

// parsed are programs of templates, without their networks; nil where one does not run.
var parsed = struct {
	sync.Mutex
	samples map[string]*forecast.Sample
}{samples: map[string]*forecast.Sample{}}

const rememberedPrograms = 50_000

// key is what tells these choices of the template from all others.
func (t *space) key(taken map[string]string) string {
	if t.name == "" {
		h := fnv.New128a()
		fmt.Fprint(h, t.r.Template, t.r.Task.Input, t.r.Task.Classes, t.r.Recipe)
		t.name = string(h.Sum(nil))
	}
	key := []byte(t.name)
	for _, name := range slices.Sorted(maps.Keys(taken)) {
		key = append(append(append(append(key, name...), '='), taken[name]...), '\n')
	}
	return string(key)
}

func takenOf(choices []arch.Choice) map[string]string {
	return (&arch.Program{Choices: choices}).Taken()
}

// drawn is the candidate of choices that are taken at random.
func (t *space) drawn(rng *rand.Rand) (k candidate, ok bool) {
	err := t.takeAll(rng, func(taken map[string]string) ([]arch.Choice, error) {
		if k, ok = t.look(taken); !ok {
			return nil, errNoCandidate
		}
		return k.Choices, nil
	})
	return k, ok && err == nil
}

var errNoCandidate = errors.New("the template does not run with these choices")

// changed takes n choices otherwise, at random.
func (t *space) changed(choices []arch.Choice, n int, rng *rand.Rand) (candidate, bool) {
	taken := takenOf(choices)
	for range n {
		c := choices[rng.IntN(len(choices))]
		taken[c.Name] = c.Options[rng.IntN(len(c.Options))]
	}
	return t.look(taken)
}

// crossed takes each choice as one of two programs does.
func (t *space) crossed(a, b []arch.Choice, rng *rand.Rand) (candidate, bool) {
	taken, other := takenOf(a), takenOf(b)
	for _, c := range a {
		if v, ok := other[c.Name]; ok && rng.IntN(2) == 0 {
			taken[c.Name] = v
		}
	}
	return t.look(taken)
}

// regular are the programs in which all choices are alike, and those in which all but
// one are at their first option: among them are the smallest networks and the largest,
// which chance finds late.
func (t *space) regular() []candidate {
	var out []candidate
	add := func(pick func(i int, c arch.Choice) int) {
		taken := map[string]string{}
		for i, c := range t.start.Choices {
			taken[c.Name] = c.Options[pick(i, c)]
		}
		if k, ok := t.look(taken); ok {
			out = append(out, k)
		}
	}
	options := 0
	for _, c := range t.start.Choices {
		options = max(options, len(c.Options))
	}
	for o := range options {
		add(func(_ int, c arch.Choice) int { return min(o, len(c.Options)-1) })
	}
	for i, c := range t.start.Choices {
		for o := 1; o < len(c.Options) && len(out) < regulars; o++ {
			add(func(j int, _ arch.Choice) int {
				if i == j {
					return o
				}
				return 0
			})
		}
	}
	return out
}

// How many candidates there are of each kind, in a round. Random draws stay for some
// rounds: they need not be parsed again.
const (
	regulars   = 40
	drawsRound = 12
	drawRounds = 16
	changes    = 32
	crosses    = 8
)

// candidates are those of this round: regular ones, random draws of the latest rounds,
// and children of the front.
func (t *space) candidates(front trial.History) []candidate {
	all := t.regular()
	add := func(k candidate, ok bool) {
		if ok {
			all = append(all, k)
		}
	}
	for round := max(1, t.r.Trial-drawRounds+1); round <= t.r.Trial; round++ {
		earlier := Request{Seed: t.r.Seed, Trial: round}
		rng := earlier.rand("draws")
		for range drawsRound {
			add(t.drawn(rng))
		}
	}
	if len(front) > 0 {
		rng := t.r.rand("children")
		any := func() []arch.Choice { return front[rng.IntN(len(front))].Program.Choices }
		for range changes {
			add(t.changed(any(), 1+rng.IntN(2), rng))
		}
		for range crosses {
			add(t.crossed(any(), any(), rng))
		}
	}
	return t.worthwhile(all)
}

// worthwhile leaves out what was tried, what breaks a limit of its costs, what cannot
// learn, and the same network under other choices.
func (t *space) worthwhile(all []candidate) []candidate {
	type identity struct {
		hash   string
		recipe arch.Recipe
	}
	seen := map[identity]bool{}
	for _, h := range t.r.History {
		if h.Program != nil {
			seen[identity{hashOf(&h), h.Program.Recipe}] = true
		}
	}
	var out []candidate
	for _, k := range all {
		id := identity{k.Hash, k.Recipe}
		if seen[id] || !k.Learns() || t.r.Objective.Infeasible(trial.Static(k.Costs)) != "" {
			continue
		}
		seen[id] = true
		out = append(out, k)
	}
	return out
}

// plainest returns the program of the same network and recipe in which the choices are
// as early as they can be: what is chosen for a branch that leads nowhere costs time
// in runtimes that do not see through it, and reads as if it mattered.
func (t *space) plainest(k candidate) candidate {
	for _, c := range slices.Clone(k.Choices) {
		for _, option := range c.Options[:c.Taken] {
			taken := takenOf(k.Choices)
			taken[c.Name] = option
			if other, ok := t.look(taken); ok && other.Hash == k.Hash && other.Recipe == k.Recipe {
				k = other
				break
			}
		}
	}
	return k
}
