package propose

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// A small model carries a command out when it is shown a line of the parent that
// could change, and what it could become; told in general terms it copies.

// hint returns one such change, "" where the text of the program offers none. It
// reads lines only: whether the change keeps the shapes is for the model to see to.
func hint(code, program string, text bool, rng *rand.Rand) string {
	find := hints[code]
	if h, ok := hintsInText[code]; ok && text {
		find = h
	}
	if find == nil {
		return ""
	}
	var all []string
	for line := range strings.Lines(program) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && len(line) <= hintLine {
			all = append(all, find(line, rng)...)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[rng.IntN(len(all))]
}

const hintLine = 160 // characters; a longer line is not repeated

var hints = map[string]func(line string, rng *rand.Rand) []string{
	"AMK": func(line string, rng *rand.Rand) []string { return resized(line, widths, rng, 1.5, 2) },
	"RK":  func(line string, rng *rand.Rand) []string { return resized(line, widths, rng, 0.5, 0.75) },
	"AMN": func(line string, rng *rand.Rand) []string { return resized(line, units, rng, 1.5, 2) },
	"RN":  func(line string, rng *rand.Rand) []string { return resized(line, units, rng, 0.5, 0.75) },
	"ACL": func(line string, _ *rand.Rand) []string {
		return behind(line, convLine, "%[1]s = relu(batch_norm(conv(%[1]s, %[1]s.shape[-1])))")
	},
	"ASC": func(line string, _ *rand.Rand) []string {
		return behind(line, convLine, "%[1]s = %[1]s + relu(batch_norm(conv(%[1]s, %[1]s.shape[-1])))")
	},
	"RCL": func(line string, _ *rand.Rand) []string { return deleted(line, convAgain) },
	"RDL": func(line string, _ *rand.Rand) []string { return deleted(line, denseAgain) },
	"ADL": func(line string, _ *rand.Rand) []string { return before(line, "%[1]s = relu(dense(%[1]s, 64))") },
	"AD":  func(line string, _ *rand.Rand) []string { return before(line, "%[1]s = dropout(%[1]s, rate = 0.2)") },
	"AWI": func(line string, _ *rand.Rand) []string {
		if m := convCall.FindStringSubmatchIndex(line); m != nil && !strings.Contains(line, "init") {
			return []string{fmt.Sprintf("`%s` becomes `%s, init = \"glorot_normal\"%s`", line, line[:m[1]-1], line[m[1]-1:])}
		}
		return nil
	},
}

// hintsInText replace those for images.
var hintsInText = map[string]func(line string, rng *rand.Rand) []string{
	"ACL": func(line string, _ *rand.Rand) []string {
		return behind(line, sequenceLine, "%[1]s = relu(layer_norm(conv1d(%[1]s, %[1]s.shape[-1])))")
	},
	"ASC": func(line string, _ *rand.Rand) []string {
		return behind(line, sequenceLine, "%[1]s = %[1]s + relu(layer_norm(conv1d(%[1]s, %[1]s.shape[-1])))")
	},
	"RCL": func(line string, _ *rand.Rand) []string { return deleted(line, sequenceAgain) },
	"AWI": func(line string, _ *rand.Rand) []string {
		if m := conv1dCall.FindStringSubmatchIndex(line); m != nil && !strings.Contains(line, "init") {
			return []string{fmt.Sprintf("`%s` becomes `%s, init = \"glorot_normal\"%s`", line, line[:m[1]-1], line[m[1]-1:])}
		}
		return nil
	},
}

var (
	conv1dCall    = regexp.MustCompile(`\bconv1d\([^()]*\)`)
	sequenceLine  = regexp.MustCompile(`^(\w+) = .*\b(?:conv1d|embedding|layer|block|stage)\w*\(`)
	sequenceAgain = regexp.MustCompile(`^(\w+) = (?:[\w.]+\()*(?:conv1d|lstm|gru)\((\w+)\b`)
)

var (
	convCall   = regexp.MustCompile(`\bconv\([^()]*\)`)
	convLine   = regexp.MustCompile(`^(\w+) = .*\b(?:conv|stage|block)\w*\(`)
	convAgain  = regexp.MustCompile(`^(\w+) = (?:[\w.]+\()*conv\((\w+)\b`)
	denseAgain = regexp.MustCompile(`^(\w+) = (?:[\w.]+\()*dense\((\w+)\b`)
	lastDense  = regexp.MustCompile(`^return dense\((\w+), classes\b`)
	// A width is a number from 4 up that is an argument by place or by the name of a
	// width, or stands in a list: not a kernel's side, a stride or a rate.
	widths = regexp.MustCompile(`(?:[,(\[] ?|filters ?= ?)(\d{1,4})\b(?:[^.\d]|$)`)
	units  = regexp.MustCompile(`dense\([^()]*?,\s*(?:units ?= ?)?(\d{1,4})\b`)
)

// resized multiplies one width of a line by one of the factors.
func resized(line string, at *regexp.Regexp, rng *rand.Rand, factors ...float64) (out []string) {
	if at == widths && (strings.Contains(line, "dense(") || strings.HasPrefix(line, "return training")) {
		return nil
	}
	for _, m := range at.FindAllStringSubmatchIndex(line, -1) {
		n, err := strconv.Atoi(line[m[2]:m[3]])
		if err != nil || n < 4 {
			continue
		}
		changed := max(2, int(float64(n)*factors[rng.IntN(len(factors))]))
		out = append(out, fmt.Sprintf("`%s` becomes `%s%d%s`", line, line[:m[2]], changed, line[m[3]:]))
	}
	return out
}

func behind(line string, at *regexp.Regexp, insert string) []string {
	if m := at.FindStringSubmatch(line); m != nil {
		return []string{fmt.Sprintf("behind `%s` a new line `%s`", line, fmt.Sprintf(insert, m[1]))}
	}
	return nil
}

func before(line, insert string) []string {
	if m := lastDense.FindStringSubmatch(line); m != nil {
		return []string{fmt.Sprintf("before `%s` a new line `%s`", line, fmt.Sprintf(insert, m[1]))}
	}
	return nil
}

// deleted offers a line that gives a tensor a new value of its own.
func deleted(line string, at *regexp.Regexp) []string {
	if m := at.FindStringSubmatch(line); m != nil && m[1] == m[2] {
		return []string{fmt.Sprintf("the line `%s` goes", line)}
	}
	return nil
}
