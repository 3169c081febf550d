package lemonade

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/expert"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

const (
	repairs      = 3 // how often a proposer may mend its answer in one round
	lessonsEvery = 4 // rounds, after which the lessons are rewritten; ours
)

// round prepares one trial: from the commands to a program that can be trained.
type round struct {
	*runner
	trial.Trial
	history   trial.History       // what it may know
	objective objective.Objective // as it was when the round began
}

// ahead is the round that is prepared while another's network is trained.
type ahead struct {
	quiet   sync.Mutex // held while a network is profiled: nothing is to disturb that
	pending sync.WaitGroup
	id      int
	trial   trial.Trial
	err     error
}

func (a *ahead) wait() { a.pending.Wait() }

// prepareAhead prepares the trial of that id in the background.
func (r *runner) prepareAhead(ctx context.Context, id int) {
	round := r.round(id)
	r.ahead.id = id
	r.ahead.pending.Go(func() { r.ahead.trial, r.ahead.err = round.prepare(ctx) })
}

// prepared returns the trial of that id, ready to be measured or ended.
func (r *runner) prepared(ctx context.Context, id int) (trial.Trial, error) {
	if r.ahead.id == id {
		r.ahead.wait()
		return r.ahead.trial, r.ahead.err
	}
	return r.round(id).prepare(ctx)
}

func (r *runner) round(id int) *round {
	past := r.past()
	seen := max(0, id-1-r.settings.Lag)
	d := &round{runner: r, history: past[:min(seen, len(past))], objective: r.objective}
	if before := r.current(id - 1); r.settings.Lag > 0 && len(before.Rungs) > 0 { // prepared anew, it knows no more than it did
		d.history = d.history.Before(before.Rungs[0].Step)
	}
	d.Trial = r.current(id)
	d.ID = id
	return d
}

// prepare takes the trial up where it stands. It is Running afterwards, or has
// ended as its last attempt did.
func (d *round) prepare(ctx context.Context) (trial.Trial, error) {
	if d.State == "" {
		if err := d.begin(ctx); err != nil {
			return d.Trial, err
		}
	}
	if d.State != trial.Waiting {
		return d.Trial, nil
	}
	if len(d.Attempts) == 0 && d.Trial.Lessons == nil {
		if err := d.reflect(ctx); err != nil {
			return d.Trial, err
		}
	}
	err := d.propose(ctx)
	return d.Trial, err
}

// begin records a new trial with the expert's advice.
func (d *round) begin(ctx context.Context) error {
	d.State, d.Proposer, d.Started = trial.Waiting, d.proposer.Name(), time.Now()
	advice, err := d.rules.Advise(expert.Input{
		History: d.history, Objective: d.objective, Trial: d.ID, Recipe: d.recipe(), NoNiches: d.settings.without(Niches), Ledger: &d.seen,
		Task: expert.Task{Name: datasets.Short(d.info.Name), Input: inputOf(d.info), Classes: len(d.info.ClassNames)},
	})
	if err != nil {
		return fmt.Errorf("trial %d: the expert system: %w", d.ID, err)
	}
	switch {
	case d.settings.without(Loop), d.badStart():
		advice = expert.Advice{}
	case d.settings.without(Expert):
		best, _ := d.objective.Best(d.history)
		advice = expert.Advice{Parent: best}
	case d.settings.without(Advice):
		advice.Commands, advice.Dropped = placebo(len(advice.Commands), d.settings.Seed, d.ID), nil
	}
	d.Parent, d.Commands, d.Dropped, d.Niche = advice.Parent, advice.Commands, advice.Dropped, advice.Niche
	if err := d.save(ctx, d.Trial); err != nil {
		return err
	}
	d.emit(Event{Kind: Began, Trial: d.Trial})
	return nil
}

// learned is the least accuracy, in multiples of chance, of a network that is worth
// a search of its neighbours; ours.
const learned = 3

// badStart reports whether all that a language model's study has found so far
// learned next to nothing, and the rule book has not begun anew yet. It does so
// next then: changed a little at a time, a network that does not learn was seen to
// keep a search at the bottom for all its rounds.
func (d *round) badStart() bool {
	if d.fallback == nil || d.settings.Model == "" || len(d.history.Complete()) == 0 {
		return false
	}
	chance := 1 / float64(len(d.info.ClassNames))
	return !slices.ContainsFunc(d.history.Measured(), func(t trial.Trial) bool {
		return t.Metrics[trial.Accuracy].Value >= learned*chance
	}) && !slices.ContainsFunc(d.history, func(t trial.Trial) bool {
		return t.Parent == 0 && t.Proposer == d.fallback.Name()
	})
}

// placebo draws as many commands as the expert gave, without looking.
func placebo(n int, seed int64, id int) []trial.Command {
	all := expert.Commands()
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(id)))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var out []trial.Command
	for _, c := range all[:min(n, len(all))] {
		out = append(out, trial.Command{Code: c.Code, Text: c.Text, Rule: "placebo", Reason: "it may help"})
	}
	return out
}

// reflect lets a language model rewrite the lessons, every few rounds.
func (d *round) reflect(ctx context.Context) error {
	p, ok := d.proposer.(propose.Reflector)
	if !ok || d.outage.Load() || len(d.history) == 0 || (d.ID-1)%lessonsEvery != 0 ||
		d.settings.without(Lessons) || d.settings.without(Feedback) || d.settings.without(Loop) {
		return nil
	}
	if err := d.whileQuiet(ctx); err != nil {
		return err
	}
	lessons, err := p.Reflect(ctx, d.request(0))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // not worth more than a word: the round goes on with the lessons there are
		d.emit(Event{Kind: Note, Trial: d.Trial, Text: fmt.Sprintf("trial %d: the lessons were not rewritten: %v", d.ID, err)})
	}
	if lessons.Text == "" && lessons.Exchange == nil {
		return nil
	}
	d.Trial.Lessons = &lessons
	if err := d.save(ctx, d.Trial); err != nil {
		return err
	}
	if lessons.Text != "" {
		d.emit(Event{Kind: Reflected, Trial: d.Trial})
	}
	return nil
}

// propose asks for a program until one is accepted: by the study's proposer
// first, then by the rule book.
func (d *round) propose(ctx context.Context) error {
	if n := len(d.Attempts); n > 0 && d.Attempts[n-1].State == trial.Complete { // interrupted before it was accepted
		return d.acceptAgain(ctx)
	}
	if len(d.Attempts) == 0 && !d.settings.without(Loop) && d.badStart() {
		d.note("trial %d: nothing so far learned much, the rule book begins anew", d.ID)
		if err := d.ask(ctx, d.fallback, 0, repairs); err != nil || d.State == trial.Running {
			return err
		}
	}
	last := repairs
	if d.settings.without(Repair) {
		last = 0
	}
	if r, ok := d.proposer.(propose.Replayer); ok {
		last = r.Turns(d.ID) - 1
	}
	if turns := len(d.Attempts); turns <= last { // else an interrupted trial had come as far as the rule book
		if err := d.ask(ctx, d.proposer, turns, last); err != nil || d.State == trial.Running {
			return err
		}
	}
	if d.fallback != nil {
		d.note("trial %d: no program of %s was accepted, the rule book proposes", d.ID, d.proposer.Name())
		if err := d.ask(ctx, d.fallback, len(d.Attempts), len(d.Attempts)+repairs); err != nil || d.State == trial.Running {
			return err
		}
	}
	end := d.Attempts[len(d.Attempts)-1]
	d.State, d.Reason = end.State, end.Reason
	return nil
}

// ask gives one proposer the turns first to last.
func (d *round) ask(ctx context.Context, p propose.Proposer, first, last int) error {
	limited, cancel := context.WithTimeout(ctx, d.roundTimeout())
	defer cancel()
	for turn := first; turn <= last && d.State == trial.Waiting; turn++ {
		if err := d.whileQuiet(ctx); err != nil {
			return err
		}
		d.emit(Event{Kind: Asking, Trial: d.Trial, Text: p.Name()})
		call := limited
		if d.outage.Load() {
			call = propose.Probe(limited)
		}
		proposal, err := p.Propose(call, d.request(turn))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if limited.Err() != nil {
			proposal.Source = "" // it came too late
			err = fmt.Errorf("the round's %s for proposals are over: %w", d.roundTimeout(), limited.Err())
		}
		if err := d.whileQuiet(ctx); err != nil {
			return err
		}
		gone, fault := d.answered(ctx, p, turn, proposal, err)
		if fault != nil {
			return fault
		}
		if gone {
			break
		}
	}
	return nil
}

func isReplay(p propose.Proposer) bool { _, ok := p.(propose.Replayer); return ok }

// by is who gives the answer of a turn: of a replay, with the one that it repeats.
func (d *round) by(p propose.Proposer, turn int) string {
	if !isReplay(p) {
		return p.Name()
	}
	t, _ := d.recorded.ByID(d.ID)
	for _, a := range slices.Backward(t.Attempts) {
		if a.Turn == turn {
			return replay + " of " + strings.TrimPrefix(a.Proposer, replay+" of ")
		}
	}
	return p.Name()
}

// answered records the outcome of one turn, and accepts the program where it is
// good. It reports whether asking again in this round would be in vain.
func (d *round) answered(ctx context.Context, p propose.Proposer, turn int, proposal propose.Proposal, err error) (gone bool, fault error) {
	a := trial.Attempt{Turn: turn, Proposer: d.by(p, turn), State: trial.Invalid, Program: proposal.Source, Plan: proposal.Plan, Exchange: proposal.Exchange}
	var program *arch.Program
	if err != nil {
		a.Reason = err.Error()
	} else {
		if program, a.State, a.Reason, fault = d.check(ctx, proposal.Source); fault != nil {
			return false, fault
		}
		if a.State == trial.Complete {
			a.Reason = proposal.Note
			if reason := d.hopeless(p, turn, program); reason != "" {
				a.State, a.Reason = trial.Pruned, reason
			}
		}
	}
	if program != nil {
		a.Hash = program.Network.Hash()
	}
	if err := d.store.AddAttempt(context.WithoutCancel(ctx), d.name, d.ID, a); err != nil {
		return false, err
	}
	d.Attempts = append(d.Attempts, a)
	if a.State == trial.Complete {
		switch {
		case proposal.Parent > 0:
			d.Parent = proposal.Parent
		case proposal.Parent < 0:
			d.Parent = 0
		}
		if err := d.accept(a.Proposer, program); err != nil {
			return false, err
		}
		if err := d.save(ctx, d.Trial); err != nil {
			return false, err
		}
	}
	d.put(d.Trial)
	d.emit(Event{Kind: Answered, Trial: d.Trial})
	return d.reach(p, err), nil
}

// reach notices when a language model goes out of reach, meets a cap, or is back,
// and reports whether it cannot be asked now.
func (d *round) reach(p propose.Proposer, err error) (gone bool) {
	out := errors.As(err, new(*propose.CallError)) || errors.Is(err, context.DeadlineExceeded)
	capped := errors.As(err, new(*propose.CapError))
	if p != d.proposer { // the rule book is always at hand
		return false
	}
	was := d.outage.Swap(out)
	if isReplay(p) { // what followed was recorded too
		return false
	}
	switch {
	case out && !was:
		d.note("trial %d: %s is out of reach; the study goes on with the rule book and asks again in the next round: %v", d.ID, p.Name(), err)
	case capped:
		d.note("trial %d: %v", d.ID, err)
	case was && !out:
		d.note("trial %d: %s is back", d.ID, p.Name())
	}
	return out || capped
}

// request is what the proposer is told, less what an ablation keeps from it.
func (d *round) request(turn int) propose.Request {
	req := propose.Request{
		Task: propose.Task{
			Data: datasets.Short(d.info.Name), Title: d.info.Title, Input: inputOf(d.info), Classes: len(d.info.ClassNames), ClassNames: d.info.ClassNames,
			TrainSamples: d.settings.TrainSamples, Epochs: d.settings.Epochs,
		},
		Objective: d.objective, Trial: d.ID, Turn: turn, Seed: d.settings.Seed, Template: d.settings.Template, Recipe: d.recipe(),
		Commands: d.Commands, Niche: d.Niche, History: d.history, Attempts: d.Attempts, NoLearning: d.settings.without(Learning), Forecasts: &d.forecasts,
		Known: func(p *arch.Program) (int, bool) {
			id := d.known(p)
			return id, id > 0
		},
		Broken: func(p *arch.Program) string {
			_, reason := d.static(p)
			return reason
		},
	}
	if parent, ok := d.history.ByID(d.Parent); ok {
		req.Parent = &parent
	}
	req.Lessons = req.History.Lessons()
	if d.Trial.Lessons != nil && d.Trial.Lessons.Text != "" {
		req.Lessons = d.Trial.Lessons.Text
	}
	switch {
	case d.settings.without(Loop):
		req.History, req.Lessons = nil, ""
	case d.settings.without(Feedback):
		req.History, req.Lessons = nil, ""
		req.Commands = slices.Clone(req.Commands)
		for i := range req.Commands {
			req.Commands[i].Reason = ""
		}
		if req.Parent != nil {
			req.Parent.Metrics, req.Parent.Curve, req.Parent.Effectiveness = nil, nil, nil
		}
	case d.settings.without(Lessons):
		req.Lessons = ""
	}
	return req
}

// check runs a program with symbolic tensors and holds it against the limits and
// against what was tried before. A returned error is not the program's.
func (d *round) check(ctx context.Context, source string) (_ *arch.Program, _ trial.State, reason string, _ error) {
	program, err := d.parse(ctx, source)
	if ctx.Err() != nil {
		return nil, "", "", ctx.Err()
	}
	if wrong := (*evaluate.ProgramError)(nil); errors.As(err, &wrong) {
		return nil, trial.Invalid, wrong.Error(), nil
	} else if err != nil {
		return nil, "", "", err
	}
	costs, reason := d.static(program)
	if reason != "" {
		size := fmt.Sprintf("%s (it has %s parameters and %s multiply-accumulates)", reason,
			objective.Format(trial.Params, costs[trial.Params].Value), objective.Format(trial.MACs, costs[trial.MACs].Value))
		return program, trial.Infeasible, size, nil
	}
	if id := d.known(program); id > 0 {
		return program, trial.Duplicate, fmt.Sprintf("the same network with the same recipe was trial %d", id), nil
	}
	return program, trial.Complete, "", nil
}

func (d *round) accept(proposer string, program *arch.Program) error {
	key, err := trial.Key(d.job(program), d.engine)
	if err != nil {
		return err
	}
	d.State, d.Proposer, d.Program, d.Key = trial.Running, proposer, program, key
	d.Hash, d.Costs = program.Network.Hash(), program.Network.Costs()
	d.Metrics, _ = d.static(program)
	return nil
}

// acceptAgain takes up the program that was answered last.
func (d *round) acceptAgain(ctx context.Context) error {
	last := d.Attempts[len(d.Attempts)-1]
	program, err := d.parse(ctx, last.Program)
	if err != nil {
		return fmt.Errorf("trial %d: its recorded program: %w", d.ID, err)
	}
	return d.accept(last.Proposer, program)
}

// whileQuiet waits until no network is being profiled.
func (d *round) whileQuiet(ctx context.Context) error {
	d.ahead.quiet.Lock()
	d.ahead.quiet.Unlock() //nolint:staticcheck // it is the waiting that counts
	return ctx.Err()
}

func (d *round) note(format string, args ...any) {
	d.emit(Event{Kind: Note, Trial: d.Trial, Text: fmt.Sprintf(format, args...)})
}
