package benchmark

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lemo-nade/lemonade/datasets"
	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/benchmark/networks"
	"github.com/lemo-nade/lemonade/lemonade/energy/carbon"
	"github.com/lemo-nade/lemonade/lemonade/evaluate"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// RecipeOptions say what [Recipes] compares. Zero values take their defaults.
type RecipeOptions struct {
	Data         string  // name of the data set; needed
	Partial      bool    // take a copy of Data that has fewer samples than were published, and mark the report
	Network      string  // of package networks; default plain
	TrainSamples int     // per training; default all
	Epochs       int     // per training; default 8
	Seeds        []int64 // default 1 to 6
	Dir          string  // where what was trained is kept; default recipes in [DefaultDir]
	ReportOnly   bool    // train nothing, report on what is kept
	Log          func(string)
}

func (o RecipeOptions) complete() (RecipeOptions, error) {
	var faults []error
	if o.Data == "" {
		faults = append(faults, errors.New("data: none is named"))
	}
	if o.Network == "" {
		o.Network = networks.All[0].Name
	}
	if _, err := networks.Find(o.Network); err != nil {
		faults = append(faults, err)
	}
	if o.TrainSamples < 0 || o.Epochs < 0 {
		faults = append(faults, fmt.Errorf("train samples and epochs: %d and %d must not be negative", o.TrainSamples, o.Epochs))
	}
	if o.Epochs == 0 {
		o.Epochs = 8
	}
	if len(o.Seeds) == 0 {
		o.Seeds = []int64{1, 2, 3, 4, 5, 6}
	}
	if o.Dir == "" {
		dir, err := DefaultDir()
		faults = append(faults, err)
		o.Dir = filepath.Join(dir, "recipes")
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o, errors.Join(faults...)
}

// wholeRecipe has every ingredient that airbench (Jordan 2024) and NAS-Bench-201 (Dong &
// Yang 2020) agree on or that one of them adds, at a batch for few samples.
var wholeRecipe = arch.Recipe{
	Optimizer: "sgd", LearningRate: 0.1, Momentum: 0.9, WeightDecay: 5e-4, LabelSmoothing: 0.2, BatchSize: 128,
	Schedule: "one_cycle", Warmup: 0.23, Flip: true, Crop: 2,
}

// change is what an arm does to the whole recipe.
type change struct {
	name string
	to   func(*arch.Recipe)
}

// changes leave one ingredient out each, or put another in its place.
var changes = []change{
	{"whole recipe", func(*arch.Recipe) {}},
	{"no label smoothing", func(r *arch.Recipe) { r.LabelSmoothing = 0 }},
	{"label smoothing 0.1", func(r *arch.Recipe) { r.LabelSmoothing = 0.1 }},
	{"no momentum", func(r *arch.Recipe) { r.Momentum = 0 }},
	{"AdamW at 0.002", func(r *arch.Recipe) { r.Optimizer, r.LearningRate, r.WeightDecay = "adamw", 0.002, 0.05 }},
	{"no mirroring", func(r *arch.Recipe) { r.Flip = false }},
	{"no moving", func(r *arch.Recipe) { r.Crop = 0 }},
	{"moved by 4 pixels", func(r *arch.Recipe) { r.Crop = 4 }},
	{"constant rate", func(r *arch.Recipe) { r.Schedule, r.Warmup = "constant", 0 }},
	{"cosine, no warm-up", func(r *arch.Recipe) { r.Schedule, r.Warmup = "cosine", 0 }},
	{"no weight decay", func(r *arch.Recipe) { r.WeightDecay = 0 }},
	{"batch 64 at 0.05", func(r *arch.Recipe) { r.BatchSize, r.LearningRate = 64, 0.05 }},
	{"batch 1024 at 0.8", func(r *arch.Recipe) { r.BatchSize, r.LearningRate = 1024, 0.8 }},
}

// RecipeReport tells what each ingredient of a recipe is worth.
type RecipeReport struct {
	Data         string      `json:"data"`
	Partial      string      `json:"partial,omitempty"` // the mark of a partial copy, as in [datasets.Info.Partial]
	Network      string      `json:"network"`
	TrainSamples int         `json:"train_samples"` // 0 is all
	Epochs       int         `json:"epochs"`
	Seeds        []int64     `json:"seeds"`
	Recipe       arch.Recipe `json:"recipe"` // the whole one
	Arms         []RecipeArm `json:"arms"`
}

// RecipeArm is the whole recipe, first, or one that is changed in one place.
type RecipeArm struct {
	Name       string  `json:"name"`
	Accuracy   Summary `json:"accuracy"`
	Difference Summary `json:"difference"`    // to the whole recipe in the same seeds; of none for itself
	Seconds    Summary `json:"train_seconds"` // of the training alone
}

// trained is a line of what is kept.
type trained struct {
	Key      string  `json:"key"` // of the trial
	Accuracy float64 `json:"accuracy"`
	Seconds  float64 `json:"train_seconds"`
}

// Recipes trains one network with a recipe and with each of its ingredients left out,
// all arms of a seed before the next seed. What was trained is kept as it ends, so the
// same call goes on where it was stopped.
func Recipes(ctx context.Context, o RecipeOptions) (_ RecipeReport, err error) {
	o, err = o.complete()
	if err != nil {
		return RecipeReport{}, err
	}
	account, err := carbon.Account(carbon.Options{})
	if err != nil {
		return RecipeReport{}, err
	}
	ref, err := prepare(ctx, MeasureOptions{Data: o.Data, Partial: o.Partial, Log: o.Log})
	if err != nil {
		return RecipeReport{}, err
	}
	worker, err := evaluate.Open(ctx, evaluate.Options{Log: o.Log})
	if err != nil {
		return RecipeReport{}, err
	}
	defer func() { err = errors.Join(err, worker.Close()) }()
	return recipes(ctx, o, ref.Info, worker, trial.Job{
		Data:    trial.Data{Name: ref.Name, Dir: ref.Dir, TrainSamples: o.TrainSamples, Fingerprint: datasets.Fingerprint(ref, o.TrainSamples)},
		Budget:  trial.Budget{Epochs: o.Epochs, Profile: profileTime},
		Account: account,
	})
}

// recipes trains each arm as that job.
func recipes(ctx context.Context, o RecipeOptions, info datasets.Info, e evaluate.Evaluator, job trial.Job) (RecipeReport, error) {
	network, err := networks.Find(o.Network)
	if err != nil {
		return RecipeReport{}, err
	}
	p, err := arch.Parse(network.Source(), arch.InputOf(info.Shape, info.Vocabulary), len(info.ClassNames))
	if err != nil {
		return RecipeReport{}, fmt.Errorf("network %s on %s: %w", o.Network, o.Data, err)
	}
	job.Network = p.Network
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return RecipeReport{}, err
	}
	kept, err := readTrained(o.file())
	if err != nil {
		return RecipeReport{}, err
	}
	known := make([]map[int64]trained, len(changes))
	for i := range known {
		known[i] = map[int64]trained{}
	}
	for _, seed := range o.Seeds {
		for i, c := range changes {
			job.Recipe, job.Seed = wholeRecipe, seed
			c.to(&job.Recipe)
			key, err := trial.Key(job, e.Describe().Engine)
			if err != nil {
				return RecipeReport{}, err
			}
			t, ok := kept[key]
			if !ok && o.ReportOnly {
				continue
			}
			if !ok {
				if t, err = o.train(ctx, e, job, key); err != nil {
					return RecipeReport{}, fmt.Errorf("%s, seed %d: %w", c.name, seed, err)
				}
				o.Log(fmt.Sprintf("seed %d, %s: accuracy %.1f %%, trained in %.0f s", seed, c.name, 100*t.Accuracy, t.Seconds))
			}
			known[i][seed] = t
		}
	}
	return o.report(info, known), nil
}

func (o RecipeOptions) file() string { return filepath.Join(o.Dir, "trained.jsonl") }

// train trains one arm with one seed, and keeps what came of it.
func (o RecipeOptions) train(ctx context.Context, e evaluate.Evaluator, job trial.Job, key string) (trained, error) {
	result, err := e.Evaluate(ctx, job, nil)
	if err != nil {
		return trained{}, err
	}
	if result.State != trial.Complete {
		return trained{}, fmt.Errorf("%s: %s", result.State, result.Reason)
	}
	t := trained{Key: key, Accuracy: result.Metrics[trial.Accuracy].Value, Seconds: result.Seconds[trial.PhaseTrain]}
	line, err := json.Marshal(t)
	if err != nil {
		return t, err
	}
	f, err := os.OpenFile(o.file(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return t, err
	}
	_, err = fmt.Fprintf(f, "\n%s\n", line) // on a line of its own, also after one that was cut short
	return t, errors.Join(err, f.Close())
}

// readTrained reads what is kept, by trial key. A line that was cut short counts as
// not written.
func readTrained(path string) (map[string]trained, error) {
	kept := map[string]trained{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var t trained
		if json.Unmarshal(lines.Bytes(), &t) == nil && t.Key != "" {
			kept[t.Key] = t
		}
	}
	return kept, lines.Err()
}

func (o RecipeOptions) report(info datasets.Info, known []map[int64]trained) RecipeReport {
	r := RecipeReport{
		Data: o.Data, Partial: info.Partial(), Network: o.Network, TrainSamples: o.TrainSamples, Epochs: o.Epochs, Seeds: o.Seeds, Recipe: wholeRecipe,
	}
	for i, c := range changes {
		var accuracy, difference, seconds []*float64
		for _, seed := range o.Seeds {
			t, ok := known[i][seed]
			whole, too := known[0][seed]
			var a, d, s *float64
			if ok {
				a, s = ptr(t.Accuracy), ptr(t.Seconds)
			}
			if ok && too && i > 0 {
				d = ptr(t.Accuracy - whole.Accuracy)
			}
			accuracy, difference, seconds = append(accuracy, a), append(difference, d), append(seconds, s)
		}
		r.Arms = append(r.Arms, RecipeArm{c.name, summarise(accuracy), summarise(difference), summarise(seconds)})
	}
	return r
}

// Write prints a report of [Recipes] as aligned text, or as Markdown.
func (r RecipeReport) Write(w io.Writer, markdown bool) error {
	samples := "all training samples"
	if r.TrainSamples > 0 {
		samples = fmt.Sprintf("%d training samples", r.TrainSamples)
	}
	_, err := fmt.Fprintf(w, `Recipes on %s: network %s, %s, %d epochs, %d seeds. Validation accuracy in per cent, means with 95 %% intervals over the seeds;
the difference is that to the whole recipe in the same seeds, in points. The whole recipe: Nesterov SGD, %g at momentum %g, weight decay %g,
label smoothing %g, batch %d, one cycle with a warm-up of %g, mirrored, moved by up to %d pixels.

`, marked(r.Data, r.Partial), r.Network, samples, r.Epochs, len(r.Seeds), r.Recipe.LearningRate, r.Recipe.Momentum, r.Recipe.WeightDecay,
		r.Recipe.LabelSmoothing, r.Recipe.BatchSize, r.Recipe.Warmup, r.Recipe.Crop)
	if err != nil {
		return err
	}
	grid := [][]string{{"", "accuracy, %", "difference", "seeds", "training, s"}}
	for _, a := range r.Arms {
		done := len(slices.DeleteFunc(slices.Clone(a.Accuracy.Values), func(v *float64) bool { return v == nil }))
		grid = append(grid, []string{a.Name, points(a.Accuracy, "%.1f"), points(a.Difference, "%+.1f"), fmt.Sprintf("%d of %d", done, len(r.Seeds)), cell(amount, a.Seconds, "")})
	}
	return writeGrid(w, grid, markdown)
}

// points writes shares in per cent with their interval.
func points(s Summary, format string) string {
	if s.Mean == nil {
		return "–"
	}
	text := fmt.Sprintf(format, 100*(*s.Mean))
	if s.Low != nil && s.High != nil {
		text += fmt.Sprintf(" ["+format+", "+format+"]", 100*(*s.Low), 100*(*s.High))
	}
	return text
}
