package kernelext

import (
	"context"
	"fmt"
	"html"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Run runs the study as its own Run does, with a live view of it in the cell's
// output, or lines of text where there is no notebook. Interrupting the cell ends
// it after the step at hand; running the cell again goes on.
func Run(ctx context.Context, s *lemonade.Study, o lemonade.RunOptions) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	p := newProgress(s, o.Trials)
	also := o.On
	o.On = func(e lemonade.Event) {
		p.event(e)
		if also != nil {
			also(e)
		}
	}
	err := s.Run(ctx, o)
	p.end()
	return err
}

// Progress returns the live view of [Run] for a caller that runs the study
// itself: on takes the events of [lemonade.RunOptions], and end leaves the view in
// its final form.
func Progress(s Study) (on func(lemonade.Event), end func()) {
	p := newProgress(s, 0)
	return p.event, p.end
}

// The pace of the view, and of the lines where there is none.
const (
	frame     = 250 * time.Millisecond
	plainPace = 10 * time.Second
)

// notesShown is how many of the latest notes stay in the view: an outage of a
// language model must not be gone with the next event.
const notesShown = 3

// progress turns events into a view that is updated in place.
type progress struct {
	mu       sync.Mutex
	study    Study
	total    int // trials in all; 0 where it is not known
	show     func(plain, page string)
	out      io.Writer // for lines; nil where there is a notebook
	now      func() time.Time
	last     time.Time // of the last frame or line
	notes    []string  // the latest, each with its time of day
	noted    string    // the last one without it
	status   string    // what the last event told
	doing    []doing   // the trials under way; two where proposals overlap training
	training int       // the trial that done is of
	done     float64   // of that trial, 0..1
	forecast string    // of that trial, once it is known
}

// doing is what happens to one trial.
type doing struct {
	trial int
	text  string
	ended bool
}

func newProgress(s Study, total int) *progress {
	p := &progress{study: s, total: total, now: time.Now}
	if !gonbui.IsNotebook {
		p.out = os.Stdout
		return p
	}
	id := "lemonade-progress-" + gonbui.UniqueId()
	p.show = func(plain, page string) {
		gonbui.SendData(&protocol.DisplayData{DisplayID: id, Data: map[protocol.MIMEType]any{
			protocol.MIMETextHTML: page, protocol.MIMETextPlain: plain,
		}})
	}
	return p
}

func (p *progress) event(e lemonade.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := Describe(e)
	if text == "" {
		return
	}
	p.take(e, text)
	often := e.Kind == lemonade.Progress // the others are few, and each is shown
	if p.out != nil {
		if !often || e.Progress.Report != nil || p.now().Sub(p.last) >= plainPace {
			p.last = p.now()
			fmt.Fprintln(p.out, printable(text))
		}
		return
	}
	if often && p.now().Sub(p.last) < frame {
		return
	}
	p.last = p.now()
	p.show(p.status, p.page(true))
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
			p.forecast = ""
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
	p.doing = append(p.doing, doing{e.Trial.ID, text, e.Kind == lemonade.Ended})
	slices.SortFunc(p.doing, func(a, b doing) int { return a.trial - b.trial })
}

// end leaves the table of the trials.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		p.show(Text(ViewOf(p.study)), p.page(false))
		gonbui.Sync()
	}
}

// Describe says in a line what an event tells.
func Describe(e lemonade.Event) string {
	t := e.Trial
	switch e.Kind {
	case lemonade.Note:
		return e.Text
	case lemonade.Began:
		return strings.TrimSpace(fmt.Sprintf("trial %d: the expert system asks: %s", t.ID, codes(t)))
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
			return fmt.Sprintf("trial %d: a network of %s with %s parameters", t.ID, a.Proposer, value(t, trial.Params))
		}
		return fmt.Sprintf("trial %d: answer %d is %s: %s", t.ID, len(t.Attempts), a.State, clip(firstLine(a.Reason), 160))
	case lemonade.Progress:
		text := fmt.Sprintf("trial %d: %s, %.0f %%", t.ID, e.Progress.Phase, 100*e.Progress.Done)
		if e.Progress.Epochs > 0 {
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
	case lemonade.Ended:
		return fmt.Sprintf("trial %d: %s", t.ID, Line(t))
	}
	return ""
}

// page is the view in HTML: while the study runs with what it does and a bar.
func (p *progress) page(running bool) string {
	v := ViewOf(p.study)
	var b strings.Builder
	of := ""
	if p.total > 0 {
		of = fmt.Sprintf(" of %d", p.total)
	}
	fmt.Fprintf(&b, `<div style="font-size:13px"><b>%s</b> on %s: %d%s trials · %s`,
		html.EscapeString(v.Name), html.EscapeString(v.Data), len(v.Trials), of, html.EscapeString(v.summary()))
	if running {
		fmt.Fprintf(&b, `<div style="width:420px;height:8px;margin:6px 0;background:#ddd;border-radius:4px"><div style="width:%.0f%%;height:8px;background:%s;border-radius:4px"></div></div>`,
			100*min(max(p.done, 0), 1), blue)
		for _, d := range p.doing {
			fmt.Fprintf(&b, `<div>%s</div>`, html.EscapeString(d.text))
		}
	}
	for _, note := range p.notes {
		fmt.Fprintf(&b, `<div style="color:#777">%s</div>`, html.EscapeString(note))
	}
	b.WriteString(`</div>`)
	if len(v.Trials) > 0 {
		b.WriteString(v.htmlTable())
		b.WriteString(v.costCard())
		b.WriteString(v.lessonsHTML())
	}
	return b.String()
}
