package lemonade

import (
	"context"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Pace is how often a run leaves word of a training for those who follow it, and
// how often they look.
const Pace = time.Second

// Running reports whether a process runs the study, this one included, and what
// it tells of the run.
func (s *Study) Running() (record.Runner, bool, error) { return s.store.Running(s.name) }

// Follow tells what the process does that runs the study, while the study is read
// again about once a second: the events of [RunOptions] that the record has, and
// the progress of a training. It returns nil when nobody runs the study any more,
// at once where nobody does, and ctx.Err() when it is cancelled.
func (s *Study) Follow(ctx context.Context, on func(Event)) error {
	f := follower{Study: s, on: on, known: s.Outlines()}
	for i, t := range f.known {
		if !t.State.Done() { // told from its beginning
			f.known[i] = trial.Trial{}
		}
	}
	ticks := time.NewTicker(Pace)
	defer ticks.Stop()
	for {
		// Asked before the record is read, so that nothing of an ended run is missed.
		runner, running, err := s.Running()
		if err != nil {
			return err
		}
		if err := f.look(ctx, runner); err != nil {
			return err
		}
		if !running {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticks.C:
		}
	}
}

// follower turns what has changed in the record into events.
type follower struct {
	*Study
	on      func(Event)
	runner  record.Runner // as last told
	known   trial.History // the trials as last told
	at      moment        // likewise
	changes int64         // of the record, as last read
}

func (f *follower) look(ctx context.Context, runner record.Runner) error {
	changes, err := f.store.Changed(ctx, f.name)
	if err != nil {
		return err
	}
	f.runner = runner
	if changes != f.changes { // asking costs next to nothing, reading all trials does not
		if err := f.Refresh(ctx); err != nil {
			return err
		}
		f.changes = changes
		trials := f.Outlines()
		for i, t := range trials {
			var before trial.Trial
			if i < len(f.known) {
				before = f.known[i]
			}
			f.compare(before, t)
		}
		f.known = trials
	}
	if t, ok := f.known.ByID(runner.Trial); ok && runner.Progress != nil && !t.State.Done() {
		now := moment{t.ID, runner.Progress.Phase, runner.Progress.Done}
		if now != f.at {
			f.at = now
			f.tell(Event{Kind: Progress, Trial: t, Progress: runner.Progress})
		}
	}
	return nil
}

// moment is how far a training has come.
type moment struct {
	trial int
	phase string
	done  float64
}

// compare tells what has happened to a trial, in the order in which it does.
func (f *follower) compare(before, t trial.Trial) {
	if before.ID == 0 {
		f.tell(Event{Kind: Began, Trial: t})
	}
	if before.Lessons == nil && t.Lessons != nil {
		f.tell(Event{Kind: Reflected, Trial: t})
	}
	for n := len(before.Attempts) + 1; n <= len(t.Attempts); n++ {
		then := t
		then.Attempts = t.Attempts[:n]
		f.tell(Event{Kind: Answered, Trial: then})
	}
	if t.State == trial.Running && len(t.Rungs) > 0 && (before.State != trial.Running || len(before.Rungs) < len(t.Rungs)) {
		f.tell(Event{Kind: Promoted, Trial: t})
	}
	asked := before.ID == 0 || len(before.Attempts) < len(t.Attempts)
	switch {
	case t.State == trial.Waiting && asked:
		f.tell(Event{Kind: Asking, Trial: t, Text: t.Proposer})
	case t.State.Done() && (before.ID == 0 || !before.State.Done() || len(before.Rungs) < len(t.Rungs)):
		f.tell(Event{Kind: Ended, Trial: t})
	}
}

func (f *follower) tell(e Event) {
	e.Trials = f.runner.Trials
	f.on(e)
}

// word is what the run has told last to those who follow it.
type word struct {
	record.Runner
	at       time.Time
	forecast *trial.Forecast // of the training at hand
}

// leaveWord tells those who follow the run how far a training is, once a second;
// the rest they see in the record. That it could not be told is not worth the run.
func (r *runner) leaveWord(e Event) {
	w := &r.word
	switch {
	case e.Kind == Progress:
		p := *e.Progress
		if w.Trial != e.Trial.ID {
			w.forecast = nil
		}
		if p.Forecast != nil { // told once, and good for the rest of the training
			w.forecast = p.Forecast
		}
		p.Forecast = w.forecast
		same := w.Trial == e.Trial.ID && w.Progress.Phase == p.Phase
		if same && (time.Since(w.at) < Pace || p.Phase == trial.PhaseProfile) { // nothing is to disturb that
			return
		}
		w.Trial, w.Progress = e.Trial.ID, &p
	case e.Kind == Ended && w.Trial == e.Trial.ID:
		w.Trial, w.Progress = 0, nil
	default:
		return
	}
	w.at = time.Now()
	_ = r.store.Tell(r.name, w.Runner)
}
