package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

var ctx = context.Background()

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func create(t testing.TB, s *Store, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := s.CreateStudy(ctx, Study{Name: name, Created: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}); err != nil {
			t.Fatal(err)
		}
	}
}

func save(t testing.TB, s *Store, study string, trials ...trial.Trial) {
	t.Helper()
	for _, x := range trials {
		if err := s.SaveTrial(ctx, study, x); err != nil {
			t.Fatal(err)
		}
	}
}

// full is a trial in which no field is empty; its attempts are apart.
func full(t testing.TB, id int) (trial.Trial, []trial.Attempt) {
	t.Helper()
	input := arch.Shape{8, 8, 1}
	program, err := arch.Parse(arch.Seed(input, 10)+"# ü\n", input, 10)
	if err != nil {
		t.Fatal(err)
	}
	spread, effectiveness := 0.25, 0.625
	attempts := []trial.Attempt{
		{Turn: 0, Proposer: "openai", State: trial.Invalid, Reason: "model.star:3:14: cannot + [16 16 32] and [32 32 3]", Program: "def network(", Hash: "",
			Exchange: &trial.Exchange{Model: "m", Prompt: []trial.Message{{Role: "system", Content: "a <b> \"c\""}, {Role: "user", Content: "d\n\x00"}},
				Answer: "```\n", PromptTokens: 12, AnswerTokens: 3, Duration: 1500 * time.Millisecond, Error: "none"}},
		{Turn: 1, Proposer: "rulebook", State: trial.Complete, Program: "p", Hash: "abc"},
	}
	return trial.Trial{
		ID: id, State: trial.Complete, Reason: "r", Proposer: "rulebook", Parent: 1,
		Commands: []trial.Command{{Code: "ACL", Text: "add convolutional layer", Rule: "low accuracy", Reason: "accuracy is 31 %"}},
		Program:  program, Hash: "abc", Key: "key", Costs: arch.Costs{Params: 1, MACs: 2, ModelBytes: 3, ActivationMemory: 4, Depth: 5}, Runs: 2,
		Metrics: trial.Metrics{
			trial.Accuracy:        {Value: 0.1 + 0.2, Method: trial.MethodCounted, Spread: &spread, Note: "of 143"},
			trial.InferenceEnergy: {Value: 5e-324, Unit: "J", Method: trial.MethodEstimate, Low: &spread, High: &effectiveness, Idle: &spread, Quality: "short"},
			trial.MACs:            {Value: 1 << 53, Method: trial.MethodStatic},
		},
		Curve: []trial.Epoch{{Epoch: 1, Loss: 2.3, TrainAccuracy: 0.1, Accuracy: 0.2, Seconds: 1.25}, {Epoch: 2, Loss: 1.1}},
		Rungs: []trial.Rung{{Rung: 1, Of: 2, Step: 7, Epochs: 1, Samples: 50, Share: 0.5, Key: "short", State: trial.Complete, Through: true, Metrics: trial.Metrics{trial.Accuracy: {Value: 0.1}},
			Curve: []trial.Epoch{{Epoch: 1}}, Seconds: map[string]float64{"train": 2}, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Ended: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)},
			{Rung: 2, Of: 2, Step: 8, Epochs: 2, Share: 1, Key: "key", State: trial.Infeasible, Reason: "r"}},
		Forecast: &trial.Forecast{Energy: 1e-6, Seconds: 2, Error: &spread},
		Quality: &trial.Quality{
			Data: "digits:0123/split1/whole", Classes: 10, Confusion: []trial.Confused{{True: 3, Predicted: 3, Count: 14}, {True: 3, Predicted: 8, Count: 1}},
			Mistakes: []trial.Answer{{Index: 7, True: 3, Predicted: 8, Confidence: 0.9312}},
		},
		Effectiveness: &effectiveness, Weights: "weights/3.bin",
		Conditions: &trial.Conditions{Machine: "an EPYC, 2 threads", Device: "cpu", Plugin: "p.so", Meter: trial.MethodRAPL, Profile: time.Second, PUE: 1.2, Intensity: 480},
		Reused:     &trial.Source{Study: "b", Trial: 7},
		Started:    time.Date(2026, 3, 4, 5, 6, 7, 890, time.UTC), Ended: time.Date(2026, 3, 4, 5, 7, 8, 0, time.UTC),
	}, attempts
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "a")
	first := trial.Trial{ID: 1, State: trial.Waiting, Started: time.Date(2026, 1, 1, 1, 1, 1, 1, time.FixedZone("CET", 3600))}
	second, attempts := full(t, 2)
	save(t, s, "a", second, first)
	for _, a := range []trial.Attempt{attempts[1], attempts[0], attempts[1]} { // out of order, and one twice
		if err := s.AddAttempt(ctx, "a", 2, a); err != nil {
			t.Fatal(err)
		}
	}
	first.Started = first.Started.UTC()
	second.Attempts = attempts
	want := trial.History{first, second}
	for name, store := range map[string]*Store{"the same": s, "another": open(t, dir)} {
		got, err := store.Trials(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s store (-want +got):\n%s", name, diff)
		}
	}

	// Saving again replaces all but the attempts.
	second.Metrics = trial.Metrics{trial.Loss: {Value: 1, Unit: "nats", Method: trial.MethodCounted}}
	second.Effectiveness, second.Curve, second.Quality, second.State, second.Program = nil, nil, nil, trial.Failed, nil
	changed := second
	changed.Attempts = nil
	save(t, s, "a", changed)
	got, err := s.Trials(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trial.History{first, second}, got); diff != "" {
		t.Errorf("saved again (-want +got):\n%s", diff)
	}
	if got, err := s.Trials(ctx, "other"); err != nil || got != nil {
		t.Errorf("a study that is not there has %v, %v", got, err)
	}
}

// TestOutlines reads what is left of a trial without its large parts, which saving that
// again does not take away.
func TestOutlines(t *testing.T) {
	s := open(t, t.TempDir())
	create(t, s, "a")
	want, attempts := full(t, 1)
	want.Dropped = []trial.Dropped{{Command: want.Commands[0], Reason: "others come first"}}
	want.Lessons = &trial.Lessons{Text: "- wider is better", Exchange: attempts[0].Exchange}
	save(t, s, "a", want)
	for _, a := range attempts {
		if err := s.AddAttempt(ctx, "a", 1, a); err != nil {
			t.Fatal(err)
		}
	}
	want.Attempts = attempts
	for _, programs := range []bool{false, true} {
		got, err := s.Outlines(ctx, "a", programs)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(trial.History{want.Outline(programs)}, got); diff != "" {
			t.Errorf("programs %v (-want +got):\n%s", programs, diff)
		}
		got[0].Weights, want.Weights = "", ""
		save(t, s, "a", got[0])
		after, ok, err := s.Trial(ctx, "a", 1)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("programs %v, saved again (-want +got):\n%s", programs, diff)
		}
	}
	if _, ok, err := s.Trial(ctx, "a", 2); ok || err != nil {
		t.Errorf("a trial that is not there: %v, %v", ok, err)
	}
	if n, err := s.Count(ctx, "a"); n != 1 || err != nil {
		t.Errorf("%d trials, %v", n, err)
	}
}

// TestOlderCalls reads in outline what was recorded before calls had a column.
func TestOlderCalls(t *testing.T) {
	dir := written(t, 3, `INSERT INTO attempts (study, trial, turn, proposer, state, reason, program, hash, exchange)
		VALUES ('a', 1, 0, 'openai', 'complete', '', 'p', '', '{"model":"m","prompt":[{"role":"user","content":"a \u0000 b"}],"answer":"c","prompt_tokens":7}')`)
	h, err := open(t, dir).Outlines(ctx, "a", false)
	if err != nil {
		t.Fatal(err)
	}
	want := []trial.Attempt{{Proposer: "openai", State: trial.Complete, Exchange: &trial.Exchange{Model: "m", PromptTokens: 7}}}
	if diff := cmp.Diff(want, h[0].Attempts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStudies(t *testing.T) {
	s := open(t, t.TempDir())
	a := Study{Name: "b study", Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Options: json.RawMessage(`{"data": "digits",  "seed": 1}`)}
	b := Study{Name: "a-study.2", Created: time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC), State: json.RawMessage(`null`)}
	for _, st := range []Study{b, a} {
		if err := s.CreateStudy(ctx, st); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateStudy(ctx, a); !errors.Is(err, ErrExists) {
		t.Errorf("created twice: %v", err)
	}
	got, err := s.Studies(ctx)
	if diff := cmp.Diff([]Study{a, b}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	a.State = json.RawMessage(`{"anchors": {"accuracy": 0.5}}`)
	if err := s.SetState(ctx, a.Name, a.State); err != nil {
		t.Fatal(err)
	}
	one, ok, err := s.Study(ctx, a.Name)
	if diff := cmp.Diff(a, one); err != nil || !ok || diff != "" {
		t.Errorf("%v, %v (-want +got):\n%s", ok, err, diff)
	}
	if _, ok, err := s.Study(ctx, "c"); ok || err != nil {
		t.Errorf("a study that is not there: %v, %v", ok, err)
	}
	if err := s.SetState(ctx, "c", nil); !errors.Is(err, ErrNoStudy) {
		t.Errorf("state of a study that is not there: %v", err)
	}
	if err := s.SetState(ctx, a.Name, json.RawMessage(`{`)); err == nil || !strings.Contains(err.Error(), "State is not valid JSON") {
		t.Errorf("broken state: %v", err)
	}
	if err := s.CreateStudy(ctx, Study{Name: "d", Options: json.RawMessage(`x`)}); err == nil || !strings.Contains(err.Error(), "Options") {
		t.Errorf("broken options: %v", err)
	}
}

func TestRefused(t *testing.T) {
	s := open(t, t.TempDir())
	create(t, s, "a")
	nan, inf := math.NaN(), math.Inf(-1)
	for want, x := range map[string]trial.Trial{
		"metric loss is NaN":                      {ID: 1, Metrics: trial.Metrics{trial.Loss: {Value: nan}}},
		"the spread of metric latency is -Inf":    {ID: 1, Metrics: trial.Metrics{trial.Latency: {Spread: &inf}}},
		"the idle part of metric latency is -Inf": {ID: 1, Metrics: trial.Metrics{trial.Latency: {Idle: &inf}}},
		"the loss of epoch 3 is NaN":              {ID: 1, Curve: []trial.Epoch{{Epoch: 3, Loss: nan}}},
		"the training accuracy of epoch 4 is NaN": {ID: 1, Curve: []trial.Epoch{{Epoch: 4, TrainAccuracy: nan}}},
		"the effectiveness is NaN":                {ID: 1, Effectiveness: &nan},
		"the id is 0":                             {},
	} {
		if err := s.SaveTrial(ctx, "a", x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := s.SaveTrial(ctx, "b", trial.Trial{ID: 1}); !errors.Is(err, ErrNoStudy) {
		t.Errorf("a trial of no study: %v", err)
	}
	if err := s.AddAttempt(ctx, "a", 1, trial.Attempt{}); err == nil || !strings.Contains(err.Error(), "save it first") {
		t.Errorf("an attempt of no trial: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.SaveTrial(cancelled, "a", trial.Trial{ID: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	if h, err := s.Trials(ctx, "a"); err != nil || len(h) != 0 {
		t.Errorf("something was written all the same: %v, %v", h, err)
	}
	if n, err := s.Changed(ctx, "a"); err != nil || n != 0 {
		t.Errorf("something was counted all the same: %d, %v", n, err)
	}
}

func TestFind(t *testing.T) {
	s := open(t, t.TempDir())
	create(t, s, "a", "b")
	at := func(sec int) time.Time { return time.Date(2026, 1, 1, 0, 0, sec, 0, time.UTC) }
	static := trial.Metrics{trial.Params: {Value: 1, Method: trial.MethodStatic}}
	measured := trial.Metrics{trial.Params: {Value: 1, Method: trial.MethodStatic}, trial.Accuracy: {Value: 0.5, Method: trial.MethodCounted}}
	stopped := trial.Metrics{trial.TrainingEnergy: {Value: 1, Method: trial.MethodRAPL}}
	save(t, s, "a",
		trial.Trial{ID: 1, State: trial.Running, Key: "running"},
		trial.Trial{ID: 2, State: trial.Failed, Key: "failed", Metrics: measured},
		trial.Trial{ID: 3, State: trial.Duplicate, Key: "both"},
		trial.Trial{ID: 4, State: trial.Infeasible, Key: "before", Metrics: static},
		trial.Trial{ID: 5, State: trial.Infeasible, Key: "after", Metrics: measured},
		trial.Trial{ID: 6, State: trial.Complete, Key: ""},
		trial.Trial{ID: 7, State: trial.Infeasible, Key: "both", Metrics: measured, Ended: at(1)},
		trial.Trial{ID: 8, State: trial.Complete, Key: "both", Metrics: measured, Ended: at(9)},
		trial.Trial{ID: 9, State: trial.Infeasible, Key: "stopped", Metrics: stopped},
		trial.Trial{ID: 10, State: trial.Pruned, Key: "rung", Metrics: measured, Rungs: []trial.Rung{
			{Rung: 1, Of: 3, Key: "low", State: trial.Complete, Metrics: trial.Metrics{trial.Accuracy: {Value: 0.25}}}, {Rung: 2, Of: 3, Key: "rung", State: trial.Complete},
		}},
		trial.Trial{ID: 11, State: trial.Failed, Key: "broke", Rungs: []trial.Rung{{Rung: 1, Of: 3, Key: "broke", State: trial.Failed}}},
	)
	early := trial.Trial{ID: 1, State: trial.Complete, Key: "both", Metrics: measured, Ended: at(8)}
	here := trial.Conditions{Machine: "m", Device: "d", PUE: 1.1}
	save(t, s, "b", early,
		trial.Trial{ID: 2, State: trial.Complete, Key: "here", Metrics: measured, Ended: at(1)},
		trial.Trial{ID: 3, State: trial.Complete, Key: "here", Metrics: measured, Ended: at(2), Conditions: &here},
		trial.Trial{ID: 4, State: trial.Complete, Key: "taken", Metrics: measured, Ended: at(2), Conditions: &here, Reused: &trial.Source{Study: "a", Trial: 8}},
	)
	if err := s.AddAttempt(ctx, "b", 1, trial.Attempt{Proposer: "p"}); err != nil {
		t.Fatal(err)
	}
	early.Attempts = []trial.Attempt{{Proposer: "p"}}
	for key, want := range map[string]struct {
		study string
		id    int
	}{"running": {}, "failed": {}, "before": {}, "stopped": {}, "": {}, "unknown": {}, "taken": {}, "here": {"b", 3}, "after": {"a", 5}, "both": {"b", 1}, "low": {"a", 10}, "rung": {"a", 10}, "broke": {}} {
		study, x, ok, err := s.Find(ctx, key, here)
		if err != nil || study != want.study || x.ID != want.id || ok != (want.id != 0) {
			t.Errorf("%q: study %q, trial %d, %v, %v; want %+v", key, study, x.ID, ok, err, want)
		}
		if key == "low" && (x.State != trial.Complete || x.Metrics[trial.Accuracy].Value != 0.25 || x.Metrics[trial.Params].Value != 1) {
			t.Errorf("as it was at its first rung: %s, %v", x.State, x.Metrics)
		}
		if key == "both" {
			if diff := cmp.Diff(early, x); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func TestChanged(t *testing.T) {
	dir := t.TempDir()
	s, reader := open(t, dir), open(t, dir)
	create(t, s, "a", "b")
	last := int64(-1)
	for name, write := range []func() error{
		func() error { return nil },
		func() error { return s.SaveTrial(ctx, "a", trial.Trial{ID: 1}) },
		func() error { return s.SaveTrial(ctx, "a", trial.Trial{ID: 1, Reason: "x"}) },
		func() error { return s.AddAttempt(ctx, "a", 1, trial.Attempt{}) },
		func() error { return s.SetState(ctx, "a", json.RawMessage(`1`)) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		now, err := reader.Changed(ctx, "a")
		if err != nil || now <= last {
			t.Errorf("write %d: %d after %d, %v", name, now, last, err)
		}
		last = now
	}
	if n, err := reader.Changed(ctx, "b"); err != nil || n != 0 {
		t.Errorf("the other study has %d, %v", n, err)
	}
	if _, err := reader.Changed(ctx, "c"); !errors.Is(err, ErrNoStudy) {
		t.Errorf("a study that is not there: %v", err)
	}
}

// TestOpenTogether creates one database by many at once.
func TestOpenTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder with a ? and a # and a %41")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := os.Stat(filepath.Join(dir, File)); err != nil {
		t.Error(err)
	}
}

func TestForeignDatabases(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"newer", "PRAGMA user_version = 99", fmt.Sprintf("version 99, this Lemonade knows versions up to %d: use a newer Lemonade", len(migrations))},
		{"of another program", "CREATE TABLE t (x)", "database of another program"},
		{"not a database", "", "not a database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, File)
			if c.sql == "" {
				if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 100)), 0o644); err != nil {
					t.Fatal(err)
				}
			} else {
				db, err := sql.Open("sqlite", path)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := db.Exec(c.sql); err != nil {
					t.Fatal(err)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if err == nil {
				s.Close()
			}
		})
	}
}

// TestSettings looks at what the promises rest on.
func TestSettings(t *testing.T) {
	s := open(t, t.TempDir())
	for name, db := range map[string]*sql.DB{"writer": s.writer, "reader": s.reader} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "user_version": fmt.Sprint(len(migrations))} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %q, %v; want %q", name, pragma, got, err, want)
			}
		}
	}
	if _, err := s.reader.Exec("CREATE TABLE t (x)"); err == nil {
		t.Error("the reader can write")
	}
}

func BenchmarkSaveTrial(b *testing.B) {
	s := open(b, b.TempDir())
	create(b, s, "a")
	x, _ := full(b, 1)
	for b.Loop() {
		if err := s.SaveTrial(ctx, "a", x); err != nil {
			b.Fatal(err)
		}
		x.ID++
	}
}

func BenchmarkTrials1000(b *testing.B) {
	s := open(b, b.TempDir())
	create(b, s, "a")
	for id := range 1000 {
		x, attempts := full(b, id+1)
		save(b, s, "a", x)
		for _, a := range attempts {
			if err := s.AddAttempt(ctx, "a", x.ID, a); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		if h, err := s.Trials(ctx, "a"); err != nil || len(h) != 1000 {
			b.Fatal(len(h), err)
		}
	}
}
