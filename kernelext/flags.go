package kernelext

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lemo-nade/lemonade/lemonade"
	"github.com/lemo-nade/lemonade/lemonade/device"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/propose"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// usage prints the flags in their groups.
func usage(c *cobra.Command, groups []*pflag.FlagSet) error {
	out := c.OutOrStderr()
	fmt.Fprintf(out, "Usage:\n  %s\n\nExamples:\n%s\n", c.UseLine(), c.Example)
	for _, g := range groups {
		fmt.Fprintf(out, "\n%s:\n%s", g.Name(), g.FlagUsagesWrapped(110))
	}
	return nil
}

// Where discoverFlags has its groups.
const groupRun, groupStudy, groupMeasure, groupCalls, groupCaps = 0, 1, 2, 4, 5

// discoverFlags returns the flags, a set for each heading, and what reads them once
// they are parsed.
func discoverFlags() (groups []*pflag.FlagSet, read func() (lemonade.Options, lemonade.RunOptions, error)) {
	var (
		o                   lemonade.Options
		run                 lemonade.RunOptions
		rungs               string
		wants, limits       []string
		axes, without       []string
		stops               []string
		lag                 int
		temperature         float64
		maxTokens, maxCalls count
	)
	group := func(heading string) *pflag.FlagSet {
		g := pflag.NewFlagSet(heading, pflag.ContinueOnError)
		g.SortFlags = false
		groups = append(groups, g)
		return g
	}
	f := group("This run")
	f.IntVar(&run.Trials, "trials", 0, "`N` trials in total, earlier ones included")
	f.StringArrayVar(&stops, "stop-after", nil, "`CONDITION` that ends this run sooner: a time such as 30m, a training energy such as 0.1kWh, or target; may be repeated")
	f.StringVar(&o.Dir, "studies", "", "`FOLDER` that holds the studies (default LEMONADE_STUDIES, else in the data folder)")

	f.BoolVar(&o.NoReuse, "no-reuse", false, "train also what a study of the folder has trained already, under the same conditions")

	f = group("The study")
	f.StringVar(&o.Data, "data", "", "`NAME` of the data set: "+dataNames())
	f.BoolVar(&o.Partial, "partial", false, partialHelp)
	f.StringVar(&o.Proposer, "proposer", "", "`WHO` proposes networks: "+strings.Join(propose.Names(), ", ")+" (default rulebook); replay with --replay")
	f.StringVar(&o.Prefer, "prefer", "", "`WHAT` matters: "+presetNames()+", or none where the wants say it all (default balanced)")
	f.StringArrayVar(&wants, "want", nil, "`METRIC[=TARGET][:PRIORITY]` to improve, such as inference_energy=5mJ:high; may be repeated")
	f.StringArrayVar(&limits, "limit", nil, "`METRIC=VALUE` that no network may break, such as model_size=1MB, or latency@BOARD=20ms; may be repeated")
	f.StringSliceVar(&axes, "axes", nil, "`METRIC,METRIC` are the axes of the Pareto front (default "+strings.Join(texts(objective.DefaultAxes), ",")+")")
	f.IntVar(&o.TrainSamples, "train-samples", 0, "`N` training samples, drawn evenly from the classes (default all)")
	f.IntVar(&o.Epochs, "epochs", 0, "`N` epochs per trial (default 10)")
	f.StringVar(&rungs, "rungs", "", "`N` trainings of growing length: each network gets the shortest, and only the better ones the next, such as 3, or 3,reduction=3,shrink=epochs|samples|both,least=1 (default 1: all are trained in full at once)")
	f.Int64Var(&o.Seed, "seed", 0, "`N` seeds weights, order and proposals (default 1)")
	f.StringVar(&o.Recipe, "recipe", "", "`free|fixed`: programs choose how they are trained, or all are trained alike (default free)")
	f.StringVar(&o.Template, "template", "", "`PATH` of a program whose choices are all that is proposed, or "+strings.Join(lemonade.Templates(), ", ")+" (default programs are free)")
	f.StringVar(&o.Rules, "rules", "", "`PATH` of a rule book in YAML (default the built-in one)")
	f.StringArrayVar(&without, "without", nil, "`PART` of the method to switch off, to see what it is worth: "+strings.Join(texts(lemonade.Parts), ", ")+"; may be repeated")
	f.StringVar(&o.Replay, "replay", "", "`STUDY` whose answers and measurements are replayed, without a model or training; with --proposer replay")

	f = group("Measurement, fixed with the study")
	f.StringVar(&o.Measure.Require, "require", "", "`measured`: stop at the start where energy could only be estimated")
	f.StringVar(&o.Measure.Meter, "meter", "", "`METHOD` that counts energy: nvml-counter, rapl, estimate, nvml-counter+rapl or nvml-counter+estimate (default LEMONADE_METER, else the best that the machine has)")
	f.StringSliceVar(&o.Measure.Boards, "board", nil, "`NAME,NAME` of boards whose latency and energy are predicted for every network: "+boardNames())
	f.DurationVar(&o.Measure.Profile, "profile", 0, "`TIME` that measuring a trained network may take, such as 5s (default the profiler's, under 20 s)")
	f.StringVar(&o.Measure.Carbon.Location, "location", "", "`COUNTRY` whose grid the CO2e is reckoned with, by name or two-letter code (default LEMONADE_LOCATION, else the world's average)")
	f.Float64Var(&o.Measure.Carbon.Intensity, "carbon-intensity", 0, "`G` of CO2e per kWh, in place of the country's (default LEMONADE_CARBON_INTENSITY)")
	f.Float64Var(&o.Measure.Carbon.PUE, "pue", 0, "`PUE`: power usage effectiveness of the building, 1 or more (default LEMONADE_PUE, else 1)")

	f = group("The language model, fixed with the study")
	f.StringVar(&o.LLM.Model, "model", "", "`NAME` of the model (default OPENAI_MODEL or GEMINI_MODEL, else "+defaultModels()+")")
	f.Float64Var(&temperature, "temperature", 0, "`T` from 0 to 2, where the model takes one: how freely it answers (default OPENAI_TEMPERATURE or GEMINI_TEMPERATURE, else 1)")
	f.IntVar(&lag, "lag", 0, "`0|1`: the next network is asked for after one is trained, or meanwhile (default 0 for a model on this machine, else 1)")

	f = group("How the language model is called, given anew with each run")
	f.StringVar(&o.LLM.Format, "llm-format", "", "`json|fenced`: an answer under a schema, or one with the program between fences (default json at the provider's own endpoint, else fenced)")
	f.Float64Var(&o.LLM.Rate, "llm-rate", 0, "`N` calls per minute at most (default no limit)")
	f.DurationVar(&o.LLM.Timeout, "llm-timeout", 0, "`TIME` that one answer may take, such as 20m of a slow machine; all those of a round may take three times that (default 5m)")

	f = group("What the language model may use in all, earlier runs of the study and calls in flight included")
	f.Float64Var(&o.LLM.Cap.Dollars, "max-cost", 0, "`USD` at most; needs a model whose price is known (default no cap)")
	f.Var(&maxTokens, "max-tokens", "`TOKENS` of prompts and answers at most, such as 200k or 1.5M (default no cap)")
	f.Var(&maxCalls, "max-calls", "`CALLS` at most, repairs included (default no cap)")

	changed := func(name string) bool {
		return slices.ContainsFunc(groups, func(g *pflag.FlagSet) bool { return g.Changed(name) })
	}
	return groups, func() (lemonade.Options, lemonade.RunOptions, error) {
		o.Prefer = preset(o.Prefer)
		faults := []error{parseObjective(&o, wants, limits)}
		for _, stop := range stops {
			faults = append(faults, run.Stop.ParseStop(stop))
		}
		for _, axis := range axes {
			o.Axes = append(o.Axes, trial.Metric(strings.TrimSpace(axis)))
		}
		for _, part := range without {
			o.Without = append(o.Without, lemonade.Part(part))
		}
		if rungs != "" {
			var err error
			o.Rungs, err = lemonade.ParseRungs(rungs)
			faults = append(faults, err)
		}
		if changed("lag") {
			o.Lag = &lag
		}
		if changed("temperature") {
			o.LLM.Temperature = &temperature
		}
		o.LLM.RoundTimeout = 3 * o.LLM.Timeout
		o.LLM.Cap.Tokens, o.LLM.Cap.Calls = int(maxTokens), int(maxCalls)
		return o, run, errors.Join(faults...)
	}
}

// partialHelp says what the flag --partial does.
const partialHelp = "take a copy of the data that has fewer samples than were published, and mark all that comes of it"

// texts are the names as strings.
func texts[T ~string](names []T) []string {
	var all []string
	for _, n := range names {
		all = append(all, string(n))
	}
	return all
}

// defaultModels names what each provider is asked for where nothing is said.
func defaultModels() string {
	var names []string
	for _, m := range propose.Models() {
		if m.Default {
			names = append(names, m.Name+" of "+m.Provider)
		}
	}
	return strings.Join(names, ", ")
}

// count is a flag for a number such as 200k or 1.5M.
type count int

func (n *count) Set(text string) error {
	digits, scale := text, 1.0
	for suffix, s := range map[string]float64{"k": 1e3, "K": 1e3, "M": 1e6} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			digits, scale = rest, s
		}
	}
	v, err := strconv.ParseFloat(digits, 64)
	v *= scale
	whole := math.Round(v)
	if err != nil || !(whole >= 1 && whole <= 1e15) || math.Abs(v-whole) > 1e-3 { // 2.3M is not quite whole
		return fmt.Errorf("%q is not a positive number such as 200k or 1.5M", text)
	}
	*n = count(whole)
	return nil
}

func (n *count) String() string { return strconv.Itoa(int(*n)) }
func (*count) Type() string     { return "number" }

func parseObjective(o *lemonade.Options, wants, limits []string) error {
	var faults []error
	for _, text := range wants {
		w, err := objective.ParseWant(text)
		faults = append(faults, err)
		o.Wants = append(o.Wants, w)
	}
	var err error
	o.Limits, err = parseLimits(limits)
	return errors.Join(append(faults, err)...)
}

// parseLimits reads limits such as model_size=1MB; nil where there are none.
func parseLimits(limits []string) (map[trial.Metric]float64, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	parsed := map[trial.Metric]float64{}
	var faults []error
	for _, text := range limits {
		metric, value, err := objective.ParseLimit(text)
		faults = append(faults, err)
		parsed[metric] = value
	}
	return parsed, errors.Join(faults...)
}

// boardNames lists the boards that figures are predicted for.
func boardNames() string {
	var names []string
	for _, b := range device.Boards() {
		names = append(names, b.Name)
	}
	return strings.Join(names, ", ")
}
