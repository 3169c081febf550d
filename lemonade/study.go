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
	held      detail         // how much of them that is
	running   bool           // by this value
	settled   int            // how many trials, from the first, have ended: those are replaced, never written to
	keys      map[string]int // the first trial of each trial key
	extras    trial.Extras
	reads     []trial.TestRead

	forecasts forecast.Tracker
}

// detail is how much of each trial is held in memory: all of it of a study that is
// not large, else what is needed, since a search may have many thousands of trials.
type detail int

const (
	outline  detail = iota // for tables and charts: see [trial.Trial.Outline]
	programs               // and for the rounds of a run
	whole
)

// wholeMost is how many trials are held whole.
const wholeMost = 1000

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

// Proposer is who proposes its networks.
func (s *Study) Proposer() string { return s.settings.Proposer }

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
func (s *Study) Refresh(ctx context.Context) error { return s.refresh(ctx, outline) }

// refresh reads at least as much of each trial, and all of it where they are few.
func (s *Study) refresh(ctx context.Context, least detail) error {
	stored, _, err := s.store.Study(ctx, s.name)
	if err != nil {
		return err
	}
	var o objective.Objective
	if err := json.Unmarshal(stored.State, &o); err != nil {
		return fmt.Errorf("study %q: its stored objective: %w", s.name, err)
	}
	n, err := s.store.Count(ctx, s.name)
	if err != nil {
		return err
	}
	var trials trial.History
	held := least
	if n <= wholeMost {
		held = whole
		trials, err = s.store.Trials(ctx, s.name)
	} else {
		trials, err = s.store.Outlines(ctx, s.name, held == programs)
	}
	for i := range trials { // what has not ended is gone on with
		if err == nil && trials[i].Brief && !trials[i].State.Done() {
			trials[i], _, err = s.store.Trial(ctx, s.name, trials[i].ID)
		}
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.objective = o
	s.keep(trials, held)
	s.mu.Unlock()
	return s.readExtras(ctx)
}

// keep takes trials as they were read. The caller holds mu.
func (s *Study) keep(trials trial.History, held detail) {
	s.trials, s.held, s.settled, s.keys = make(trial.History, 0, len(trials)), held, 0, make(map[string]int, len(trials))
	for _, t := range trials {
		s.set(t)
	}
}

// run says whether this value runs the study.
func (s *Study) run(running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = running
}

// Trials are the study's trials in the order of their ids. Of a study of more than a
// thousand they are read when they are asked for, and while it is run their
// [Study.Outlines] have to do. What cannot be read is told to Options.Log.
func (s *Study) Trials() trial.History {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == whole || s.running {
		return slices.Clone(s.trials)
	}
	trials, err := s.store.Trials(context.Background(), s.name)
	if err != nil {
		s.options.Log(fmt.Sprintf("study %q: its trials are shown in outline: %v", s.name, err))
		return slices.Clone(s.trials)
	}
	s.keep(trials, whole)
	return slices.Clone(trials)
}

// Outlines are the study's trials as far as tables and charts need them. Of a study
// of more than a thousand, what [trial.Trial.Outline] leaves out may be missing; of
// any other it is there.
func (s *Study) Outlines() trial.History {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.trials)
}

// Trial returns one trial whole, and whether there is one of that id.
func (s *Study) Trial(ctx context.Context, id int) (trial.Trial, bool, error) {
	s.mu.Lock()
	t, ok := s.trials.ByID(id)
	held := s.held
	s.mu.Unlock()
	if !ok || held == whole || !t.State.Done() {
		return t, ok, nil
	}
	return s.store.Trial(ctx, s.name, id)
}

// put keeps the trials in step with what is saved.
func (s *Study) put(t trial.Trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(t)
}

// set is put for a caller that holds mu.
func (s *Study) set(t trial.Trial) {
	i := t.ID - 1
	if s.held != whole && t.State.Done() {
		t = t.Outline(s.held == programs)
	}
	switch {
	case i >= len(s.trials):
		s.trials = append(s.trials, t)
	case i < s.settled: // others may be reading it
		s.trials = slices.Clone(s.trials)
		fallthrough
	default:
		s.trials[i] = t
	}
	if !t.State.Done() {
		s.settled = min(s.settled, i)
	}
	for s.settled < len(s.trials) && s.trials[s.settled].State.Done() {
		s.settled++
	}
	s.know(t.Key, t.ID)
	if len(t.Rungs) > 0 { // a program is known by its first training
		s.know(t.Rungs[0].Key, t.ID)
	}
	if s.running && s.held == whole && len(s.trials) > wholeMost { // it has become large
		s.held, s.trials = programs, slices.Clone(s.trials)
		for i := range s.trials[:s.settled] {
			s.trials[i] = s.trials[i].Outline(true)
		}
	}
}

func (s *Study) know(key string, id int) {
	if known, ok := s.keys[key]; key != "" && (!ok || id < known) {
		s.keys[key] = id
	}
}

// past are the trials up to the first one that has not ended. They are not to be
// written to.
func (s *Study) past() trial.History {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trials[:s.settled:s.settled]
}

// current returns the trial of that id as it stands.
func (s *Study) current(id int) trial.Trial {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, _ := s.trials.ByID(id)
	return t
}

// Hypervolume is the share of the reference box that the front dominates, 0..1.
func (s *Study) Hypervolume() float64 { return s.Objective().Hypervolume(s.Outlines()) }

// Best is the complete trial of highest effectiveness, if there is one.
func (s *Study) Best() (trial.Trial, bool) {
	id, ok := s.Objective().Best(s.Outlines())
	if !ok {
		return trial.Trial{}, false
	}
	t, ok, err := s.Trial(context.Background(), id)
	if err != nil {
		s.options.Log(err.Error())
	}
	return t, ok && err == nil
}

// Dir is the studies folder that it lives in.
func (s *Study) Dir() string { return s.dir }
