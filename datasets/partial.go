package datasets

import "fmt"

// partialMend says how to take a copy as it is.
const partialMend = "--partial (Options.Partial in Go) takes the copy as it is, and marks the study"

// Partial is the mark of a copy that has fewer samples than were published, such as
// "partial: 10,000 of 50,000", and "" for a whole one.
func (i Info) Partial() string {
	if i.Published == 0 {
		return ""
	}
	return partialMark(i.Train+i.Test, i.Published)
}

func partialMark(have, want int) string {
	return fmt.Sprintf("partial: %s of %s", thousands(have), thousands(want))
}

// scaled is the description of a copy with so many samples.
func (i Info) scaled(train, test int) Info {
	if train != i.Train || test != i.Test {
		i.Published = i.Train + i.Test
		i.Train, i.Test, i.Validation = train, test, validationOf(train)
	}
	return i
}

// shortfall is what a copy lacks of what was published, as an error.
type shortfall struct {
	noun       string // what the samples are
	have, want int    // samples, of all splits
	parts      []string
}

func (s *shortfall) Error() string {
	return fmt.Sprintf("%s of %s %s: the rest is missing (%s)", thousands(s.have), thousands(s.want), s.noun, few(s.parts))
}

// lacks compares one part with what was published of it.
func (s *shortfall) lacks(name string, have, want int) {
	s.have += have
	s.want += want
	switch {
	case have == 0:
		s.parts = append(s.parts, name+" is missing")
	case have < want:
		s.parts = append(s.parts, fmt.Sprintf("%s has %s of %s", name, thousands(have), thousands(want)))
	}
}

func (s *shortfall) partial() bool { return s.have < s.want }

// published is for [Info.Published].
func (s *shortfall) published() int {
	if s.partial() {
		return s.want
	}
	return 0
}

// accept returns a shortfall as an error or, where partial copies are taken, as a note.
func (p prep) accept(s *shortfall) (notes []string, err error) {
	if !s.partial() {
		return nil, nil
	}
	if err := p.refuse(s); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("%s %s are here; results are not comparable with published ones", partialMark(s.have, s.want), s.noun)}, nil
}

// refuse returns the error of a copy that is not whole, and nil where such are taken.
func (p prep) refuse(err error) error {
	switch {
	case p.whole:
		return err
	case p.partial:
		return nil
	}
	return fmt.Errorf("%w; %s", err, partialMend)
}
