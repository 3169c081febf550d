package datasets

import (
	_ "embed"
	"fmt"
	"math/bits"
	"strings"
)

// nasBench201Bits has a bit for each sample that the splits of NAS-Bench-201 divide,
// lowest first. Its origin and licence are in nasbench201/README.md.
//
//go:embed nasbench201/splits.bin
var nasBench201Bits []byte

// The splits of NAS-Bench-201 (Dong and Yang, 2020), which its published figures are
// of: of CIFAR-10 half of the training samples validate; of CIFAR-100 and
// ImageNet16-120 half of what was published as the test split.
var (
	nasBench201CIFAR10  = nasBench201(nasBench201Bits[:50000/8], false)
	nasBench201CIFAR100 = nasBench201(nasBench201Bits[50000/8:60000/8], true)
	nasBench201ImageNet = nasBench201(nasBench201Bits[60000/8:], true)
)

func nasBench201(set []byte, ofTest bool) *benchmark {
	return &benchmark{name: "nasbench201", title: "split as in NAS-Bench-201", set: set, ofTest: ofTest}
}

// benchmark is a way to split a set that came with a benchmark on it.
type benchmark struct {
	name, title string
	set         []byte // a bit for each sample: whether it validates
	ofTest      bool   // the samples are those of the published test split, else those of Train
}

// validates says whether a sample does.
func (d *benchmark) validates(i int) bool { return d.set[i/8]>>(i%8)&1 == 1 }

// count returns how many samples validate.
func (d *benchmark) count() (n int) {
	for _, b := range d.set {
		n += bits.OnesCount8(b)
	}
	return n
}

// describe is what becomes of a set.
func (d *benchmark) describe(i Info) Info {
	i.Name += "?split=" + d.name
	i.Title += ", " + d.title
	i.Validation = d.count()
	if d.ofTest {
		i.Train, i.Test = i.Train+i.Validation, i.Test-i.Validation
	}
	return i
}

// option reads the one option of a set that can be split so: split=NAME.
func (d *benchmark) option(query string) error {
	_, err := parseOptions("?"+query, func(key, value string) error {
		switch {
		case key != "split":
			return fmt.Errorf("there is no option %q: write split=%s, or nothing", key, d.name)
		case value != d.name:
			return fmt.Errorf("there is no split %q of it: write split=%s, or nothing", value, d.name)
		}
		return nil
	})
	if err == nil && query == "" {
		err = fmt.Errorf("no option follows the question mark: write split=%s, or nothing", d.name)
	}
	return err
}

// askedSplit is the name of the split that the name of a set asks for, or "".
func askedSplit(name string) string {
	base, split, _ := strings.Cut(name, "?split=")
	if strings.Contains(base, ":") { // a spec has options of its own
		return ""
	}
	return split
}

// apply divides a set that was read as published. Where samples of the test split
// validate, Train has room for them at its end.
func (d *benchmark) apply(s *Set, g geometry) {
	all := s.Train.Len()
	if d.ofTest {
		all = s.Test.Len()
	}
	var validation, rest []int32
	for i := range all {
		if d.validates(i) {
			validation = append(validation, int32(i))
		} else {
			rest = append(rest, int32(i))
		}
	}
	if d.ofTest {
		moved, at, size := g.pick(s.Test, validation), s.Train.Len()-len(validation), g.size()
		copy(s.Train.Images[at*size:], moved.Images)
		copy(s.Train.Labels[at:], moved.Labels)
		s.Test = g.pick(s.Test, rest)
		for k := range validation {
			validation[k] = int32(at + k)
		}
	}
	s.validation = validation
}
