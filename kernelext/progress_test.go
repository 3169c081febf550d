package kernelext

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// stub is a study that stands still.
type stub struct{ v View }

func (s stub) Name() string                   { return s.v.Name }
func (s stub) Data() string                   { return s.v.Data }
func (s stub) Trials() trial.History          { return s.v.Trials }
func (s stub) Objective() objective.Objective { return s.v.Objective }

func TestProgressLines(t *testing.T) {
	v := poison(fake(t))
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	p := &progress{study: stub{v}, now: func() time.Time { return clock }, out: &out}
	p.event(lemonade.Event{Kind: lemonade.Answered, Trial: v.Trials[0], Trials: 13})
	for range 300 { // half a minute
		clock = clock.Add(100 * time.Millisecond)
		p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[0], Progress: &trial.Progress{Phase: trial.PhaseCompile}})
	}
	p.event(lemonade.Event{Kind: lemonade.Ended, Trial: v.Trials[0]})
	p.end("took 30 s")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 {
		t.Errorf("%d lines, want 6:\n%s", len(lines), out.String())
	}
	if want := "(11 of 13 trials, about 2 min left)"; !strings.HasSuffix(lines[4], want) {
		t.Errorf("the end of a trial is told by %q, want it to end with %q", lines[4], want)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a line holds a control sequence")
	}
}

// TestProgressNotes holds that an outage and rewritten lessons stay in sight, and
// that a proposal for the next trial does not hide the training of this one.
func TestProgressNotes(t *testing.T) {
	v := fake(t)
	p, shown := fakeLive(v)
	p.now = func() time.Time { return time.Unix(0, 0) }
	last := func() string { return shown.page(statusDisplay) }
	shows := func(when string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(last(), want) {
				t.Errorf("%s: the view lacks %q in %s", when, want, last())
			}
		}
	}
	later := func() { p.view.statusAt = time.Time{} } // by a frame
	for range 2 {
		p.event(lemonade.Event{Kind: lemonade.Note, Trial: v.Trials[8], Text: "openai is out of reach"})
	}
	shows("at the outage", "openai is out of reach")
	p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[8], Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.5}})
	later()
	forecast := &trial.Forecast{Energy: 3.1e-6, Seconds: 41}
	p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[8], Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.4, Forecast: forecast}})
	if got, want := shown.plain(statusDisplay), "trial 9: train, 40 %, forecast after epoch 1: 3.1 mWh in 41.0 s"; got != want {
		t.Errorf("the status is %q, want %q", got, want)
	}
	later()
	p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[8], Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.5}})
	shows("after the forecast", "trial 9: train, 50 %, forecast after epoch 1: 3.1 mWh in 41.0 s<")
	p.event(lemonade.Event{Kind: lemonade.Asking, Trial: v.Trials[9], Text: "openai"})
	shows("while two trials are under way", "openai is out of reach", "trial 9: train, 50 %", "trial 10: waiting for answer", "width:50.0%")
	if n := strings.Count(last(), "out of reach"); n != 1 {
		t.Errorf("one outage is told %d times", n)
	}
	p.event(lemonade.Event{Kind: lemonade.Reflected, Trial: v.Trials[7]})
	if got, want := shown.plain(statusDisplay), "trial 8: the lessons were rewritten: - After trial 7"; !strings.HasPrefix(got, want) {
		t.Errorf("the status is %q, want %q", got, want)
	}
	p.event(lemonade.Event{Kind: lemonade.Ended, Trial: v.Trials[8]})
	if p.forecast != "" {
		t.Errorf("the forecast of a training that has ended stays: %s", p.forecast)
	}
	shows("after the training", "width:0.0%", "trial 9: complete", "trial 10: waiting for answer", "the lessons were rewritten")
	p.event(lemonade.Event{Kind: lemonade.Asking, Trial: v.Trials[9], Text: "openai"})
	if strings.Contains(last(), "trial 9: complete") {
		t.Error("a trial that has ended is still under way")
	}
	frames := len(shown.all)
	p.event(lemonade.Event{Kind: lemonade.Reflected, Trial: v.Trials[0]}) // without lessons there is nothing to tell
	if len(shown.all) != frames {
		t.Error("an event that tells nothing has a frame")
	}
	for i := range notesShown + 1 {
		p.event(lemonade.Event{Kind: lemonade.Note, Text: strings.Repeat("!", i+1)})
	}
	if len(p.notes) != notesShown {
		t.Errorf("%d notes are kept, want %d", len(p.notes), notesShown)
	}
	p.end("took 3 s")
	shows("at the end", "!!!!", "took 3 s")
	for _, want := range []string{"Lessons", "unpriced"} {
		if !strings.Contains(shown.page(tableDisplay), want) {
			t.Errorf("at the end: the table lacks %q", want)
		}
	}
}

func TestOutcome(t *testing.T) {
	v := fake(t)
	p := &progress{study: stub{v}, now: func() time.Time { return time.Unix(70, 0) }, began: time.Unix(0, 0), total: 12}
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, "took 1 min 10 s"},
		{fmt.Errorf("trial 3: %w", context.Canceled), "interrupted after 11 of 12 trials; everything is kept, and running it again goes on"},
		{lemonade.ErrNotFound, "stopped: no such study"},
	} {
		if got := p.outcome(test.err); got != test.want {
			t.Errorf("after %v: %q, want %q", test.err, got, test.want)
		}
	}
}

// TestWatch holds that a watch ends at once where nobody runs the study, and when it
// is cancelled where somebody does.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	s, err := lemonade.Open(t.Context(), "watched", lemonade.Options{Dir: dir, Data: "digits"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	watch := func(ctx context.Context, running bool) string {
		t.Helper()
		var out bytes.Buffer
		p := &progress{study: s, now: time.Now, out: &out}
		if err := p.watch(ctx, s, running); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got, want := watch(t.Context(), false), "study watched on digits: 0 trials · no trials yet\nno process runs it now\n"; got != want {
		t.Errorf("nobody runs it: %q, want %q", got, want)
	}
	store, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	unlock, err := store.Run("watched")
	if err != nil {
		t.Fatal(err)
	}
	interrupted, stop := context.WithCancel(t.Context())
	time.AfterFunc(time.Second/2, stop)
	if got := watch(interrupted, true); !strings.HasSuffix(got, "no longer watched; the study goes on\n") {
		t.Errorf("interrupted: %q", got)
	}
	time.AfterFunc(time.Second/2, func() { _ = unlock() })
	if got := watch(t.Context(), true); !strings.HasSuffix(got, "no process runs it any more\n") {
		t.Errorf("the run has ended: %q", got)
	}
}

func TestHeadCounts(t *testing.T) {
	v := fake(t)
	v.Trials = v.Trials[:1]
	for total, want := range map[int]string{0: ": 1 trial ·", 1: ": 1 of 1 trial ·", 5: ": 1 of 5 trials ·"} {
		if got := (&progress{total: total}).head(v); !strings.Contains(got, want) {
			t.Errorf("of %d: %q does not say %q", total, got, want)
		}
	}
}
