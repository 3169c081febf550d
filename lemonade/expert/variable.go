package expert

import (
	"fmt"
	"math"
	"strconv"

	"github.com/lemo-nade/lemonade/lemonade/arch"
	"github.com/lemo-nade/lemonade/lemonade/objective"
	"github.com/lemo-nade/lemonade/lemonade/trial"
)

// variable is a name that conditions and reasons may use. Its value is a bool,
// an int, a float64 or a string, or nil where it is unknown: a rule that names
// an unknown value does not fire.
type variable struct {
	name   string
	doc    string
	sample any // a value of its type, on which conditions are tried when they are loaded
	value  func(*situation) any
	text   func(v any) string // as it stands in a reason; nil for the default
}

// variables are those of all sections.
var variables = func() []variable {
	var all []variable
	for _, s := range sections {
		all = append(all, s.variables...)
	}
	return all
}()

// metricVariables are three for each metric: its value, how far over its mark it
// is, and the weight of the want for it.
func metricVariables() []variable {
	var all []variable
	for _, info := range trial.MetricInfos {
		m := info.Metric
		if m == trial.TestAccuracy {
			continue // the search must not see it
		}
		unit := ""
		if info.Unit != "" {
			unit = " (" + info.Unit + ")"
		}
		value := variable{name: string(m), doc: info.Doc + unit, sample: 1.0, value: func(s *situation) any { return s.metric(m) }}
		if !quality(m) {
			value.text = func(v any) string { return objective.Format(m, v.(float64)) }
			all = append(all, value, variable{
				name: string(m) + "_over", sample: 1.0,
				doc: "how many times its target " + string(m) + " is, or the first trial's measurement where it has none; above 1 is worse",
				value: func(s *situation) any {
					if v, ok := s.metric(m).(float64); ok {
						if over, _, ok := s.over(m, v); ok {
							return over
						}
					}
					return nil
				},
			})
		} else {
			all = append(all, value)
		}
		all = append(all, variable{
			name: string(m) + "_weight", doc: "weight of the want for " + string(m) + ", 0 to 1; 0 where it is not wanted", sample: 1.0,
			value: func(s *situation) any { return s.weights[m] },
		})
	}
	return all
}

func feature(name, doc string, get func(features) any) variable {
	return variable{name: name, doc: doc, sample: get(features{}), value: func(s *situation) any {
		if f := s.features(); f != nil {
			return get(*f)
		}
		return nil
	}}
}

func fromRecipe(name, doc string, get func(arch.Recipe) any) variable {
	return variable{name: name, doc: "of its recipe: " + doc, sample: get(arch.Recipe{}), value: func(s *situation) any {
		switch {
		case s.in.Recipe != nil:
			return get(*s.in.Recipe)
		case s.parent.Program == nil:
			return nil
		}
		return get(s.parent.Program.Recipe)
	}}
}

func costOf(get func(cost) any) func(*situation) any {
	return func(s *situation) any {
		if s.cost == nil {
			return nil
		}
		return get(*s.cost)
	}
}

func limitOf(get func(limit) any) func(*situation) any {
	return func(s *situation) any {
		if s.limit == nil {
			return nil
		}
		return get(*s.limit)
	}
}

func nicheOf(get func(*situation) any) func(*situation) any {
	return func(s *situation) any {
		if s.nicheSide() == "" {
			return nil
		}
		return get(s)
	}
}

// percent writes a share.
func percent(v any) string { return fmt.Sprintf("%.0f %%", 100*v.(float64)) }

// write is how a value stands in a reason: numbers with three digits.
func (v variable) write(value any) string {
	if v.text != nil {
		return v.text(value)
	}
	f, ok := value.(float64)
	if !ok {
		return fmt.Sprint(value)
	}
	if math.Abs(f) >= 1000 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

var variableByName = func() map[string]variable {
	byName := make(map[string]variable, len(variables))
	for _, v := range variables {
		byName[v.name] = v
	}
	return byName
}()
