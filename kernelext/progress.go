package kernelext

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Run runs the study as its own Run does, with a live view of it in the cell's
// output, or lines of text where there is no notebook. Interrupting the cell ends
// it after the step at hand; running the cell again goes on.
func Run(ctx context.Context, s *lemonade.Study, o lemonade.RunOptions) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	p := newProgress(s, o.Trials, o.Stop.Time)
	also := o.On
	o.On = func(e lemonade.Event) {
		p.event(e)
		if also != nil {
			also(e)
		}
	}
	err := s.Run(ctx, o)
	p.end(p.outcome(err))
	return err
}

// Progress returns the live view of [Run] for a caller that runs the study
// itself: on takes the events of [lemonade.RunOptions], and end leaves the view in
// its final form.
func Progress(s Study) (on func(lemonade.Event), end func()) {
	p := newProgress(s, 0, 0)
	return p.event, func() { p.end(p.outcome(nil)) }
}

// Watch shows what [Run] does of a study that another process runs, such as a
// terminal or another notebook. It ends when nobody runs the study any more, at
// once where nobody does, and when it is interrupted, which does not touch the run.
func Watch(ctx context.Context, s *lemonade.Study) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	who, running, err := s.Running()
	if err != nil {
		return err
	}
	return newProgress(s, who.Trials, 0).watch(ctx, s, running)
}

// watch follows a study that is running, or shows where it stands.
func (p *progress) watch(ctx context.Context, s *lemonade.Study, running bool) error {
	if p.out != nil {
		fmt.Fprintln(p.out, printable(p.head(ViewOf(s))))
	}
	err := s.Follow(ctx, p.event)
	switch {
	case errors.Is(err, context.Canceled):
		p.end("no longer watched; the study goes on")
		return nil
	case err != nil:
		p.end("no longer watched")
	case running:
		p.end("no process runs it any more")
	default:
		p.end("no process runs it now")
	}
	return err
}

// linePace is how often a training is told of where there is no notebook.
const linePace = 10 * time.Second

// notesShown is how many of the latest notes stay in the view: an outage of a
// language model must not be gone with the next event.
const notesShown = 3

// progress turns events into a view that is updated in place, or into lines.
type progress struct {
	mu       sync.Mutex
	study    Study
	view     *live     // nil where there is no notebook
	out      io.Writer // for lines; nil where there is one
	now      func() time.Time
	began    time.Time
	limit    time.Duration // after which no trial begins; 0 where there is none
	total    int           // trials that the run goes to; 0 where it is not known
	lineAt   time.Time     // of the last line
	notes    []string      // the latest, each with its time of day
	noted    string        // the last one without it
	status   string        // what the last event told
	doing    []doing       // the trials under way; two where proposals overlap training
	training int           // the trial that done is of
	since    time.Time     // when that was first told of
	done     float64       // of that trial, 0..1
	forecast string        // of that trial, once it is known
}

// doing is what happens to one trial.
type doing struct {
	trial int
	text  string
	at    time.Time
	ended bool
}

func newProgress(s Study, total int, limit time.Duration) *progress {
	p := &progress{study: s, now: time.Now, began: time.Now(), total: total, limit: limit}
	if !gonbui.IsNotebook {
		p.out = os.Stdout
		return p
	}
	p.view = newLive(send)
	p.view.begin(p)
	return p
}

func (p *progress) event(e lemonade.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := Describe(e)
	if text == "" {
		return
	}
	if e.Trials > 0 {
		p.total = e.Trials
	}
	p.take(e, text)
	often := e.Kind == lemonade.Progress // the others are few, and each is shown
	if p.view != nil {
		p.view.event(p, e.Kind)
		return
	}
	if !often || e.Progress.Report != nil || p.now().Sub(p.lineAt) >= linePace {
		p.lineAt = p.now()
		if e.Kind == lemonade.Ended {
			text += p.standing()
		}
		fmt.Fprintln(p.out, printable(text))
	}
}

// standing tells how far the run is: " (3 of 12 trials, about 4 min left)".
func (p *progress) standing() string {
	trials := outlines(p.study)
	if p.total == 0 || ended(trials) >= p.total {
		return ""
	}
	text := fmt.Sprintf(" (%d of %d trials", ended(trials), p.total)
	if left, ok := p.left(trials); ok {
		text += ", " + about(left) + " left"
	}
	return text + ")"
}

// take keeps what the event tells in text.
func (p *progress) take(e lemonade.Event, text string) {
	p.status = text
	switch e.Kind {
	case lemonade.Note, lemonade.Reflected:
		if text != p.noted { // a model that stays away is told of once
			p.noted = text
			p.notes = append(p.notes, p.now().Format(time.TimeOnly)+" "+text)
			p.notes = p.notes[max(0, len(p.notes)-notesShown):]
		}
		return
	case lemonade.Progress:
		if e.Trial.ID != p.training {
			p.forecast, p.since = "", p.now()
		}
		p.training, p.done = e.Trial.ID, e.Progress.Done
		if f := forecast(e.Progress.Forecast); f != "" {
			p.forecast = f
		} else if p.forecast != "" { // told once, and good for the rest of the training
			text += ", " + p.forecast
		}
	default:
		if e.Trial.ID == p.training || e.Kind == lemonade.Ended {
			p.training, p.done, p.forecast = 0, 0, ""
		}
	}
	p.doing = slices.DeleteFunc(p.doing, func(d doing) bool { return d.ended || d.trial == e.Trial.ID })
	p.doing = append(p.doing, doing{e.Trial.ID, text, p.now(), e.Kind == lemonade.Ended})
	slices.SortFunc(p.doing, func(a, b doing) int { return a.trial - b.trial })
}

// outcome says how a run ended.
func (p *progress) outcome(err error) string {
	done := ended(outlines(p.study))
	switch {
	case errors.Is(err, context.Canceled):
		of := ""
		if p.total > done {
			of = fmt.Sprintf(" of %d", p.total)
		}
		return fmt.Sprintf("interrupted after %d%s trials; everything is kept, and running it again goes on", done, of)
	case err != nil:
		return "stopped: " + clip(err.Error(), 400)
	}
	return "took " + lasting(p.now().Sub(p.began).Seconds())
}

// end leaves the view as it is to stay, with a word on how it ended.
func (p *progress) end(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.view != nil {
		p.view.end(p, word)
		return
	}
	fmt.Fprintln(p.out, printable(word))
}

// Describe says in a line what an event tells.
func Describe(e lemonade.Event) string {
	t := e.Trial
	switch e.Kind {
	case lemonade.Note:
		return e.Text
	case lemonade.Began:
		if t.Proposer == trial.ByHand {
			return fmt.Sprintf("trial %d: a program written by hand", t.ID)
		}
		return fmt.Sprintf("trial %d: the expert system asks for %s", t.ID, cmp.Or(codes(t), "nothing yet"))
	case lemonade.Reflected:
		if t.Lessons == nil || t.Lessons.Text == "" {
			return ""
		}
		return fmt.Sprintf("trial %d: the lessons were rewritten: %s", t.ID, clip(firstLine(t.Lessons.Text), 160))
	case lemonade.Asking:
		return fmt.Sprintf("trial %d: waiting for answer %d of %s", t.ID, len(t.Attempts)+1, e.Text)
	case lemonade.Answered:
		a := t.Attempts[len(t.Attempts)-1]
		if a.State == trial.Complete {
			return fmt.Sprintf("trial %d: a network by %s with %s parameters", t.ID, a.Proposer, value(t, trial.Params))
		}
		return fmt.Sprintf("trial %d: answer %d is %s: %s", t.ID, len(t.Attempts), a.State, clip(firstLine(a.Reason), 160))
	case lemonade.Progress:
		text := fmt.Sprintf("trial %d: ", t.ID)
		if e.Progress.Rungs > 0 {
			text += fmt.Sprintf("rung %d of %d, ", e.Progress.Rung, e.Progress.Rungs)
		}
		text += fmt.Sprintf("%s, %.0f %%", e.Progress.Phase, 100*e.Progress.Done)
		if e.Progress.Epoch > 0 {
			text += fmt.Sprintf(", epoch %d of %d", e.Progress.Epoch, e.Progress.Epochs)
		}
		if e.Progress.Report != nil {
			text += fmt.Sprintf(", loss %.3f", e.Progress.Report.Loss)
		}
		if e.Progress.Accuracy > 0 {
			text += fmt.Sprintf(", validation accuracy %.1f %%", 100*e.Progress.Accuracy)
		}
		if f := forecast(e.Progress.Forecast); f != "" {
			text += ", " + f
		}
		return text
	case lemonade.Promoted:
		last := t.Rungs[len(t.Rungs)-1]
		return fmt.Sprintf("trial %d: goes on from %v, accuracy %s, to a longer training", t.ID, last, measured(trial.Accuracy, last.Metrics))
	case lemonade.Ended:
		return fmt.Sprintf("trial %d: %s", t.ID, Line(t))
	}
	return ""
}

// head tells what the study is and how far it has come, in a line.
func (p *progress) head(v View) string {
	far := several(ended(v.Trials), "trial")
	if p.total > 0 {
		far = fmt.Sprintf("%d of %s", ended(v.Trials), several(p.total, "trial"))
	}
	return fmt.Sprintf("study %s on %s: %s · %s", v.Name, v.data(), far, v.summary())
}
