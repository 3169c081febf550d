package lemonade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/expert"
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
	fallback  propose.Proposer // the rule book
	parser    evaluate.Parser
	evaluator evaluate.Evaluator
	engine    string
	precision string
	data      trial.Data
	closers   []func() error
}

// repairs is how often a proposer may mend its answer in one round.
const repairs = 3

func (s *Study) start(ctx context.Context, o RunOptions) (_ *runner, err error) {
	if o.On == nil {
		o.On = func(Event) {}
	}
	r := &runner{Study: s, run: o, began: time.Now(), rules: expert.Default()}
	if o.Trials < 1 {
		return nil, fmt.Errorf("trials: %d is not a positive number", o.Trials)
	}
	unlock, err := s.store.Run(s.name)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, unlock)
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	if r.finished() {
		return r, nil
	}
	ref, err := s.prepare(ctx)
	if err != nil {
		return nil, err
	}
	for _, note := range ref.Notes {
		s.options.Log(note)
	}
	if got := datasets.Fingerprint(ref, s.settings.TrainSamples); got != s.settings.Fingerprint {
		return nil, fmt.Errorf("study %q: data: it was created on %s and the files now are %s: restore them, or begin a study of another name", s.name, s.settings.Fingerprint, got)
	}
	r.data = trial.Data{Name: ref.Name, Dir: ref.Dir, TrainSamples: s.settings.TrainSamples, Fingerprint: s.settings.Fingerprint}
	if r.proposer, err = propose.New(s.settings.Proposer, s.options.LLM); err != nil {
		return nil, err
	}
	if r.fallback, err = propose.New("rulebook", propose.Options{}); err != nil {
		return nil, err
	}
	local, err := evaluate.Open(ctx, evaluate.Options{Log: func(text string) {
		s.options.Log(text)
		r.run.On(Event{Kind: Note, Text: text})
	}})
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, local.Close)
	r.parser, r.evaluator = local, local
	if s.options.Evaluator != nil {
		r.evaluator = s.options.Evaluator
	}
	about := r.evaluator.Describe()
	r.engine, r.precision = about.Engine, about.Precision
	return r, nil
}

func (r *runner) close() {
	for _, c := range slices.Backward(r.closers) {
		_ = c() // nothing is left to lose: every step is in the record
	}
}

// finished reports whether the run has what was asked for.
func (r *runner) finished() bool {
	if n := len(r.trials); n > 0 && !r.trials[n-1].State.Done() {
		return false // the interrupted trial comes first
	}
	if len(r.trials) >= r.run.Trials {
		return true
	}
	if r.run.Stop.Time > 0 && time.Since(r.began) >= r.run.Stop.Time {
		return true
	}
	if r.run.Stop.Energy > 0 {
		kWh := 0.0
		for _, t := range r.trials {
			kWh += t.Metrics[trial.TrainingEnergy].Value // an unknown energy cannot count against the budget
		}
		if kWh >= r.run.Stop.Energy {
			return true
		}
	}
	return r.run.Stop.Target && slices.ContainsFunc(r.trials.Complete(), func(t trial.Trial) bool {
		return r.objective.TargetsMet(t.Metrics)
	})
}

// ask gives one proposer the turns first to last.
func (r *runner) ask(ctx context.Context, t *trial.Trial, p propose.Proposer, first, last int) error {
	for turn := first; turn <= last && t.State == trial.Waiting; turn++ {
		r.run.On(Event{Kind: Asking, Trial: *t, Text: p.Name()})
		proposal, err := p.Propose(ctx, r.request(t, turn))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a := trial.Attempt{Turn: turn, Proposer: p.Name(), State: trial.Invalid, Program: proposal.Source, Exchange: proposal.Exchange}
		var program *arch.Program
		if err != nil {
			a.Reason = err.Error()
		} else {
			program, a.State, a.Reason, err = r.check(ctx, proposal.Source)
			if err != nil {
				return err
			}
			if a.State == trial.Complete {
				a.Reason = proposal.Note
			}
		}
		if program != nil {
			a.Hash = program.Network.Hash()
		}
		if err := r.store.AddAttempt(context.WithoutCancel(ctx), r.name, t.ID, a); err != nil {
			return err
		}
		t.Attempts = append(t.Attempts, a)
		if a.State == trial.Complete {
			if err := r.accept(t, p.Name(), program); err != nil {
				return err
			}
		}
		r.trials[t.ID-1] = *t
		r.run.On(Event{Kind: Answered, Trial: *t})
		if errors.As(err, new(*propose.CallError)) {
			break // the model is out of reach: asking again in this round would only wait
		}
	}
	return nil
}

func (r *runner) request(t *trial.Trial, turn int) propose.Request {
	req := propose.Request{
		Task: propose.Task{
			Data: r.info.Name, Title: r.info.Title, Input: r.info.Shape, Classes: len(r.info.ClassNames), ClassNames: r.info.ClassNames,
			TrainSamples: r.settings.TrainSamples, Epochs: r.settings.Epochs,
		},
		Objective: r.objective, Trial: t.ID, Turn: turn, Seed: r.settings.Seed,
		Commands: t.Commands, History: r.trials[:t.ID-1], Attempts: t.Attempts,
		Known: func(p *arch.Program) (int, bool) {
			id := r.known(p)
			return id, id > 0
		},
	}
	if parent, ok := r.trials.ByID(t.Parent); ok {
		req.Parent = &parent
	}
	return req
}

// check runs a program with symbolic tensors and holds it against the limits and
// against what was tried before. A returned error is not the program's.
func (r *runner) check(ctx context.Context, source string) (_ *arch.Program, _ trial.State, reason string, _ error) {
	program, err := r.parser.Parse(ctx, source, r.info.Shape, len(r.info.ClassNames))
	if ctx.Err() != nil {
		return nil, "", "", ctx.Err()
	}
	if wrong := (*evaluate.ProgramError)(nil); errors.As(err, &wrong) {
		return nil, trial.Invalid, wrong.Error(), nil
	} else if err != nil {
		return nil, "", "", err
	}
	if reason := r.objective.Infeasible(trial.Static(program.Network.Costs())); reason != "" {
		return program, trial.Infeasible, reason, nil
	}
	if id := r.known(program); id > 0 {
		return program, trial.Duplicate, fmt.Sprintf("the same network with the same recipe was trial %d", id), nil
	}
	return program, trial.Complete, "", nil
}

// known returns the id of the trial that has the program's trial key, or 0.
func (r *runner) known(p *arch.Program) int {
	key, err := trial.Key(r.job(p), r.engine)
	if err != nil {
		return 0
	}
	for _, t := range r.trials {
		if t.Key == key {
			return t.ID
		}
	}
	return 0
}

func (r *runner) job(p *arch.Program) trial.Job {
	return trial.Job{
		Network: p.Network, Recipe: p.Recipe, Data: r.data, Seed: r.settings.Seed, Precision: r.precision,
		Budget: trial.Budget{Epochs: r.settings.Epochs},
	}
}

func (r *runner) accept(t *trial.Trial, proposer string, program *arch.Program) error {
	key, err := trial.Key(r.job(program), r.engine)
	if err != nil {
		return err
	}
	t.State, t.Proposer, t.Program, t.Key = trial.Running, proposer, program, key
	t.Hash, t.Costs = program.Network.Hash(), program.Network.Costs()
	t.Metrics = trial.Static(t.Costs)
	return nil
}

// acceptAgain takes up the program that was answered last.
func (r *runner) acceptAgain(ctx context.Context, t *trial.Trial) error {
	last := t.Attempts[len(t.Attempts)-1]
	program, err := r.parser.Parse(ctx, last.Program, r.info.Shape, len(r.info.ClassNames))
	if err != nil {
		return fmt.Errorf("trial %d: its recorded program: %w", t.ID, err)
	}
	return r.accept(t, last.Proposer, program)
}

// save writes the trial, also when the run is being cancelled, and keeps the
// history in step.
func (r *runner) save(ctx context.Context, t trial.Trial) error {
	r.trials[t.ID-1] = t
	return r.store.SaveTrial(context.WithoutCancel(ctx), r.name, t)
}

// keepFront deletes the weights of the trials that are not on the front.
func (r *runner) keepFront(ctx context.Context) error {
	front := r.Front()
	for _, t := range r.trials {
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
	return filepath.Join(r.dir, "weights", r.name, fmt.Sprintf("%d.safetensors", id))
}
