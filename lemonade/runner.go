package lemonade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// runner is a study while it runs.
type runner struct {
	*Study
	run       RunOptions
	began     time.Time
	rules     *expert.RuleBook
	proposer  propose.Proposer
	fallback  propose.Proposer // the rule book, where it is not the proposer itself
	recorded  trial.History    // of the study that is replayed
	outage    atomic.Bool      // of the proposer, in the latest round
	parser    evaluate.Parser
	evaluator evaluate.Evaluator
	engine    string
	precision string
	data      trial.Data
	seen      objective.Ledger // of what rounds know
	ended     objective.Ledger // of what has ended
	whole     string           // fingerprint of all training samples
	ahead     ahead
	ranked    map[int]ranking // by rung
	telling   sync.Mutex
	word      word
	closers   []func() error
}

// start makes the study ready for its rounds, unless it has what was asked for.
func (s *Study) start(ctx context.Context, o RunOptions) (_ *runner, err error) {
	if o.Trials < 1 {
		return nil, fmt.Errorf("trials: %d is not a positive number", o.Trials)
	}
	r, err := s.hold(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.finished() {
		return r, nil
	}
	if err := r.useData(ctx); err != nil {
		return nil, err
	}
	if s.settings.Replay != "" {
		return r, r.useRecord(ctx)
	}
	return r, r.useProposer(ctx)
}

// hold takes the study for this process and reads it anew.
func (s *Study) hold(ctx context.Context, o RunOptions) (*runner, error) {
	r := &runner{Study: s, run: o, began: time.Now()}
	unlock, err := s.store.Run(s.name)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, unlock)
	r.word.Trials = o.Trials
	if err := s.store.Tell(s.name, r.word.Runner); err != nil {
		r.close()
		return nil, err
	}
	if err := s.refresh(ctx, programs); err != nil {
		r.close()
		return nil, err
	}
	s.run(true)
	r.closers = append(r.closers, func() error { s.run(false); return nil })
	return r, nil
}

// useData finds the study's data, and holds it against what it was created on.
func (r *runner) useData(ctx context.Context) error {
	s := r.Study
	r.data = trial.Data{Name: s.settings.Data, TrainSamples: s.settings.TrainSamples, Fingerprint: s.settings.Fingerprint}
	if s.settings.Replay != "" { // nothing is trained
		return nil
	}
	ref, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	for _, note := range ref.Notes {
		s.options.Log(note)
	}
	if got := datasets.Fingerprint(ref, s.settings.TrainSamples); got != s.settings.Fingerprint {
		return fmt.Errorf("study %q: data: it was created on %s and the files now are %s: restore them, or begin a study of another name", s.name, s.settings.Fingerprint, got)
	}
	if len(s.info.ClassNames) == 0 { // its data was away when it was opened
		s.info = ref.Info
	}
	r.data.Dir, r.whole = ref.Dir, datasets.Fingerprint(ref, 0)
	return nil
}

// useProposer sets the study's rule book, proposer and evaluator up.
func (r *runner) useProposer(ctx context.Context) (err error) {
	if r.rules, err = r.settings.rules(); err != nil {
		return err
	}
	llm := r.options.LLM
	llm.Spent = r.trials.Spent()
	if r.settings.Model != "" {
		llm.Model, llm.Temperature = r.settings.Model, &r.settings.Temperature
	}
	if r.proposer, err = propose.New(r.settings.Proposer, llm); err != nil {
		return err
	}
	if r.settings.Proposer != "rulebook" {
		if r.fallback, err = propose.New("rulebook", propose.Options{}); err != nil {
			return err
		}
	}
	return r.useEvaluator(ctx)
}

// useEvaluator sets up what trains and measures.
func (r *runner) useEvaluator(ctx context.Context) error {
	other := r.options.Evaluator // programs are parsed here all the same
	local, err := r.openLocal(ctx, evaluate.Options{Meter: r.settings.account().Meter, ParseOnly: other != nil})
	if err != nil {
		return err
	}
	r.evaluator = local
	if other != nil {
		r.evaluator = other
	}
	about := r.evaluator.Describe()
	if err := r.checkMeter(about); err != nil {
		return err
	}
	r.engine, r.precision = about.Engine, about.Precision
	return nil
}

// useRecord takes proposals and measurements from the study that is replayed.
// Only programs are parsed; no network is trained and no model asked.
func (r *runner) useRecord(ctx context.Context) (err error) {
	if r.rules, err = r.settings.rules(); err != nil {
		return err
	}
	recorded, err := r.store.Trials(ctx, r.settings.Replay)
	if err != nil {
		return err
	}
	done := 0
	for _, t := range recorded {
		if t.State.Done() {
			done++
		}
	}
	if r.run.Trials > done {
		return fmt.Errorf("trials: %d are more than the %d finished ones of study %q, which is replayed", r.run.Trials, done, r.settings.Replay)
	}
	r.recorded, r.proposer = recorded, propose.NewReplay(recorded)
	r.evaluator = evaluate.Recorded(recorded, evaluate.Description{Engine: "recorded"})
	r.engine = r.evaluator.Describe().Engine
	_, err = r.openLocal(ctx, evaluate.Options{ParseOnly: true})
	return err
}

func (r *runner) openLocal(ctx context.Context, o evaluate.Options) (*evaluate.Local, error) {
	o.Log = func(text string) {
		r.options.Log(text)
		r.emit(Event{Kind: Note, Text: text})
	}
	local, err := evaluate.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, local.Close)
	r.parser = local
	return local, nil
}

func (r *runner) close() {
	for _, c := range slices.Backward(r.closers) {
		_ = c() // nothing is left to lose: every step is in the record
	}
}

// emit tells the caller, one event at a time, and those who follow the run.
func (r *runner) emit(e Event) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.leaveWord(e)
	if r.run.On != nil {
		e.Trials = r.run.Trials
		r.run.On(e)
	}
}

// undone is the id of the first trial that has not ended, or of the next one.
func (r *runner) undone() int {
	return len(r.past()) + 1
}

// finished reports whether the run has what was asked for.
func (r *runner) finished() bool {
	trials := r.past()
	if r.current(len(trials)+1).ID > 0 {
		return false // the interrupted trial comes first
	}
	if _, due := r.due(); len(trials) >= r.run.Trials && !due {
		return true
	}
	if r.run.Stop.Time > 0 && time.Since(r.began) >= r.run.Stop.Time {
		return true
	}
	if r.run.Stop.Energy > 0 {
		kWh := 0.0
		for i := range trials {
			for _, used := range trials[i].Own() {
				kWh += used[trial.TrainingEnergy].Value // an unknown energy cannot count against the budget
			}
		}
		if kWh >= r.run.Stop.Energy {
			return true
		}
	}
	return r.run.Stop.Target && slices.ContainsFunc(trials.Complete(), func(t trial.Trial) bool {
		return r.objective.TargetsMet(t.Metrics)
	})
}

// parse runs a program, and sets the study's recipe where that is fixed.
func (r *runner) parse(ctx context.Context, source string) (*arch.Program, error) {
	program, err := r.parser.Parse(ctx, source, inputOf(r.info), len(r.info.ClassNames))
	if fixed := r.recipe(); err == nil && fixed != nil {
		program.Recipe = *fixed
	}
	return program, err
}

// recipe is what every network is trained with, nil where the program chooses.
func (r *runner) recipe() *arch.Recipe {
	if r.settings.Recipe != fixedRecipe {
		return nil
	}
	fixed := arch.RecipeFor(inputOf(r.info))
	return &fixed
}

// inputOf returns what a network for the set reads.
func inputOf(i datasets.Info) arch.Input { return arch.InputOf(i.Shape, i.Vocabulary) }

// known returns the id of the trial that has the program's trial key, or 0.
func (r *runner) known(p *arch.Program) int {
	if fixed := r.recipe(); fixed != nil {
		p = &arch.Program{Source: p.Source, Network: p.Network, Recipe: *fixed}
	}
	key, err := trial.Key(r.job(p), r.engine)
	if err != nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[key]
}

// job is the first training of a program.
func (r *runner) job(p *arch.Program) trial.Job { return r.jobAt(p, 1) }

// roundTimeout is how long the turns of one proposer may take in a round.
func (r *runner) roundTimeout() time.Duration {
	if d := r.options.LLM.RoundTimeout; d > 0 {
		return d
	}
	return 15 * time.Minute
}

// save writes the trial, also when the run is being cancelled, and keeps the
// history in step.
func (r *runner) save(ctx context.Context, t trial.Trial) error {
	r.put(t)
	return r.store.SaveTrial(context.WithoutCancel(ctx), r.name, t)
}

// keepFront deletes the weights of the trials that are not on the front.
func (r *runner) keepFront(ctx context.Context) error {
	trials := r.past()
	r.ended.Update(r.Objective(), trials)
	front := r.ended.Front()
	for _, t := range trials {
		if t.Weights == "" || slices.Contains(front, t.ID) {
			continue
		}
		if err := os.Remove(t.Weights); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("trial %d: its weights: %w", t.ID, err)
		}
		t.Weights = ""
		if err := r.save(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) weightsFile(id int) string {
	return r.weightsOf(fmt.Sprint(id))
}

func (r *runner) weightsOf(training string) string {
	return filepath.Join(r.dir, "weights", r.name, training+".safetensors")
}
