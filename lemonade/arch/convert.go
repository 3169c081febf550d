package arch

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// convert returns v as the argument's Go type. It takes Go numbers, json.Number
// and lists of them, an int where a pair is declared, and strings of any case
// where there are choices.
func (a *Arg) convert(v any) (any, error) {
	switch a.Kind {
	case KindInt:
		if n, ok := wholeNumber(v); ok {
			return n, a.inRange(float64(n))
		}
		return nil, a.wants("a whole number", v)
	case KindPair:
		if n, ok := wholeNumber(v); ok {
			return []int{n, n}, a.inRange(float64(n))
		}
		list, ok := wholeNumbers(v)
		if ok && len(list) == 1 {
			list = []int{list[0], list[0]}
		}
		if !ok || len(list) != 2 {
			return nil, a.wants("a whole number or a pair such as (3, 1)", v)
		}
		return list, a.allInRange(list)
	case KindInts:
		if n, ok := wholeNumber(v); ok {
			return []int{n}, a.inRange(float64(n))
		}
		list, ok := wholeNumbers(v)
		if !ok {
			return nil, a.wants("a list of whole numbers", v)
		}
		if len(list) == 0 || len(list) > MaxRank {
			return nil, fmt.Errorf("%s must have 1 to %d entries, got %d", a.Name, MaxRank, len(list))
		}
		return list, a.allInRange(list)
	case KindFloat:
		f, ok := number(v)
		if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, a.wants("a number", v)
		}
		return f + 0, a.inRange(f) // + 0 turns -0 into 0
	case KindBool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, a.wants("True or False", v)
	case KindText:
		s, ok := v.(string)
		if ok && a.Choices == nil {
			return s, nil
		}
		if l := strings.ToLower(s); ok && slices.Contains(a.Choices, l) {
			return l, nil
		}
		return nil, a.wants("one of "+quoted(a.Choices), v)
	}
	return nil, fmt.Errorf("%s has the unknown kind %q", a.Name, a.Kind)
}

func (a *Arg) wants(what string, v any) error {
	if _, ok := v.(float64); ok && a.Kind == KindInt {
		return fmt.Errorf("%s must be %s, got %s; // divides without a rest", a.Name, what, show(v))
	}
	return fmt.Errorf("%s must be %s, got %s", a.Name, what, show(v))
}

func (a *Arg) inRange(f float64) error {
	if f >= a.Min && f <= a.Max {
		return nil
	}
	return fmt.Errorf("%s must be between %s and %s, got %s", a.Name,
		formatBound(a.Min), formatBound(a.Max), strconv.FormatFloat(f, 'g', -1, 64))
}

func (a *Arg) allInRange(list []int) error {
	for _, n := range list {
		if err := a.inRange(float64(n)); err != nil {
			return err
		}
	}
	return nil
}

func formatBound(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// quoted lists choices as "same" or "valid".
func quoted(choices []string) string {
	var b strings.Builder
	for i, c := range choices {
		switch {
		case i > 0 && i == len(choices)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(c))
	}
	return b.String()
}

// show prints a value in an error, never at length.
func show(v any) string {
	var s string
	switch v := v.(type) {
	case string:
		s = strconv.Quote(v)
	case bool:
		s = "False"
		if v {
			s = "True"
		}
	default:
		s = fmt.Sprint(v)
	}
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:57], "") + "..."
	}
	return s
}

// wholeNumber takes a Go or JSON number without a fraction, within ±2^53.
func wholeNumber(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, v >= -1<<53 && v <= 1<<53
	case bool, string:
		return 0, false
	}
	f, ok := number(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int(f), true
}

func wholeNumbers(v any) ([]int, bool) {
	switch v := v.(type) {
	case []int:
		return slices.Clone(v), true
	case Shape:
		return slices.Clone([]int(v)), true
	case []any:
		out := make([]int, len(v))
		for i, e := range v {
			n, ok := wholeNumber(e)
			if !ok {
				return nil, false
			}
			out[i] = n
		}
		return out, true
	}
	return nil, false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}
