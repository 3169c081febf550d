package datasets

import (
	"fmt"
	"strings"
)

// division is how the samples of a set of one's own are split.
type division struct {
	info          *Info
	tests, checks bool   // the split for tests, or for validation, is given
	noun          string // what a sample is
}

// validationOf is how many of so many training samples validate where nobody says it.
func validationOf(train int) int { return max(train/10, min(200, train/4)) }

// leastOfClass is how many samples a class must have: of ten, two test and two or
// one validate.
const leastOfClass = 10

// draw sets the splits that are not given, counts them in the info, and holds that every class
// has samples in all. Its note says what the test lacks.
func (d division) draw(labels []int32, parts []part) (note string, err error) {
	var train []int32
	for i, p := range parts {
		if p == partTrain {
			train = append(train, int32(i))
		}
	}
	if !d.tests {
		for _, i := range stratify(labels, train, saltTest)[:len(train)/5] {
			parts[i] = partTest
		}
	}
	var count [3]int
	var kept []int32 // labels of Train
	for i, p := range parts {
		count[p]++
		if p != partTest {
			kept = append(kept, labels[i])
		}
	}
	d.info.Train, d.info.Test, d.info.Validation = len(kept), count[partTest], count[partValidation]
	if !d.checks {
		d.info.Validation = validationOf(len(kept))
	}
	return d.enough(labels, parts, kept)
}

// enough holds that every class has samples in every split.
func (d division) enough(labels []int32, parts []part, kept []int32) (note string, err error) {
	names := d.info.ClassNames
	all, fit, checks := make([]int, len(names)), make([]int, len(names)), make([]int, len(names))
	tests := make([]int, len(names))
	for i, label := range labels {
		all[label]++
		switch {
		case parts[i] == partTest:
			tests[label]++
		case parts[i] == partValidation:
			checks[label]++
		case d.checks:
			fit[label]++
		}
	}
	if !d.checks {
		validation, rest := drawn(kept, d.info.Validation)
		for _, i := range validation {
			checks[kept[i]]++
		}
		for _, i := range rest {
			fit[kept[i]]++
		}
	}
	for _, rule := range []struct {
		count  []int
		least  int
		reason string
	}{
		{all, leastOfClass, fmt.Sprintf("too few %ss (%d are the least)", d.noun, leastOfClass)},
		{fit, 1, fmt.Sprintf("no %s to train on", d.noun)},
		{checks, 1, fmt.Sprintf("no %s to validate on", d.noun)},
	} {
		var lacking []string
		for label, n := range rule.count {
			if n < rule.least {
				lacking = append(lacking, fmt.Sprintf("%q with %d", names[label], n))
			}
		}
		if len(lacking) > 0 {
			return "", fmt.Errorf("%s: class %s: add some, or take the class out", rule.reason, few(lacking))
		}
	}
	var absent []string
	for label, n := range tests {
		if n == 0 {
			absent = append(absent, names[label])
		}
	}
	if len(absent) > 0 {
		note = fmt.Sprintf("the test split has no %s of %s", d.noun, few(absent))
	}
	return note, nil
}

// few lists the first of some names, and counts the rest.
func few(names []string) string {
	if more := len(names) - 3; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), more)
	}
	return strings.Join(names, ", ")
}
