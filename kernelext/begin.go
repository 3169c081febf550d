package kernelext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/kernelext/internal/ask"
	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// Wishes are the answers to the questions of [Begin]. What is left out takes the
// answer that is marked there.
type Wishes struct {
	Recognise string        // what it should recognise: a name of [datasets.Names], or a spec such as folder:PATH
	Partial   bool          // take a copy of that data with fewer samples than were published
	Where     string        // where it will run: "here", or a name of [device.Boards]
	Matters   string        // what matters most: "accuracy first", "balanced" or "small and fast"
	Time      time.Duration // how long the search may take

	Name     string // of the study; made of the answers where it is left out
	Proposer string // who proposes networks; default the rule book
	Dir      string // studies folder; default [lemonade.DefaultDir]
}

// Start is what it takes to begin a study: [lemonade.Open] takes the name and the
// options, [Run] the rest.
type Start struct {
	Name    string
	Options lemonade.Options
	Run     lemonade.RunOptions
}

// Begin is the first screen for people who are new here. It shows four questions with
// the answers that there are, those of w marked; what they come to in the words of the
// field; a forecast of time, energy and dollars; and the line that begins the search.
// Nothing is begun, and nothing is asked that would have to be answered at once: run
// it again with other answers until it says what you want.
//
// The forecast takes the pace of earlier studies in the same folder, else one that is
// assumed, and says which.
func Begin(ctx context.Context, w Wishes) (Start, error) { return begin(ctx, os.Stdout, w) }

func beginCommand() *cobra.Command {
	var w Wishes
	c := &cobra.Command{
		Use:   "begin",
		Short: "New here? Four questions in plain words, a forecast, and the line that begins a search",
		Long: `Four questions in plain words, a forecast of time, energy and dollars, and the line
that begins a search.

Without an answer among its flags it asks them one by one, where somebody is there to
answer, and in the end whether to begin. With one, or in a script, nothing is asked
and nothing is begun: call it again with other answers until it says what you want.`,
		Example: "  lemonade begin\n  lemonade begin --recognise cifar10 --where raspberry-pi-5 --matters small-and-fast --time 1h",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			put, ok := ask.Somebody(out)
			if !ok || w.Recognise+w.Where+w.Matters != "" || w.Time != 0 {
				_, err := begin(c.Context(), out, w)
				return err
			}
			return interview(c.Context(), out, put, w, func(s Start) error { return discover(c, s.Name, s.Options, s.Run) })
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&w.Recognise, "recognise", "", "`WHAT` it should recognise: "+dataNames())
	f.BoolVar(&w.Partial, "partial", false, partialHelp)
	f.StringVar(&w.Where, "where", "", "`WHERE` it will run: here, or one of "+boardNames())
	f.StringVar(&w.Matters, "matters", "", "`WHAT` matters most: accuracy-first, balanced or small-and-fast")
	f.DurationVar(&w.Time, "time", 0, "`TIME` that the search may take, such as 10m or 2h")
	f.StringVar(&w.Proposer, "proposer", "", "`WHO` proposes networks: "+strings.Join(propose.Names(), ", "))
	f.StringVar(&w.Name, "name", "", "`NAME` of the study (default made of the answers)")
	f.StringVar(&w.Dir, "studies", "", "`FOLDER` that holds the studies (default LEMONADE_STUDIES, else in the data folder)")
	choices(c, "recognise", datasets.Names()...)
	choices(c, "matters", "accuracy-first", "balanced", "small-and-fast")
	choices(c, "proposer", propose.Names()...)
	where := []string{here}
	for _, b := range device.Boards() {
		where = append(where, b.Name)
	}
	choices(c, "where", where...)
	return c
}

// here is the answer that the network will run on this machine.
const here = "here"

func begin(ctx context.Context, out io.Writer, w Wishes) (Start, error) {
	s, err := screenOf(ctx, w)
	if err != nil {
		return Start{}, err
	}
	display(out, s.text(), s.html())
	return s.start, nil
}

// screen is what [Begin] shows.
type screen struct {
	questions []question
	start     Start
	matters   string // a preset
	objective objective.Objective
	info      datasets.Info
	board     device.Board // where it is to run; its Name is "" for this machine
	outlook   outlook
	notes     []string
}

// fill fills in what is left out of w, and checks everything at once.
func (s *screen) fill(w *Wishes) error {
	var faults []error
	setWish(&w.Recognise, datasets.Names()[0])
	setWish(&w.Where, here)
	w.Where = dashed(plainly(w.Where)) // "Raspberry Pi 5" is raspberry-pi-5
	setWish(&w.Matters, "balanced")
	setWish(&w.Proposer, "rulebook")
	if w.Time == 0 {
		w.Time = 10 * time.Minute
	}
	w.Matters = preset(w.Matters)
	var err error
	if w.Recognise, s.info, err = recognised(w.Recognise); err != nil {
		faults = append(faults, fmt.Errorf("recognise: %w", err))
	}
	if w.Where != here {
		if s.board, err = device.Lookup(w.Where); err != nil {
			faults = append(faults, fmt.Errorf("where: %w; or %s, for this machine", err, here))
		}
	}
	if !slices.Contains(objective.Presets(), w.Matters) {
		faults = append(faults, fmt.Errorf("matters: %q is none of accuracy-first, balanced and small-and-fast", w.Matters))
	}
	if w.Time < time.Minute {
		faults = append(faults, fmt.Errorf("time: %v is too short to train anything: give a minute or more, such as 10m", w.Time))
	}
	if !slices.Contains(propose.Names(), w.Proposer) {
		faults = append(faults, fmt.Errorf("proposer: %q is unknown: choose one of %s", w.Proposer, strings.Join(propose.Names(), ", ")))
	}
	s.questions, s.matters = questionsOf(*w, s.info), w.Matters
	return errors.Join(faults...)
}

// screenOf is the screen of these wishes, with the forecast.
func screenOf(ctx context.Context, w Wishes) (s screen, err error) {
	if err := s.fill(&w); err != nil {
		return s, err
	}
	if w.Partial { // what is here is not what was published
		ref, err := prepareData(ctx, func(string) {}, w.Recognise, true)
		if err != nil {
			return s, err
		}
		s.info = ref.Info
		s.questions = questionsOf(w, s.info)
	}
	s.start = Start{
		Options: lemonade.Options{Data: w.Recognise, Partial: w.Partial, Prefer: w.Matters, Dir: w.Dir},
		Run:     lemonade.RunOptions{Stop: lemonade.Stop{Time: w.Time}},
	}
	o := &s.start.Options
	if w.Proposer != "rulebook" {
		o.Proposer = w.Proposer
	}
	if s.board.Name != "" {
		if err := s.aimAtBoard(w.Matters); err != nil {
			return s, err
		}
	}
	if s.objective, err = objectiveOf(*o); err != nil {
		return s, err
	}
	past, err := pastOf(ctx, w)
	if err != nil {
		return s, err
	}
	s.outlook = past.plan(w, s.info)
	o.TrainSamples, o.Epochs, s.start.Run.Trials = s.outlook.samples, s.outlook.epochs, s.outlook.trials
	s.name(w, past.names)
	if s.outlook.trials < fewTrials {
		s.notes = append(s.notes, fmt.Sprintf("That is time for few networks: a search begins to be worth it from about %d on.", fewTrials))
	}
	return s, nil
}

// recognised looks a data set up, and returns its name as studies keep it.
func recognised(name string) (string, datasets.Info, error) {
	clean, err := datasets.Clean(name)
	if err != nil {
		return name, datasets.Info{}, err
	}
	info, err := datasets.Lookup(clean)
	return clean, info, err
}

func setWish(answer *string, usual string) {
	if *answer = strings.TrimSpace(*answer); *answer == "" {
		*answer = usual
	}
}

// name gives the study the name that is asked for, or one that no other has.
func (s *screen) name(w Wishes, taken []string) {
	name := w.Name
	if name == "" {
		name = wordOf(datasets.Short(w.Recognise)) + "-" + strings.ReplaceAll(presetWords[w.Matters], " ", "-")
		if w.Where != here {
			name += "-" + w.Where
		}
	}
	s.start.Name = name
	for i := 2; slices.Contains(taken, s.start.Name); i++ {
		s.start.Name = fmt.Sprintf("%s-%d", name, i)
	}
	if s.start.Name != name {
		s.notes = append(s.notes, fmt.Sprintf("There is a study %s already: lemonade resume %s --trials N goes on with it. This is a new one.", name, shellWord(name)))
	}
}

// wordOf is a text as a part of a study's name.
func wordOf(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, text)
}

// aimAtBoard turns what matters into wants on the board: its time, and its energy
// where that can be predicted, in place of this machine's.
func (s *screen) aimAtBoard(prefer string) error {
	wants, err := objective.Preset(prefer)
	if err != nil {
		return err
	}
	o, axis := &s.start.Options, trial.Latency.On(s.board.Name)
	o.Wants = onBoard(wants, s.board)
	if energy := trial.InferenceEnergy.On(s.board.Name); wanted(o.Wants, energy) {
		axis = energy
	} else {
		s.notes = append(s.notes, "Its energy on the "+s.board.Title+" cannot be predicted: the time stands in for it.")
	}
	if !wanted(o.Wants, axis) {
		o.Wants = append(o.Wants, objective.Want{Metric: axis, Priority: objective.Low})
	}
	o.Prefer, o.Axes = "none", []trial.Metric{trial.Accuracy, axis}
	return nil
}

// onBoard has wants after a board's time and energy in place of this machine's,
// without the energy where that cannot be predicted.
func onBoard(wants []objective.Want, board device.Board) []objective.Want {
	var all []objective.Want
	for _, w := range wants {
		switch {
		case w.Metric == trial.InferenceEnergy && board.Power == 0:
			continue
		case w.Metric == trial.InferenceEnergy, w.Metric == trial.Latency:
			w.Metric = w.Metric.On(board.Name)
		}
		all = append(all, w)
	}
	return all
}

func wanted(wants []objective.Want, m trial.Metric) bool {
	return slices.ContainsFunc(wants, func(w objective.Want) bool { return w.Metric == m })
}

// objectiveOf is the objective of a study of these options.
func objectiveOf(o lemonade.Options) (objective.Objective, error) {
	wants := o.Wants
	if o.Prefer != "none" {
		preset, err := objective.Preset(o.Prefer)
		if err != nil {
			return objective.Objective{}, err
		}
		wants = objective.Merge(preset, wants)
	}
	wanted, err := objective.New(wants, o.Limits)
	if err != nil || len(o.Axes) == 0 {
		return wanted, err
	}
	return wanted.On(o.Axes...)
}
