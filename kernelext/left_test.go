package kernelext

import (
	"testing"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// clocked returns trials that ran at these seconds, each from the first to the
// second and so often.
func clocked(times ...[3]int) (h trial.History) {
	for i, at := range times {
		h = append(h, trial.Trial{
			ID: i + 1, State: trial.Complete, Runs: at[2],
			Started: time.Unix(int64(at[0]), 0), Ended: time.Unix(int64(at[1]), 0),
		})
	}
	return h
}

func TestPace(t *testing.T) {
	for _, test := range []struct {
		name    string
		trials  trial.History
		began   int64
		seconds float64
		ok      bool
	}{
		{"no trials", nil, 0, 0, false},
		{"only duplicates", clocked([3]int{0, 2, 0}), 0, 2, false},
		{"one after the other", clocked([3]int{0, 30, 1}, [3]int{31, 71, 1}), 0, 35, true},
		{"overlapping proposals", clocked([3]int{0, 30, 1}, [3]int{5, 70, 1}), 0, 35, true},
		{"a pause between two runs", clocked([3]int{0, 30, 1}, [3]int{9000, 9040, 1}), 8000, 35, true},
		{"interrupted in an earlier run", clocked([3]int{0, 30, 1}, [3]int{30, 9000, 2}), 9500, 30, true},
		{"interrupted and gone on with", clocked([3]int{0, 30, 1}, [3]int{30, 9050, 2}), 9000, 40, true},
		{"a duplicate among them", clocked([3]int{0, 30, 1}, [3]int{30, 32, 0}), 0, 16, true},
	} {
		seconds, ok := pace(test.trials, time.Unix(test.began, 0))
		if seconds != test.seconds || ok != test.ok {
			t.Errorf("%s: %v s, %v; want %v s, %v", test.name, seconds, ok, test.seconds, test.ok)
		}
	}
	long := clocked()
	for i := range 15 { // the first five took an hour each
		end := 3600 * (i + 1)
		if i >= 5 {
			end = 18_000 + 60*(i-4)
		}
		long = append(long, trial.Trial{State: trial.Complete, Runs: 1, Ended: time.Unix(int64(end), 0)})
	}
	if seconds, ok := pace(long, time.Time{}); seconds != 60 || !ok {
		t.Errorf("the pace is %v s, want that of the latest %d: 60 s", seconds, paceOf)
	}
}

func TestLeft(t *testing.T) {
	ran := clocked([3]int{0, 30, 1}, [3]int{30, 70, 1}) // 35 s each
	for _, test := range []struct {
		name   string
		p      *progress
		trials trial.History
		want   time.Duration
		ok     bool
	}{
		{"of how many is not known", &progress{}, ran, 0, false},
		{"through", &progress{total: 2}, ran, 0, false},
		{"between two trials", &progress{total: 4}, ran, 70 * time.Second, true},
		{"in the middle of one", &progress{total: 4, training: 3, done: 0.5}, ran, 52500 * time.Millisecond, true},
		{"in the first, before its forecast", &progress{total: 4, training: 1, done: 0.1, since: time.Unix(70, 0)}, nil, 0, false},
		{"in the first, after its forecast", &progress{total: 4, training: 1, done: 0.1, since: time.Unix(70, 0), forecast: "41 s"}, nil, 390 * time.Second, true},
		{"no trial begins after a minute and a half", &progress{total: 100, limit: 90 * time.Second}, ran, 45 * time.Second, true},
	} {
		p := test.p
		p.now, p.began = func() time.Time { return time.Unix(80, 0) }, time.Unix(0, 0)
		left, ok := p.left(test.trials)
		if left.Round(time.Millisecond) != test.want || ok != test.ok {
			t.Errorf("%s: %v, %v; want %v, %v", test.name, left, ok, test.want, test.ok)
		}
	}
}

func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                 "a few seconds",
		11 * time.Second:  "about 15 s",
		54 * time.Second:  "about 55 s",
		58 * time.Second:  "about 1 min",
		236 * time.Second: "about 4 min",
		19 * time.Minute:  "about 20 min",
		59 * time.Minute:  "about 60 min",
		62 * time.Minute:  "about 1 h 0 min",
		119 * time.Minute: "about 2 h 0 min",
		95 * time.Minute:  "about 1 h 40 min",
		30 * time.Hour:    "about 30 h",
		-5 * time.Second:  "a few seconds",
	} {
		if got := about(d); got != want {
			t.Errorf("about(%v) = %q, want %q", d, got, want)
		}
	}
}
