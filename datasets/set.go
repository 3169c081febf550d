package datasets

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Split is a part of a set.
type Split struct {
	Images []byte  // Len × height × width × channels, 0..255; nil where the samples are texts
	Tokens []int32 // Len × tokens, ids in [0, Info.Vocabulary), filled up with 0; nil where the samples are images
	Labels []int32 // Len, each an index into [Info.ClassNames]
}

// Len returns the number of samples.
func (s Split) Len() int { return len(s.Labels) }

// Set is a data set in memory. Its Train and Test hide the counts of the same
// name in Info.
type Set struct {
	Info
	Train, Test Split
	Words       []string // of texts, by token id, "" for padding and for unknown words; nil where the samples are images

	content    string  // as Ref.Fingerprint
	fit        []int32 // what is not validation, in an order whose every prefix is stratified
	validation []int32 // ascending
}

// Load reads a prepared set. It checks sizes and labels again and, where
// ref.Fingerprint is not empty, that the content is still the same; the result
// of [Fingerprint] is accepted there too.
func Load(ref Ref) (*Set, error) {
	s, name, err := lookup(ref.Name)
	if err != nil {
		return nil, err
	}
	set, err := s.load(ref)
	if err == nil && set.Name == "" {
		set.Info, err = s.describe()
	}
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", name, err)
	}
	if err := set.unchanged(ref); err != nil {
		return nil, err
	}
	set.divide()
	return set, nil
}

// unchanged holds that a set has the content that was prepared.
func (s *Set) unchanged(ref Ref) error {
	if want, _, _ := strings.Cut(ref.Fingerprint, "/"); want != "" && want != s.content {
		return fmt.Errorf("datasets: %s: the files in %s have the fingerprint %s, but %s was prepared: they changed in between; prepare the set again",
			ref.Name, ref.Dir, s.content, want)
	}
	return nil
}

// LoadFor is [Load] for a training on so many samples: Train has those of
// [Set.Fit] alone, in that order, and then those of [Set.Validate], and Test has
// none. Of a packed set no others are ever in memory. Info describes the whole.
func LoadFor(ref Ref, samples int) (*Set, error) {
	if filepath.Ext(ref.Dir) != packSuffix {
		set, err := Load(ref)
		if err != nil {
			return nil, err
		}
		whole := set.Train
		set.Train = whole.pick(set.narrow(samples))
		return set, nil
	}
	_, name, err := lookup(ref.Name)
	if err != nil {
		return nil, err
	}
	set, err := loadPackFor(ref.Dir, samples)
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", name, err)
	}
	return set, set.unchanged(ref)
}

// LoadTest reads the test split of a prepared set, which only a final does.
func LoadTest(ref Ref) (Split, error) {
	set, err := Load(ref)
	if err != nil {
		return Split{}, err
	}
	if set.Test.Len() == 0 {
		return Split{}, fmt.Errorf("datasets: %s has no test split", set.Name)
	}
	return set.Test, nil
}

// narrow makes the set one of the samples of Fit(samples) and of Validate, and returns
// their indices into Train as it was.
func (s *Set) narrow(samples int) []int32 {
	rows := slices.Concat(s.Fit(samples), s.validation)
	fit := len(rows) - len(s.validation)
	order := make([]int32, len(rows))
	for i := range order {
		order[i] = int32(i)
	}
	s.fit, s.validation, s.Test = order[:fit:fit], order[fit:], Split{}
	return rows
}

// pick copies the samples of the given indices.
func (s Split) pick(rows []int32) (to Split) {
	each := max(1, s.Len())
	size, tokens := len(s.Images)/each, len(s.Tokens)/each
	to.Images = make([]byte, 0, len(rows)*size)
	to.Tokens = make([]int32, 0, len(rows)*tokens)
	for _, row := range rows {
		i := int(row)
		to.Labels = append(to.Labels, s.Labels[i])
		to.Images = append(to.Images, s.Images[i*size:][:size]...)
		to.Tokens = append(to.Tokens, s.Tokens[i*tokens:][:tokens]...)
	}
	return to
}

// divide draws what validates, where the set does not say it, and orders the rest.
func (s *Set) divide() {
	if s.validation == nil {
		s.validation, s.fit = drawn(s.Train.Labels, s.Validation)
		return
	}
	rest := make([]int32, 0, s.Available())
	next := s.validation
	for i := range int32(s.Train.Len()) {
		if len(next) > 0 && next[0] == i {
			next = next[1:]
		} else {
			rest = append(rest, i)
		}
	}
	s.fit = stratify(s.Train.Labels, rest, saltFit)
}

// drawn returns so many samples that validate, ascending, and the others in an
// order whose every prefix is stratified.
func drawn(labels []int32, count int) (validation, fit []int32) {
	order := stratify(labels, nil, saltValidation)
	return slices.Sorted(slices.Values(order[:count])), stratify(labels, order[count:], saltFit)
}

// Validate returns the indices into Train of the validation split, ascending:
// [Info.Validation] of them, always the same.
func (s *Set) Validate() []int32 { return slices.Clone(s.validation) }

// Fit returns the indices into Train of that many samples to fit on, stratified
// and disjoint from [Set.Validate]. They are the same in every study, and those
// of a smaller number are the beginning of those of a larger one. 0, or more
// than [Info.Available], is all.
func (s *Set) Fit(samples int) []int32 {
	if samples <= 0 || samples > len(s.fit) {
		samples = len(s.fit)
	}
	return slices.Clone(s.fit[:samples])
}

// Fingerprint names the samples that a trial is trained and validated on, as
//
//	cifar10:0123456789abcdef/split1/5000-of-45000
//	cifar10:0123456789abcdef/split1/whole
//
// The digits are the beginning of a SHA-256 over the content, so another copy
// of a set has another fingerprint; split1 is the version of the splits, in whose
// place a split that was asked for has its name. It
// needs the Fingerprint that [Prepare] put into ref, and is stable: equal
// strings mean equal samples, now and in later versions.
func Fingerprint(ref Ref, samples int) string {
	part, info := "whole", ref.Info
	if samples > 0 && info.Name == "" {
		info, _ = Lookup(ref.Name) // without it the part is the whole
	}
	if samples > 0 && samples < info.Available() {
		part = fmt.Sprintf("%d-of-%d", samples, info.Available())
	}
	split := fmt.Sprintf("split%d", splitVersion)
	if asked := askedSplit(ref.Name); asked != "" {
		split = asked
	}
	return fmt.Sprintf("%s/%s/%s", ref.Fingerprint, split, part)
}
