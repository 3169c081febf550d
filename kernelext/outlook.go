package kernelext

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/record"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// What is assumed of a training where no earlier study tells: about what networks of
// the rule book took on two processor cores, on Digits and CIFAR-10 alike. The tokens
// are those of a small model on Digits.
const (
	assumedPixel  = 2e-6 // seconds of training for each pixel of each picture and epoch
	assumedToken  = 3e-6 // the same for each token of a text; recurrent layers take many times that
	assumedAround = 10.  // seconds around each training: compilation and measurement
	assumedWatts  = 3.
	assumedPrompt = 5000 // tokens for each trial, repairs included
	assumedAnswer = 350
	assumedWait   = 30. // seconds
)

// past is what earlier studies tell of the trainings to come.
type past struct {
	names   []string  // of all studies
	studies int       // that tell something
	perStep []float64 // seconds of training for each picture and epoch
	around  []float64 // seconds around a training
	watts   []float64
	method  string // of the energy

	asked   []trial.Spending // of trials by a language model
	waiting []float64        // seconds for its answers, by trial
	model   string
}

// outlook is the forecast of a search.
type outlook struct {
	from            string // "from 24 trainings …", or what is assumed
	samples, epochs int
	trials          int
	seconds         float64
	kWh             float64
	method          string
	model           string  // language model; "" without one
	tokens          int     // of all trials
	dollars         float64 // NaN where the price is unknown
}

// fewTrials is below what a search hardly is one; a search of more than enoughTrials
// rather trains longer.
const (
	fewTrials    = 3
	enoughTrials = 12
	mostTrials   = 30
)

// pastOf reads the studies of the folder that w names: their trainings on the same
// data, and the calls of the same language model.
func pastOf(ctx context.Context, w Wishes) (p past, err error) {
	if _, p.model, err = modelOf(w.Proposer); err != nil {
		return p, err
	}
	dir := w.Dir
	if dir == "" {
		if dir, err = lemonade.DefaultDir(); err != nil {
			return p, err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, record.File)); err != nil {
		return p, nil //nolint:nilerr // without a database there is no past
	}
	store, err := record.Open(dir)
	if err != nil {
		return p, err
	}
	defer store.Close()
	studies, err := store.Studies(ctx)
	if err != nil {
		return p, err
	}
	for _, study := range studies {
		p.names = append(p.names, study.Name)
		s, err := readStored(study.Options)
		if err != nil || s.Replay != "" || s.Data != w.Recognise {
			continue // it tells nothing of trainings on this data
		}
		trials, err := store.Trials(ctx, study.Name)
		if err != nil {
			return p, err
		}
		p.take(s, trials)
	}
	return p, nil
}

// modelOf is the language model that a proposer asks, "" without one.
func modelOf(proposer string) (local bool, model string, err error) {
	model, _, local, err = propose.Options{}.Resolve(proposer)
	return local, model, err
}

// take adds what one study tells.
func (p *past) take(s stored, trials trial.History) {
	samples := s.TrainSamples
	if samples == 0 && s.Info != nil {
		samples = s.Info.Available()
	} else if info, err := datasets.Lookup(s.Data); err == nil && samples == 0 {
		samples = info.Available()
	}
	before := len(p.perStep)
	for _, t := range trials.Complete() {
		training := t.Seconds[trial.PhaseTrain] + t.Seconds[trial.PhaseEvaluate]
		if t.Runs != 1 || training <= 0 || samples == 0 || s.Epochs == 0 {
			continue
		}
		total := 0.0
		for _, seconds := range t.Seconds {
			total += seconds
		}
		p.perStep = append(p.perStep, training/float64(samples*s.Epochs))
		p.around = append(p.around, total-training)
		energy, okE := t.Metrics[trial.TrainingEnergy]
		took, okT := t.Metrics[trial.TrainingTime]
		if okE && okT && took.Value > 0 {
			p.watts = append(p.watts, energy.Value*3.6e6/took.Value)
			p.method = energy.Method
		}
		if spent := t.Spent(); p.model != "" && s.Model == p.model && spent.Calls > 0 {
			p.asked = append(p.asked, spent)
			p.waiting = append(p.waiting, spent.Duration.Seconds())
		}
	}
	if len(p.perStep) > before {
		p.studies++
	}
}

// plan chooses how long networks are trained such that there is time for enough of
// them, and forecasts what the search takes.
func (p past) plan(w Wishes, info datasets.Info) outlook {
	perStep, around, watts := assumedPixel, assumedAround, assumedWatts
	if info.Task == datasets.TextClassification {
		perStep = assumedToken * float64(info.Shape[0])
	} else {
		perStep *= float64(info.Shape[0] * info.Shape[1])
	}
	out := outlook{
		from:   fmt.Sprintf("assumed from networks on two processor cores, since no earlier study on %s is here; a GPU is faster", datasets.Short(info.Name)),
		method: trial.MethodEstimate, model: p.model,
	}
	if len(p.perStep) > 0 {
		perStep, around = median(p.perStep), median(p.around)
		out.from = fmt.Sprintf("from %d trainings on %s in %d studies here", len(p.perStep), datasets.Short(info.Name), p.studies)
		if p.studies == 1 {
			out.from = strings.Replace(out.from, "studies", "study", 1)
		}
	}
	if len(p.watts) > 0 {
		watts, out.method = median(p.watts), p.method
	}
	waiting := p.language(w, &out)
	most := w.Time.Seconds()
	for _, step := range [][2]int{{0, 10}, {20_000, 5}, {10_000, 5}, {5000, 3}, {2000, 2}, {1000, 1}} {
		samples := step[0]
		if samples >= info.Available() {
			continue
		}
		if samples == 0 {
			samples = info.Available()
		}
		out.samples, out.epochs = step[0], step[1]
		training := perStep * float64(samples*step[1])
		each := training + around + waiting
		out.trials = max(1, min(int(most/each), mostTrials))
		out.seconds = float64(out.trials) * each
		out.kWh = float64(out.trials) * training * watts / 3.6e6
		if out.trials >= enoughTrials || training < around+waiting { // less training would not leave time for many more
			break
		}
	}
	out.tokens *= out.trials
	out.dollars *= float64(out.trials)
	return out
}

// language adds what a language model takes for each trial, and returns the seconds.
func (p past) language(w Wishes, out *outlook) (waiting float64) {
	if p.model == "" {
		return 0
	}
	prompt, answer := float64(assumedPrompt), float64(assumedAnswer)
	waiting = assumedWait
	out.dollars = math.NaN()
	if len(p.asked) > 0 {
		prompt, answer = 0, 0
		dollars := 0.0
		for _, s := range p.asked {
			prompt, answer, dollars = prompt+float64(s.PromptTokens), answer+float64(s.AnswerTokens), dollars+s.Dollars
			if s.Unpriced > 0 {
				dollars = math.NaN()
			}
		}
		n := float64(len(p.asked))
		prompt, answer, out.dollars, waiting = prompt/n, answer/n, dollars/n, median(p.waiting)
	}
	out.tokens = int(prompt + answer)
	if local, _, err := modelOf(w.Proposer); err == nil && !local && math.IsNaN(out.dollars) {
		for _, m := range propose.Models() {
			if m.Name == p.model && m.Provider == w.Proposer {
				out.dollars = (prompt*m.Prompt + answer*m.Answer) / 1e6
				break
			}
		}
	}
	if len(p.asked) == 0 {
		out.from += fmt.Sprintf("; of the language model %s + %s tokens a trial are assumed", thousands(assumedPrompt), thousands(assumedAnswer))
	}
	return waiting
}

// items are the lines of the forecast.
func (o outlook) items() []item {
	energy := "about " + objective.Format(trial.TrainingEnergy, o.kWh)
	how := "of the trainings, by " + inWords(o.method)
	if !trial.Measured(o.method) {
		how = "of the trainings, " + inWords(o.method)
	}
	all := []item{
		{"time", about(time.Duration(o.seconds * float64(time.Second))), fmt.Sprintf("for %d networks; the first study prepares the worker besides, a minute or two", o.trials)},
		{"energy", energy, how},
	}
	if o.model == "" {
		return append(all, item{"dollars", "$0", "the rule book proposes; the electricity is not counted"})
	}
	price := item{"dollars", "unknown", "the price of " + clip(o.model, 60) + " is not known here"}
	if !math.IsNaN(o.dollars) {
		price.value, price.note = "about "+dollars(o.dollars), "for "+thousands(o.tokens)+" tokens of "+clip(o.model, 60)
	}
	return append(all, price)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
