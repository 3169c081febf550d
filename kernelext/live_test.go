package kernelext

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// shown keeps what a live view sends.
type shown struct{ all []sent }

type sent struct{ display, plain, page string }

func (s *shown) of(display string) (found []sent) {
	for _, d := range s.all {
		if d.display == display {
			found = append(found, d)
		}
	}
	return found
}

func (s *shown) last(display string) sent {
	all := s.of(display)
	if len(all) == 0 {
		return sent{}
	}
	return all[len(all)-1]
}

func (s *shown) page(display string) string  { return s.last(display).page }
func (s *shown) plain(display string) string { return s.last(display).plain }

// fakeLive is a live view of a study that stands still, without its pulse.
func fakeLive(v View) (*progress, *shown) {
	s := &shown{}
	p := &progress{study: stub{v}, now: time.Now, began: time.Unix(0, 0)}
	p.view = newLive(func(id, plain, page string) {
		s.all = append(s.all, sent{id[strings.LastIndex(id, "-")+1:], plain, page})
	})
	return p, s
}

func TestLiveFrames(t *testing.T) {
	v := fake(t)
	clock := time.Unix(0, 0)
	p, shown := fakeLive(v)
	p.now = func() time.Time { return clock }
	p.event(lemonade.Event{Kind: lemonade.Began, Trial: v.Trials[0], Trials: 12})
	for i := range 100 { // ten seconds of progress, ten times a second
		clock = clock.Add(100 * time.Millisecond)
		p.event(lemonade.Event{Kind: lemonade.Progress, Trial: v.Trials[0], Progress: &trial.Progress{
			Phase: trial.PhaseTrain, Done: float64(i) / 100, Epoch: 1 + i/20, Epochs: 5, Accuracy: 0.25,
		}})
	}
	if n := len(shown.of(statusDisplay)); n < 30 || n > 42 {
		t.Errorf("%d frames in ten seconds, want about 4 a second at most", n)
	}
	if n := len(shown.of(tableDisplay)); n != 1 {
		t.Errorf("the table was sent %d times, want once: nothing of it has changed", n)
	}
	if got, want := shown.plain(statusDisplay), "trial 1: train, 98 %, epoch 5 of 5, validation accuracy 25.0 %"; got != want {
		t.Errorf("the status is %q, want %q", got, want)
	}
	// Eleven trials of twelve have ended, and the last one is nearly through.
	for _, want := range []string{"11 of 12 trials", "width:99.8%", "9 s so far", "out-of-memory"} {
		if page := shown.page(statusDisplay) + shown.page(tableDisplay); !strings.Contains(page, want) {
			t.Errorf("the view lacks %q", want)
		}
	}

	// While nothing is told, the time that it takes goes on, at least once a second.
	frames := len(shown.all)
	var longest time.Duration
	for at := clock; clock.Before(time.Unix(13, 0)); {
		before := len(shown.all)
		clock = clock.Add(frame)
		p.view.tick(p)
		if longest = max(longest, clock.Sub(at)); len(shown.all) > before {
			at = clock
		}
	}
	if n := len(shown.all) - frames; n < 3 || n > 4 || longest > time.Second {
		t.Errorf("in three silent seconds there are %d frames, the longest time between two is %v", n, longest)
	}
	if page := shown.page(statusDisplay); !strings.Contains(page, "13 s so far") || !strings.Contains(page, ", for 3 s") {
		t.Errorf("after three silent seconds the view is %s", page)
	}

	p.end("took 13 s")
	for _, display := range []string{statusDisplay, tableDisplay} {
		if page := shown.page(display); strings.Contains(page, "progressbar") || page == "" {
			t.Errorf("the %s does not stand still at the end: %s", display, page)
		}
	}
	frames = len(shown.all)
	p.view.tick(p)
	if len(shown.all) != frames {
		t.Error("the view goes on after its end")
	}
}

// TestLiveChart holds that the chart is updated by a script where a trial has
// ended, with a still picture of the same beside it, and that at the end the
// first display has the whole chart and the one of the script nothing.
func TestLiveChart(t *testing.T) {
	v := fake(t)
	last := v.Trials[10]
	v.Trials = v.Trials[:10]
	clock := time.Unix(0, 0)
	p, shown := fakeLive(v)
	p.now = func() time.Time { return clock }
	p.view.status(p, "")
	p.view.stale, p.view.unplaced = true, true
	p.view.tables(p)
	if n := marks(t, shown.page(updateDisplay)); n != 10 { // of 8 trials, two with a second one
		t.Errorf("the chart of what is known has %d marks", n)
	}
	if !strings.Contains(shown.page(updateDisplay), "<img src=\"data:image/svg+xml;base64,") {
		t.Error("beside the script there is no still picture")
	}
	clock = clock.Add(time.Second)
	p.event(lemonade.Event{Kind: lemonade.Began, Trial: last})
	if n := len(shown.of(updateDisplay)); n != 1 {
		t.Errorf("the chart was updated %d times though no trial has ended", n-1)
	}
	v.Trials = append(v.Trials, last)
	p.study = stub{v}
	clock = clock.Add(time.Second)
	p.event(lemonade.Event{Kind: lemonade.Ended, Trial: last})
	if n := marks(t, shown.page(updateDisplay)); n != 11 {
		t.Errorf("after another trial the chart has %d marks, want one more", n)
	}
	p.end("")
	if got := shown.page(updateDisplay); got != "" {
		t.Errorf("the display of the script holds at the end: %.200s", got)
	}
	final := shown.page(chartDisplay)
	if n := marks(t, final); n != 11 || !strings.Contains(final, "<img src=") || !strings.Contains(final, "DecompressionStream") {
		t.Errorf("the first display has a chart of %d marks at the end, or lacks its picture or the library", n)
	}
	ids := regexp.MustCompile(`"id":"([^"]+)"`)
	if a, b := ids.FindStringSubmatch(shown.of(updateDisplay)[0].page), ids.FindStringSubmatch(final); a[1] != b[1] {
		t.Errorf("the chart is updated in %s and ends in %s", a[1], b[1])
	}
}

// marks counts the points of the chart that a page tells the library of.
func marks(t *testing.T, page string) (n int) {
	t.Helper()
	for _, script := range regexp.MustCompile(`waiting:\[\]},(\{.*?\})\);</script>`).FindAllStringSubmatch(page, -1) {
		var s struct {
			Option *struct {
				Series []struct {
					Name   string
					Silent bool
					Data   []any
				}
			}
		}
		if err := json.Unmarshal([]byte(script[1]), &s); err != nil {
			t.Fatal(err)
		}
		if s.Option == nil {
			continue
		}
		for _, series := range s.Option.Series {
			if !series.Silent {
				n += len(series.Data)
			}
		}
	}
	return n
}

// TestLiveBegins holds the order of the displays, which is that of the page, and
// that a pulse goes on until the end.
func TestLiveBegins(t *testing.T) {
	p, shown := fakeLive(View{Name: "new", Data: "digits", Objective: fake(t).Objective})
	p.mu.Lock() // the pulse waits
	p.view.begin(p)
	var order []string
	for _, d := range shown.all {
		order = append(order, d.display)
	}
	if got := strings.Join(order, " "); got != "status chart update table table" {
		t.Errorf("the displays come as %q", got)
	}
	if !strings.Contains(shown.page(statusDisplay), "no trials yet") {
		t.Errorf("a new study begins with %s", shown.page(statusDisplay))
	}
	p.mu.Unlock()
	p.end("took 0 s")
	if got := shown.page(chartDisplay); got != "" {
		t.Errorf("a study without measurements ends with a chart: %.200s", got)
	}
}

// TestPulse holds that the view goes on while nothing is told, beside events of
// another goroutine.
func TestPulse(t *testing.T) {
	v := fake(t)
	p, shown := fakeLive(v)
	p.mu.Lock()
	p.view.begin(p)
	frames := len(shown.of(statusDisplay))
	p.mu.Unlock()
	time.Sleep(pulse + frame)
	p.mu.Lock()
	if n := len(shown.of(statusDisplay)); n == frames {
		t.Error("the status stands still while nothing is told")
	}
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			p.event(lemonade.Event{Kind: lemonade.Ended, Trial: v.Trials[0], Trials: 12})
			time.Sleep(frame / 10)
		}
	}()
	<-done
	p.end("took a moment")
}
