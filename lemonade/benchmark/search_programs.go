package benchmark

import (
	"sync"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// programs parses each program once for all searches: they propose the same again and
// again, and parsing would be nearly all that they do.
type programs struct {
	recipe arch.Recipe // that every program gets

	mu       sync.Mutex
	known    map[string]parsed        // by the program's text
	networks map[string]*arch.Network // by their hash
}

type parsed struct {
	*arch.Program
	hash  string
	costs arch.Costs
}

// get returns a program that is known, else what run makes of it.
func (p *programs) get(source string, run func(string) (*arch.Program, error)) (parsed, error) {
	p.mu.Lock()
	found, ok := p.known[source]
	p.mu.Unlock()
	if ok {
		return found, nil
	}
	program, err := run(source)
	if err != nil {
		return parsed{}, err
	}
	program.Recipe = p.recipe
	found = parsed{program, program.Network.Hash(), program.Network.Costs()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known, p.networks = map[string]parsed{}, map[string]*arch.Network{}
	}
	if same, ok := p.networks[found.hash]; ok { // held once: there are fewer networks than programs
		program.Network = same
	}
	p.known[source], p.networks[found.hash] = found, program.Network
	return found, nil
}
