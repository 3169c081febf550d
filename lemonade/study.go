package lemonade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/forecast"
	"github.com/lemo-nade/lemonade/lemonade/home"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Study is one search, kept on disk under its name.
type Study struct {
	name     string
	dir      string
	store    *record.Store
	options  Options // as given to Open, for what is not stored
	settings settings
	info     datasets.Info

	mu        sync.Mutex          // a running study may prepare a trial while it trains another, and be looked at
	objective objective.Objective // only the goroutine that runs the study writes it, so that it alone may read it without mu
	trials    trial.History
	extras    trial.Extras
	reads     []trial.TestRead

	forecasts forecast.Tracker
}

// ErrNotFound is returned by [Open] for a name that has no study yet where the
// options name no data to create one on.
var ErrNotFound = errors.New("no such study")

// Open opens the study of that name, or creates it where there is none. The data
// set of a new study is found, or downloaded, and verified.
func Open(ctx context.Context, name string, o Options) (_ *Study, err error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Dir == "" {
		if o.Dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	store, err := record.Open(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			store.Close()
		}
	}()
	s := &Study{name: name, dir: o.Dir, store: store, options: o}
	stored, ok, err := store.Study(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case ok:
		err = s.load(stored)
	case o.Data == "" && o.Replay == "":
		err = s.notFound(ctx)
	default:
		err = s.create(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s, s.Refresh(ctx)
}

// Names lists the studies of a folder, oldest first. An empty dir is [DefaultDir].
func Names(ctx context.Context, dir string) (names []string, err error) {
	if dir == "" {
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	store, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	studies, err := store.Studies(ctx)
	for _, s := range studies {
		names = append(names, s.Name)
	}
	return names, err
}

func (s *Study) notFound(ctx context.Context) error {
	studies, err := s.store.Studies(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, other := range studies {
		names = append(names, other.Name)
	}
	there := "there is none"
	if len(names) > 0 {
		there = "there are " + strings.Join(names, ", ")
	}
	return fmt.Errorf("study %q in %s: %w (%s); a new one needs its data named", s.name, s.dir, ErrNotFound, there)
}

func (s *Study) load(stored record.Study) error {
	if err := json.Unmarshal(stored.Options, &s.settings); err != nil {
		return fmt.Errorf("study %q: its stored options: %w", s.name, err)
	}
	if err := json.Unmarshal(stored.State, &s.objective); err != nil {
		return fmt.Errorf("study %q: its stored objective: %w", s.name, err)
	}
	if err := s.settings.reopen(s.options); err != nil {
		return fmt.Errorf("study %q: %w", s.name, err)
	}
	if err := s.describe(); err != nil { // what it has found can be shown all the same; a run says what is missing
		s.info = datasets.Info{Name: s.settings.Data}
	}
	return nil
}

// describe sets what is known of the study's data, which the study keeps: its files
// may be on another machine.
func (s *Study) describe() (err error) {
	if s.settings.Info != nil {
		s.info = *s.settings.Info
		return nil
	}
	s.info, err = datasets.Lookup(s.settings.Data)
	return err
}

func (s *Study) create(ctx context.Context) (err error) {
	if s.options.Replay != "" {
		s.settings, err = s.replayed(ctx)
	} else {
		s.settings, err = s.options.settings()
	}
	if err != nil {
		return fmt.Errorf("study %q: %w", s.name, err)
	}
	if s.objective, err = s.settings.objective(); err != nil {
		return err
	}
	for _, remark := range s.objective.Remarks() {
		s.options.Log(remark)
	}
	if s.settings.Replay == "" { // else nothing is trained
		ref, err := s.prepare(ctx)
		if err != nil {
			return err
		}
		if most := ref.Info.Available(); s.settings.TrainSamples > most { // fewer are here than were published
			return fmt.Errorf("study %q: train samples: %d is not between 1 and the %d that are left for training here (0 takes all)", s.name, s.settings.TrainSamples, most)
		}
		s.settings.Info, s.settings.Fingerprint = &ref.Info, datasets.Fingerprint(ref, s.settings.TrainSamples)
		if s.settings.Ladder, err = s.settings.rungs().ladder(s.settings.Epochs, s.settings.TrainSamples, ref.Info); err != nil {
			return fmt.Errorf("study %q: %w", s.name, err) // likewise
		}
		for i, b := range s.settings.Ladder {
			s.settings.Ladder[i].Fingerprint = datasets.Fingerprint(ref, b.Samples)
		}
	}
	if err := s.describe(); err != nil {
		return err
	}
	return s.store.CreateStudy(ctx, record.Study{
		Name: s.name, Created: time.Now(),
		Options: json.RawMessage(asJSON(s.settings)), State: json.RawMessage(asJSON(s.objective)),
	})
}

// replayed are the settings of the study that is to be replayed.
func (s *Study) replayed(ctx context.Context) (source settings, err error) {
	if p := s.options.Proposer; p != replay {
		return source, fmt.Errorf("replay: it takes the proposer %s, not %q", replay, p)
	}
	stored, ok, err := s.store.Study(ctx, s.options.Replay)
	if err != nil {
		return source, err
	}
	if !ok {
		return source, fmt.Errorf("replay: there is no study %q in %s", s.options.Replay, s.dir)
	}
	if err := json.Unmarshal(stored.Options, &source); err != nil {
		return source, fmt.Errorf("replay: the stored options of %q: %w", s.options.Replay, err)
	}
	source.Proposer, source.Replay = replay, s.options.Replay
	return source, source.reopen(s.options)
}

// prepare finds the study's data, downloading it where it must.
func (s *Study) prepare(ctx context.Context) (datasets.Ref, error) {
	last := time.Now() // what takes less than a second is told once
	opts := datasets.Options{Partial: s.settings.Partial, Progress: func(done, total int64, what string) {
		if time.Since(last) > time.Second || done == total {
			last = time.Now()
			s.options.Log(fmt.Sprintf("%s: %s of %s", what, humanize.Bytes(uint64(done)), humanize.Bytes(uint64(total))))
		}
	}}
	dir, err := home.Dir()
	if err != nil {
		return datasets.Ref{}, err
	}
	opts.Cache = filepath.Join(dir, "data")
	return datasets.Prepare(ctx, s.settings.Data, opts)
}

// Close releases the database.
func (s *Study) Close() error { return s.store.Close() }

// Name is the study's name.
func (s *Study) Name() string { return s.name }

// Data is the name of its data set.
func (s *Study) Data() string { return s.settings.Data }

// Seed is what its weights, orders and proposals are drawn from.
func (s *Study) Seed() int64 { return s.settings.Seed }

// Fingerprint names the samples that its networks are trained and validated on, as
// [datasets.Fingerprint] does.
func (s *Study) Fingerprint() string { return s.settings.Fingerprint }

// Info describes its data set. Of one that is not on this machine any more there is
// the name alone.
func (s *Study) Info() datasets.Info { return s.info }

// RuleBook is what its expert system goes by.
func (s *Study) RuleBook() (*expert.RuleBook, error) { return s.settings.rules() }

// Objective is what it is looking for, anchors included once the first trial has
// been measured.
func (s *Study) Objective() objective.Objective {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objective
}

// Refresh reads the trials again: another process may be running the study.
func (s *Study) Refresh(ctx context.Context) error {
	stored, _, err := s.store.Study(ctx, s.name)
	if err != nil {
		return err
	}
	var o objective.Objective
	if err := json.Unmarshal(stored.State, &o); err != nil {
		return fmt.Errorf("study %q: its stored objective: %w", s.name, err)
	}
	trials, err := s.store.Trials(ctx, s.name)
	s.mu.Lock()
	s.objective, s.trials = o, trials
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.readExtras(ctx)
}

// Trials are the study's trials in the order of their ids.
func (s *Study) Trials() trial.History {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.trials)
}

// put keeps the trials in step with what is saved.
func (s *Study) put(t trial.Trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ID > len(s.trials) {
		s.trials = append(s.trials, t)
	}
	s.trials[t.ID-1] = t
}

// Hypervolume is the share of the reference box that the front dominates, 0..1.
func (s *Study) Hypervolume() float64 { return s.Objective().Hypervolume(s.Trials()) }

// Best is the complete trial of highest effectiveness, if there is one.
func (s *Study) Best() (trial.Trial, bool) {
	trials := s.Trials()
	id, ok := s.Objective().Best(trials)
	if !ok {
		return trial.Trial{}, false
	}
	return trials.ByID(id)
}

// Dir is the studies folder that it lives in.
func (s *Study) Dir() string { return s.dir }
