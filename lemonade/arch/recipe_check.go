package arch

import (
	"errors"
	"fmt"
	"slices"
)

// DefaultRecipe trains small networks with batch normalisation in few epochs.
var DefaultRecipe = Recipe{
	Optimizer:    "sgd",
	LearningRate: 0.1,
	Momentum:     0.9,
	WeightDecay:  5e-4,
	BatchSize:    64,
	Schedule:     "one_cycle",
	Warmup:       0.3,
	Flip:         true,
}

// RecipeFor returns the recipe of a program that names none: [DefaultRecipe], and
// for a text adamw, which gives rare tokens steps of their own size.
func RecipeFor(in Input) Recipe {
	if !IsText(in) {
		return DefaultRecipe
	}
	return defaultsFor(true, textOptimizer)
}

const textOptimizer = "adamw"

// adamwRate is the learning rate of adamw where a program names none.
const adamwRate = 0.003

// defaultsFor returns the recipe of a program that names only an optimizer.
func defaultsFor(text bool, optimizer string) Recipe {
	r := DefaultRecipe
	r.Optimizer = optimizer
	r.Flip = r.Flip && !text
	if optimizer == "adamw" {
		r.LearningRate = adamwRate
	}
	return r
}

// recipeField is one field of a recipe, as training(...) takes it.
type recipeField struct {
	Arg
	get func(*Recipe) any
	set func(*Recipe, any)
	// openMin excludes the lower bound itself.
	openMin bool
}

var recipeFields = []recipeField{
	textField("optimizer", "sgd (with Nesterov momentum) or adamw", []string{"sgd", "adamw"}, func(r *Recipe) *string { return &r.Optimizer }),
	{
		Arg: floatArg("learning_rate", 0.1, 0, 10, "peak learning rate", "lr"), openMin: true,
		get: func(r *Recipe) any { return r.LearningRate }, set: func(r *Recipe, v any) { r.LearningRate = v.(float64) },
	},
	floatField("momentum", 0.999, "of sgd", func(r *Recipe) *float64 { return &r.Momentum }),
	floatField("weight_decay", 1, "not applied to norms and biases", func(r *Recipe) *float64 { return &r.WeightDecay }),
	floatField("label_smoothing", 0.5, "share of the target spread over all classes", func(r *Recipe) *float64 { return &r.LabelSmoothing }),
	intField("batch_size", 8, 1024, "samples per step", func(r *Recipe) *int { return &r.BatchSize }),
	textField("schedule", "of the learning rate", []string{"one_cycle", "cosine", "constant"}, func(r *Recipe) *string { return &r.Schedule }),
	floatField("warmup", 0.5, "share of the steps spent rising to the peak", func(r *Recipe) *float64 { return &r.Warmup }),
	boolField("flip", "mirror images left to right at random", func(r *Recipe) *bool { return &r.Flip }),
	intField("crop", 0, 8, "pixels of padding before a random crop; 0 is off", func(r *Recipe) *int { return &r.Crop }),
	boolField("turn", "turn square images by 0, 90, 180 or 270 degrees at random, where no side of them is up", func(r *Recipe) *bool { return &r.Turn }, "rotate"),
	intField("cutout", 0, 64, "side in pixels of a square that is blanked at random, at most half of the image's shorter side; 0 is off", func(r *Recipe) *int { return &r.Cutout }, "cutout_size"),
	floatField("mixup", 1, "mix every image and its label with another's, by a share drawn from Beta(mixup, mixup); 0 is off", func(r *Recipe) *float64 { return &r.Mixup }, "mixup_alpha"),
	floatField("token_dropout", 0.5, "share of a text's tokens that become unknown at random", func(r *Recipe) *float64 { return &r.TokenDropout }, "word_dropout"),
}

func textField(name, doc string, choices []string, at func(*Recipe) *string) recipeField {
	return recipeField{
		Arg: choiceArg(name, *at(&DefaultRecipe), doc, choices),
		get: func(r *Recipe) any { return *at(r) }, set: func(r *Recipe, v any) { *at(r) = v.(string) },
	}
}

func boolField(name, doc string, at func(*Recipe) *bool, aliases ...string) recipeField {
	return recipeField{
		Arg: boolArg(name, *at(&DefaultRecipe), doc, aliases...),
		get: func(r *Recipe) any { return *at(r) }, set: func(r *Recipe, v any) { *at(r) = v.(bool) },
	}
}

func floatField(name string, hi float64, doc string, at func(*Recipe) *float64, aliases ...string) recipeField {
	return recipeField{
		Arg: floatArg(name, *at(&DefaultRecipe), 0, hi, doc, aliases...),
		get: func(r *Recipe) any { return *at(r) }, set: func(r *Recipe, v any) { *at(r) = v.(float64) },
	}
}

func intField(name string, lo, hi float64, doc string, at func(*Recipe) *int, aliases ...string) recipeField {
	return recipeField{
		Arg: Arg{Name: name, Kind: KindInt, Default: *at(&DefaultRecipe), Doc: doc, Min: lo, Max: hi, Aliases: aliases},
		get: func(r *Recipe) any { return *at(r) }, set: func(r *Recipe, v any) { *at(r) = v.(int) },
	}
}

// check is convert with the field's own lower bound.
func (f *recipeField) check(v any) (any, error) {
	c, err := f.convert(v)
	if err == nil && f.openMin && c.(float64) <= f.Min {
		return nil, fmt.Errorf("%s must be more than %s and at most %s, got %v", f.Name, formatBound(f.Min), formatBound(f.Max), c)
	}
	return c, err
}

// Validate checks every field against its bounds and returns all faults at once.
func (r Recipe) Validate() error {
	var errs []error
	for i := range recipeFields {
		f := &recipeFields[i]
		v := f.get(&r)
		c, err := f.check(v)
		if err == nil && c != v {
			err = f.wants("one of "+quoted(f.Choices), v)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("recipe: %w", err))
		}
	}
	return errors.Join(errs...)
}

// canonical sets what the optimizer or the samples do not use to its default, so
// that equal trainings have equal recipes.
func (r Recipe) canonical(in Input) Recipe {
	if r.Optimizer == "adamw" {
		r.Momentum = DefaultRecipe.Momentum
	}
	if IsText(in) {
		r.Flip, r.Crop, r.Turn, r.Cutout, r.Mixup = false, 0, false, 0, 0
		return r
	}
	r.TokenDropout = 0
	if shape, _ := in.reads(); len(shape) == 3 {
		r.Turn = r.Turn && shape[0] == shape[1]
	}
	return r
}

// fits checks what depends on the size of the images: a square that could blank
// all of one, or nearly, leaves nothing to learn from.
func (r Recipe) fits(in Input) error {
	shape, _ := in.reads()
	if len(shape) != 3 || r.Cutout == 0 {
		return nil
	}
	if most := min(shape[0], shape[1]) / 2; r.Cutout > most {
		return fmt.Errorf("cutout must be at most %d, half of the shorter side of images %s, got %d", most, in, r.Cutout)
	}
	return nil
}

// recipeFrom makes a recipe from the arguments of training(...), for a network
// that reads in.
func recipeFrom(in Input, given map[string]any, names []string) (Recipe, error) {
	text := IsText(in)
	var errs []error
	values := map[string]any{}
	for _, name := range names {
		i := slices.IndexFunc(recipeFields, func(f recipeField) bool { return f.Name == name || slices.Contains(f.Aliases, name) })
		if i < 0 {
			errs = append(errs, fmt.Errorf("has no argument %q; it takes %s", name, recipeNames()))
			continue
		}
		v, err := recipeFields[i].check(given[name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		values[recipeFields[i].Name] = v
	}
	if len(errs) > 0 {
		return Recipe{}, errors.Join(errs...)
	}
	optimizer, ok := values["optimizer"].(string)
	if !ok {
		optimizer = DefaultRecipe.Optimizer
		if text {
			optimizer = textOptimizer
		}
	}
	r := defaultsFor(text, optimizer)
	for i := range recipeFields {
		if v, ok := values[recipeFields[i].Name]; ok {
			recipeFields[i].set(&r, v)
		}
	}
	r = r.canonical(in)
	return r, r.fits(in)
}

func recipeNames() string {
	s := ""
	for i := range recipeFields {
		if i > 0 {
			s += ", "
		}
		s += recipeFields[i].Name
	}
	return s
}
