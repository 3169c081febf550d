package kernelext

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// stub is a study that stands still.
type stub struct{ v View }

func (s stub) Name() string                   { return s.v.Name }
func (s stub) Data() string                   { return s.v.Data }
func (s stub) Trials() trial.History          { return s.v.Trials }
func (s stub) Objective() objective.Objective { return s.v.Objective }

func TestProgressFrames(t *testing.T) {
	v := fake(t)
	clock := time.Unix(0, 0)
	var plains, pages []string
	p := &progress{study: stub{v}, total: 12, now: func() time.Time { return clock }, show: func(plain, page string) {
		plains, pages = append(plains, plain), append(pages, page)
	}}
	p.event(lemonade.Event{Kind: lemonade.Began, Trial: v.Trials[0]})
	for i := range 100 { // ten seconds of progress, ten times a second
		clock = clock.Add(100 * time.Millisecond)
		p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[0], Progress: &trial.Progress{
			Phase: trial.PhaseTrain, Done: float64(i) / 100, Epoch: 1 + i/20, Epochs: 5, Accuracy: 0.25,
		}})
	}
	if n := len(pages); n < 30 || n > 42 {
		t.Errorf("%d frames in ten seconds, want about 4 a second at most", n)
	}
	if got, want := plains[len(plains)-1], "trial 1: train, 98 %, epoch 5 of 5, validation accuracy 25.0 %"; got != want {
		t.Errorf("the status is %q, want %q", got, want)
	}
	last := pages[len(pages)-1]
	for _, want := range []string{"11 of 12 trials", "width:98%", "out-of-memory"} {
		if !strings.Contains(last, want) {
			t.Errorf("the view lacks %q", want)
		}
	}
	p.end()
	if final := pages[len(pages)-1]; strings.Contains(final, "width:98%") || !strings.Contains(final, "<table") {
		t.Errorf("the final view is not a still table: %s", final)
	}
}

func TestProgressLines(t *testing.T) {
	v := poison(fake(t))
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	p := &progress{study: stub{v}, now: func() time.Time { return clock }, out: &out}
	p.event(lemonade.Event{Kind: lemonade.Answered, Trial: v.Trials[0]})
	for range 300 { // half a minute
		clock = clock.Add(100 * time.Millisecond)
		p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[0], Progress: &trial.Progress{Phase: trial.PhaseCompile}})
	}
	p.event(lemonade.Event{Kind: lemonade.Ended, Trial: v.Trials[0]})
	p.end()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 {
		t.Errorf("%d lines, want 5:\n%s", len(lines), out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("a line holds a control sequence")
	}
}

// TestProgressNotes holds that an outage and rewritten lessons stay in sight, and
// that a proposal for the next trial does not hide the training of this one.
func TestProgressNotes(t *testing.T) {
	v := fake(t)
	var plains, pages []string
	p := &progress{study: stub{v}, now: func() time.Time { return time.Unix(0, 0) }, show: func(plain, page string) {
		plains, pages = append(plains, plain), append(pages, page)
	}}
	shows := func(when string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(pages[len(pages)-1], want) {
				t.Errorf("%s: the view lacks %q", when, want)
			}
		}
	}
	for range 2 {
		p.event(lemonade.Event{Kind: lemonade.Note, Trial: v.Trials[8], Text: "openai is out of reach"})
	}
	shows("at the outage", "openai is out of reach")
	p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[8], Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.5}})
	p.last = time.Time{} // a frame later
	forecast := &trial.Forecast{Energy: 3.1e-6, Seconds: 41}
	p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[8], Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.4, Forecast: forecast}})
	if got, want := plains[len(plains)-1], "trial 9: train, 40 %, forecast after epoch 1: 3.1 mWh in 41.0 s"; got != want {
		t.Errorf("the status is %q, want %q", got, want)
	}
	p.last = time.Time{} // a frame later
	p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[8], Progress: &trial.Progress{Phase: trial.PhaseTrain, Done: 0.5}})
	shows("after the forecast", "trial 9: train, 50 %, forecast after epoch 1: 3.1 mWh in 41.0 s<")
	p.event(lemonade.Event{Kind: lemonade.Asking, Trial: v.Trials[9], Text: "openai"})
	shows("while two trials are under way", "openai is out of reach", "trial 9: train, 50 %", "trial 10: waiting for answer", "width:50%")
	if n := strings.Count(pages[len(pages)-1], "out of reach"); n != 1 {
		t.Errorf("one outage is told %d times", n)
	}
	p.event(lemonade.Event{Kind: lemonade.Reflected, Trial: v.Trials[7]})
	if got, want := plains[len(plains)-1], "trial 8: the lessons were rewritten: - After trial 7"; !strings.HasPrefix(got, want) {
		t.Errorf("the status is %q, want %q", got, want)
	}
	p.event(lemonade.Event{Kind: lemonade.Ended, Trial: v.Trials[8]})
	if p.forecast != "" {
		t.Errorf("the forecast of a training that has ended stays: %s", p.forecast)
	}
	shows("after the training", "width:0%", "trial 9: complete", "trial 10: waiting for answer", "the lessons were rewritten")
	p.event(lemonade.Event{Kind: lemonade.Asking, Trial: v.Trials[9], Text: "openai"})
	if strings.Contains(pages[len(pages)-1], "trial 9: complete") {
		t.Error("a trial that has ended is still under way")
	}
	frames := len(pages)
	p.event(lemonade.Event{Kind: lemonade.Reflected, Trial: v.Trials[0]}) // without lessons there is nothing to tell
	if len(pages) != frames {
		t.Error("an event that tells nothing has a frame")
	}
	for i := range notesShown + 1 {
		p.event(lemonade.Event{Kind: lemonade.Note, Text: strings.Repeat("!", i+1)})
	}
	if len(p.notes) != notesShown {
		t.Errorf("%d notes are kept, want %d", len(p.notes), notesShown)
	}
	p.end()
	shows("at the end", "Lessons", "unpriced", "!!!!")
}
