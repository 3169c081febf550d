package main

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/energy"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// steady is a fake meter of a machine that draws 36 W; it has lost its counter
// where broken is set.
type steady struct {
	from   time.Time
	broken bool
}

func (s *steady) Method() string      { return "fake" }
func (s *steady) About() energy.About { return energy.About{} }
func (s *steady) Close() error        { return nil }
func (s *steady) Read() (energy.Reading, error) {
	if s.broken {
		return energy.Reading{}, errors.New("lost the counter")
	}
	return energy.Reading{CPU: 36 * time.Since(s.from).Seconds()}, nil
}

// A training of four epochs that take 100 s each uses 1 Wh in each, 4 Wh in all:
// with a PUE of 2 these are 2 and 8 Wh, at 500 g/kWh 1 and 4 g.
func TestWatch(t *testing.T) {
	account := trial.Accounting{PUE: 2, Intensity: 500}
	for _, test := range []struct {
		name   string
		limits map[trial.Metric]float64
		lost   bool // the meter
		want   string
		at     int // s, of the stop
	}{
		{"no limit", nil, false, "", 0},
		{"kept", map[trial.Metric]float64{trial.TrainingEnergy: 8.1e-3, trial.CO2e: 4.1, trial.TrainingTime: 401}, false, "", 0},
		{"energy", map[trial.Metric]float64{trial.TrainingEnergy: 7e-3}, false,
			"training_energy: 8.0 Wh forecast after epoch 1 of 4 break the limit of 7.0 Wh", 100},
		{"energy by little", map[trial.Metric]float64{trial.TrainingEnergy: 7.9999e-3}, false,
			"training_energy: 0.008 kWh forecast after epoch 1 of 4 break the limit of 0.0079999 kWh", 100},
		{"carbon", map[trial.Metric]float64{trial.CO2e: 3}, false,
			"co2e: 4.0 g forecast after epoch 1 of 4 break the limit of 3.0 g", 100},
		{"time, within an epoch", map[trial.Metric]float64{trial.TrainingTime: 45}, false,
			"training_time: 50.0 s used in epoch 1 of 4 break the limit of 45.0 s", 50},
		{"two", map[trial.Metric]float64{trial.TrainingTime: 350, trial.TrainingEnergy: 7e-3}, false,
			"training_energy: 8.0 Wh forecast after epoch 1 of 4 break the limit of 7.0 Wh; training_time: 400 s forecast after epoch 1 of 4 break the limit of 350 s", 100},
		{"energy that is unknown", map[trial.Metric]float64{trial.TrainingEnergy: 1e-3}, true, "", 0},
		{"time, with unknown energy", map[trial.Metric]float64{trial.TrainingEnergy: 1e-3, trial.TrainingTime: 350}, true,
			"training_time: 400 s forecast after epoch 1 of 4 break the limit of 350 s", 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const epochs = 4
				meter := &steady{from: time.Now()}
				w := &watch{budget: trial.Budget{Epochs: epochs, Limits: test.limits}, account: account, meter: meter}
				w.begin()
				meter.broken = test.lost
				start := time.Now()
				err := func() error {
					for epoch := 1; epoch <= epochs; epoch++ {
						for range 2 {
							time.Sleep(50 * time.Second)
							if err := w.check(epoch, false); err != nil {
								return err
							}
						}
						if err := w.check(epoch, true); err != nil {
							return err
						}
					}
					return nil
				}()
				if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
					t.Errorf("error\n%v; want\n%s", err, test.want)
				}
				if took := int(time.Since(start).Seconds()); err != nil && took != test.at {
					t.Errorf("stopped after %d s, want %d", took, test.at)
				}
				if w.used.Seconds != time.Since(start).Seconds() || (w.used.Joules > 0) == test.lost {
					t.Errorf("used %+v", w.used)
				}
			})
		})
	}
}

// TestJudged has a first epoch that takes longer than the others.
func TestJudged(t *testing.T) {
	for _, test := range []struct {
		name   string
		epochs int
		lost   bool
		want   *trial.Forecast // without its error
		off    float64
	}{
		{"energy", 5, false, &trial.Forecast{Energy: 5 * 36 * 20 / 3.6e6, Seconds: 100}, 100.0/60 - 1},
		{"energy that is unknown", 5, true, &trial.Forecast{Seconds: 100}, 100.0/60 - 1},
		{"one epoch", 1, false, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &watch{budget: trial.Budget{Epochs: test.epochs}, account: trial.Accounting{PUE: 1}, meter: &steady{from: time.Now(), broken: test.lost}}
				w.begin()
				time.Sleep(10 * time.Second)
				for epoch := 1; epoch <= test.epochs; epoch++ {
					time.Sleep(10 * time.Second)
					if err := w.check(epoch, true); err != nil {
						t.Fatal(err)
					}
				}
				got := w.judged()
				switch {
				case test.want == nil || got == nil:
					if got != test.want {
						t.Errorf("forecast %+v, want %+v", got, test.want)
					}
				case math.Abs(got.Energy-test.want.Energy) > 1e-12 || got.Seconds != test.want.Seconds || math.Abs(*got.Error-test.off) > 1e-9:
					t.Errorf("forecast %+v off by %v; want %+v off by %v", got, *got.Error, test.want, test.off)
				case w.forecast.Error != nil:
					t.Error("the forecast that was told already has got an error")
				}
			})
		})
	}
}

// TestClock demands that the phases add up to the time that passed.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		for k, phase := range []string{trial.PhaseData, trial.PhaseTrain, trial.PhaseEvaluate, trial.PhaseTrain, ""} {
			c.begin(phase)
			time.Sleep(time.Duration(k+1) * time.Second)
		}
		want := map[string]float64{trial.PhaseData: 1, trial.PhaseTrain: 2 + 4, trial.PhaseEvaluate: 3}
		for phase, seconds := range want {
			if c.seconds[phase] != seconds {
				t.Errorf("%s took %v s, want %v", phase, c.seconds[phase], seconds)
			}
		}
		if len(c.seconds) != len(want) {
			t.Errorf("phases %v", c.seconds)
		}
	})
}
