package benchmark

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/tabular"
)

// SearchOptions say which strategies search which table. Zero values take their
// defaults.
type SearchOptions struct {
	Table       *tabular.Table  // needed
	Strategies  []Arm           // needed; the order of the report
	Evaluations int             // of each search; default 200
	Seeds       []int64         // one search of each strategy per seed; default 1 to 50
	Data        string          // name of the data set that the strategies are told; default cifar10
	LLM         propose.Options // the language model, for the strategies that ask one
	Log         func(string)    // told about each strategy that is through
}

func (o SearchOptions) complete() (SearchOptions, error) {
	var faults []error
	if o.Table == nil {
		faults = append(faults, errors.New("table: none is named"))
	}
	if len(o.Strategies) == 0 {
		faults = append(faults, errors.New("strategies: none is named, try rulebook,random,evolution"))
	}
	if o.Evaluations == 0 {
		o.Evaluations = 200
	}
	if o.Evaluations < 0 {
		faults = append(faults, fmt.Errorf("evaluations: %d is not a positive number", o.Evaluations))
	} else if o.Table != nil && o.Evaluations > len(o.Table.Rows) {
		faults = append(faults, fmt.Errorf("evaluations: %d are more than the %d architectures of the table", o.Evaluations, len(o.Table.Rows)))
	}
	if len(o.Seeds) == 0 {
		for seed := range int64(50) {
			o.Seeds = append(o.Seeds, seed+1)
		}
	}
	for i, s := range o.Seeds {
		if s < 1 || slices.Contains(o.Seeds[:i], s) {
			faults = append(faults, fmt.Errorf("seeds: %d is given twice or not positive", s))
		}
	}
	if o.Data == "" {
		o.Data = "cifar10"
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o, errors.Join(append(faults, o.check()...)...)
}

// check looks at each strategy.
func (o SearchOptions) check() (faults []error) {
	for i, a := range o.Strategies {
		if slices.Contains(o.Strategies[:i], a) {
			faults = append(faults, fmt.Errorf("strategies: %s is given twice: keep one", a))
		}
		if a.Without != "" && !slices.Contains(searchParts, a.Without) {
			faults = append(faults, fmt.Errorf("strategies: %s: a search of a table has no part %s to switch off, of %q: lemonade benchmark proposers has", a, a.Without, searchParts))
		}
		if _, err := propose.New(a.Proposer, o.LLM); err != nil {
			faults = append(faults, fmt.Errorf("strategies: %s: %w", a, err))
		}
	}
	return faults
}

// searchParts are the parts of the method that can be switched off here.
var searchParts = []lemonade.Part{lemonade.Expert, lemonade.Learning}

// Search lets each strategy search the table once per seed, several searches at a
// time, and reports on what they found. The same options give the same report. Each
// search asks the proposer as a study does, tells it the accuracy and the cost of what
// it proposed, and nothing else of the table. Cells that are the same network under
// other names count one by one.
func Search(ctx context.Context, o SearchOptions) (SearchReport, error) {
	o, err := o.complete()
	if err != nil {
		return SearchReport{}, err
	}
	s, err := newSearcher(ctx, o)
	if err != nil {
		return SearchReport{}, err
	}
	defer s.close()
	found := map[string][][]quality{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, a := range o.Strategies {
		searches := make([][]quality, len(o.Seeds))
		found[a.String()] = searches
		var through atomic.Int32
		for i, seed := range o.Seeds {
			group.Go(func() error {
				rows, err := s.search(ctx, a, seed)
				if err != nil {
					return fmt.Errorf("strategy %s, seed %d: %w", a, seed, err)
				}
				searches[i] = s.scale.follow(rows)
				if int(through.Add(1)) == len(o.Seeds) {
					o.Log(fmt.Sprintf("%s: %d searches of %d evaluations", a, len(o.Seeds), o.Evaluations))
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return SearchReport{}, err
	}
	return s.scale.report(o.Table, o, found), nil
}
