package lemonade

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Measure says how networks are measured. It is fixed when a study is created, so
// that its figures compare.
type Measure struct {
	Meter   string         // of energy: a method such as "rapl"; default LEMONADE_METER, else the best that the machine has
	Require string         // "measured": fail at the start where energy could only be estimated; default anything
	Carbon  carbon.Options // from energy to CO2e; default the environment's
	Boards  []string       // of [device.Boards], whose latency and energy are predicted for every network; those that a want, limit or axis names are, too
	Profile time.Duration  // that the measurement of inference may take per trial; default the worker's, under 20 s
}

// requireMeasured is the one thing that Measure.Require may ask for.
const requireMeasured = "measured"

// chooseMeasure stores how networks are measured.
func (s *settings) chooseMeasure(m Measure) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	account, err := carbon.Account(m.Carbon)
	if err != nil {
		faults = append(faults, err)
	}
	account.Meter = m.Meter
	s.Account, s.Require, s.Boards, s.Profile = &account, m.Require, m.Boards, m.Profile
	if m.Profile < 0 {
		fault("profile: %v is negative: give the time that a measurement may take, or leave it out", m.Profile)
	}
	for _, board := range m.Boards {
		if _, err := device.Lookup(board); err != nil {
			fault("boards: %w", err)
		}
	}
	switch m.Require {
	case "":
	case requireMeasured:
		if o, err := s.objective(); err == nil && len(o.Boards()) > 0 {
			fault("require: %q does not go with a want, limit or axis of %q, whose figures are predicted", m.Require, o.Boards())
		}
	default:
		fault("require: %q is not %s", m.Require, requireMeasured)
	}
	return faults
}

// reopenMeasure reports what differs from the stored settings, through the
// function check of settings.reopen.
func (s settings) reopenMeasure(m Measure, check func(field string, given, same bool, have, want any)) error {
	account := s.account()
	check("meter", m.Meter != "", m.Meter == account.Meter, account.Meter, m.Meter)
	check("require", m.Require != "", m.Require == s.Require, s.Require, m.Require)
	check("boards", len(m.Boards) > 0, slices.Equal(m.Boards, s.Boards), s.Boards, m.Boards)
	check("profile", m.Profile != 0, m.Profile == s.Profile, s.Profile, m.Profile)
	given, err := carbon.Account(m.Carbon)
	if m.Carbon == (carbon.Options{}) || err != nil {
		return err
	}
	check("PUE", m.Carbon.PUE != 0, given.PUE == account.PUE, account.PUE, given.PUE)
	check("carbon intensity", m.Carbon.Intensity != 0 || m.Carbon.Location != "", given.Intensity == account.Intensity, carbon.Factor(account), carbon.Factor(given))
	return nil
}

// account is how energy is counted; a study older than that takes the environment's.
func (s settings) account() trial.Accounting {
	if s.Account != nil {
		return *s.Account
	}
	account, err := carbon.Account(carbon.Options{})
	if err != nil { // the worker says so again, where it matters
		return trial.Accounting{}
	}
	return account
}

// checkMeter refuses a machine whose figures would not rank with the study's, or
// not be what the study requires, before anything is trained on it.
func (s *Study) checkMeter(about evaluate.Description) error {
	if about.Meter == "" { // an evaluator that does not say
		return nil
	}
	if s.settings.Require == requireMeasured && !trial.Measured(about.Meter) {
		return fmt.Errorf("study %q requires measured energy, and here it would be by %s, which is not measured: run it where lemonade doctor finds a counter; on a GPU without a counter of the processor, --meter %s counts the GPU alone",
			s.name, about.Meter, trial.MethodNVML)
	}
	for _, m := range []trial.Metric{trial.InferenceEnergy, trial.TrainingEnergy} {
		if method := s.Objective().Methods[m]; method != "" && method != about.Meter {
			return fmt.Errorf("study %q has its %s by %s, and here it would be by %s: such values do not rank together. Set LEMONADE_METER=%s where this machine has that, or begin a study of another name",
				s.name, m, method, about.Meter, method)
		}
	}
	return nil
}

// static are the metrics that are known from the network alone, those of boards
// among them, and a limit that they break, in words. A network that a board
// cannot run breaks every limit on that board.
func (s *Study) static(p *arch.Program) (metrics trial.Metrics, broken string) {
	metrics = trial.Static(p.Network.Costs())
	var faults []string
	for _, name := range append(s.Objective().Boards(), s.settings.Boards...) {
		board, err := device.Lookup(name)
		if err != nil { // refused when the study was created
			continue
		}
		predicted, err := board.Predict(p.Network)
		maps.Copy(metrics, predicted)
		if err != nil && slices.Contains(s.Objective().Boards(), name) {
			faults = append(faults, err.Error())
		}
	}
	if reason := s.Objective().Infeasible(metrics); reason != "" {
		faults = append([]string{reason}, faults...)
	}
	return metrics, strings.Join(faults, "; ")
}

// stops are the limits at which a training is stopped.
func (s *Study) stops() limits {
	stops := limits{}
	for _, m := range []trial.Metric{trial.TrainingEnergy, trial.TrainingTime, trial.CO2e} {
		if v, ok := s.Objective().Limits[m]; ok {
			stops[m] = v
		}
	}
	return stops
}
