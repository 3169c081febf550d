package kernelext

import (
	"fmt"
	"html"
	"os"
	"strings"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/lemo-nade/lemonade/lemonade"
)

// The pace of the live view: of its status while a network is trained, and of the
// status while nothing is told; of the chart and the table at most.
const (
	frame = 250 * time.Millisecond
	pulse = time.Second
)

// The displays of the live view, in the order of the page. The chart is drawn into
// the box of one and updated by the script of the next, which also holds the still
// picture, so that the view is right whenever the notebook is saved: where scripts
// run they move the picture's place to the box.
const (
	statusDisplay = "status"
	chartDisplay  = "chart"
	updateDisplay = "update"
	tableDisplay  = "table"
)

// live is the view of a study in a notebook, in displays that are updated in place.
type live struct {
	send     func(display, plain, page string)
	id, key  string // of the chart and of what it tells of the trials
	statusAt time.Time
	tableAt  time.Time
	pauses   pauses
	stale    bool // the table
	unplaced bool // the chart lacks a trial
	stopped  chan struct{}
}

// pauses are how long the displays are left as they are at least, where a study has
// so many trials that to draw them takes long: the search is not to wait for its view.
type pauses struct{ status, table time.Duration }

// spare begins an update; where that is over it makes the pause twenty times as long.
func spare(pause *time.Duration, v View) func() {
	began := time.Now()
	return func() {
		if *pause = 0; len(v.Trials) > many {
			*pause = 20 * time.Since(began)
		}
	}
}

// send is how a display reaches the notebook; the first word of a display places it.
func send(id, plain, page string) {
	gonbui.SendData(&protocol.DisplayData{DisplayID: id, Data: map[protocol.MIMEType]any{
		protocol.MIMETextHTML: page, protocol.MIMETextPlain: plain,
	}})
}

func newLive(send func(id, plain, page string)) *live {
	l := &live{id: newID(), key: newID(), stopped: make(chan struct{})}
	l.send = func(display, plain, page string) { send(l.id+"-"+display, plain, page) }
	return l
}

// begin places the displays and starts the pulse, which keeps the time that things
// take in sight while nothing is told.
func (l *live) begin(p *progress) {
	l.status(p, "")
	l.send(chartDisplay, "", libraryOnce()+l.box())
	l.send(updateDisplay, "", "")
	l.send(tableDisplay, "", "")
	l.stale, l.unplaced = true, true
	l.tables(p)
	go func() {
		ticks := time.NewTicker(frame)
		defer ticks.Stop()
		for {
			select {
			case <-l.stopped:
				return
			case <-ticks.C:
				p.mu.Lock()
				l.tick(p)
				p.mu.Unlock()
			}
		}
	}()
}

// box is where scripts draw the chart; it has no height without them.
func (l *live) box() string {
	return fmt.Sprintf(`<div id=%q style="position:relative;max-width:%dpx"></div><div id="%s-card"></div>`, l.id, chartWidth, l.id)
}

func (l *live) event(p *progress, kind lemonade.Kind) {
	if kind != lemonade.Progress {
		l.stale = true
		l.unplaced = l.unplaced || kind == lemonade.Ended
	}
	now := p.now()
	if (kind != lemonade.Progress && l.pauses.status == 0) || now.Sub(l.statusAt) >= max(frame, l.pauses.status) {
		l.status(p, "")
	}
	if now.Sub(l.tableAt) >= max(pulse, l.pauses.table) {
		l.tables(p)
	}
}

func (l *live) tick(p *progress) {
	select {
	case <-l.stopped: // the end came first
		return
	default:
	}
	if p.now().Sub(l.statusAt) >= max(pulse-frame, l.pauses.status) { // the next tick would be too late
		l.status(p, "")
	}
	if p.now().Sub(l.tableAt) >= max(pulse, l.pauses.table) {
		l.tables(p)
	}
}

// tables brings the table, and the chart where a trial has ended, up to date.
func (l *live) tables(p *progress) {
	if !l.stale {
		return
	}
	l.stale, l.tableAt = false, p.now()
	v := ViewOf(p.study)
	defer spare(&l.pauses.table, v)()
	if l.unplaced {
		l.unplaced = false
		if page, err := l.update(v.tradeOff()); err != nil {
			fmt.Fprintln(os.Stderr, "kernelext:", err)
		} else if page != "" {
			l.send(updateDisplay, "", page)
		}
	}
	l.send(tableDisplay, Text(v), v.tablesHTML())
}

// update is the script that brings the chart in the box up to date, beside the
// still picture.
func (l *live) update(c chart) (string, error) {
	if len(c.Series) == 0 {
		return "", nil
	}
	s, err := c.spec(l.id, l.key)
	if err != nil {
		return "", err
	}
	s.Holder = l.id + "-still"
	script, err := s.script()
	if err != nil {
		return "", err
	}
	trials, err := c.view.trialsScript(l.key, c)
	return fmt.Sprintf(`<div id=%q>%s</div>%s%s`, s.Holder, c.still(), trials, script), err
}

// end leaves the study as it stands: the first display has the chart, and the one
// that updated it nothing.
func (l *live) end(p *progress, word string) {
	close(l.stopped)
	v := ViewOf(p.study)
	l.status(p, word)
	if c := v.tradeOff(); len(c.Series) > 0 {
		drawn, err := c.drawn(l.id, l.key)
		if err == nil {
			var trials string
			if trials, err = v.trialsScript(l.key, c); err == nil {
				l.send(chartDisplay, c.Title, libraryOnce()+trials+drawn)
				l.send(updateDisplay, "", "")
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "kernelext:", err)
		}
	} else {
		l.send(chartDisplay, "", "")
	}
	l.send(tableDisplay, Text(v), v.tablesHTML())
	gonbui.Sync()
}

// status tells what happens now, or how it ended where there is a word on that.
func (l *live) status(p *progress, word string) {
	l.statusAt = p.now()
	plain := p.status
	v := ViewOf(p.study)
	defer spare(&l.pauses.status, v)()
	if word != "" {
		plain = p.head(v) + "\n" + word
	}
	l.send(statusDisplay, printable(plain), p.statusHTML(v, word))
}

// statusHTML is the head of the view, and while the study runs a bar with the
// forecast, what happens to the trials under way, and the latest notes.
func (p *progress) statusHTML(v View, word string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="font-size:13px;line-height:1.5">%s`, html.EscapeString(p.head(v)))
	if word != "" {
		fmt.Fprintf(&b, `<div>%s</div>`, html.EscapeString(word))
	} else {
		p.barHTML(&b, v)
	}
	for _, note := range p.notes {
		fmt.Fprintf(&b, `<div style="opacity:.75">%s</div>`, html.EscapeString(note))
	}
	b.WriteString(`</div>`)
	return b.String()
}

func (p *progress) barHTML(b *strings.Builder, v View) {
	now := p.now()
	share, of := p.done, "this training"
	if p.total > 0 {
		share, of = (float64(ended(v.Trials))+p.done)/float64(p.total), "all trials"
	}
	percent := 100 * min(max(share, 0), 1)
	fmt.Fprintf(b, `<div role="progressbar" aria-label="share of %s" aria-valuenow="%.0f" style="max-width:420px;height:8px;margin:6px 0 4px;background:#8884;border-radius:4px"><div style="width:%.1f%%;height:8px;background:%s;border-radius:4px"></div></div>`,
		of, percent, percent, blue)
	fmt.Fprintf(b, `<div>%s so far`, whole(now.Sub(p.began)))
	if left, ok := p.left(v.Trials); ok {
		fmt.Fprintf(b, ` · <b>%s left</b>`, about(left))
	}
	b.WriteString(`</div>`)
	for _, d := range p.doing {
		text := d.text
		if quiet := now.Sub(d.at); quiet >= 2*time.Second && !d.ended {
			text += ", for " + whole(quiet)
		}
		fmt.Fprintf(b, `<div>%s</div>`, html.EscapeString(text))
	}
}

// whole writes a time that goes on, without the parts of a second.
func whole(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return lasting(d.Truncate(time.Second).Seconds())
}

// tablesHTML is the table of the trials, what they have cost, what was trained outside
// the search, and the lessons.
func (v View) tablesHTML() string {
	if len(v.Trials) == 0 {
		return ""
	}
	return v.htmlTable(v.columns()) + v.costCard() + v.extrasHTML() + v.lessonsHTML()
}
